"""Why a target will be built, or is reused: what the store knows of it, beside what it declares now.

It asks the index for a few rows, and for former derivations only where something changed; nothing is run or written.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import attrs

from hermetica.model import current_evaluation, resolved_form
from hermetica.model.causes import count_dependants, find_causes
from hermetica.model.difference import Declared, references_in
from hermetica.realize.history import records_of_id
from hermetica.realize.realized import declared_by_id, declared_by_token, realized_under
from hermetica.realize.source_changes import file_changes
from hermetica_store.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hermetica.model import Derivation
    from hermetica.model.causes import Cause
    from hermetica.realize.realized import Realized
    from hermetica.realize.store import Store
    from hermetica.realize.trace import Trace
    from hermetica_store import ObjectStore, StorePath


class Verdict(StrEnum):
    """What realizing a target would come to."""

    REUSED = "reused"
    SAME_CONTENT = "same-content"
    BUILD = "build"
    BUILD_UNLESS_SAME = "build-unless-same"


@attrs.frozen(kw_only=True)
class Asked:
    """A target that is to be explained.

    Attributes:
        name: as its user says it.
        path: its attribute path.
        derivation: what it leads to.
    """

    name: str
    path: str
    derivation: Derivation


@attrs.frozen(kw_only=True)
class Explanation:
    """Why one target will be built, or is reused.

    Attributes:
        asked: which target.
        verdict: what realizing it would come to: ``same-content`` where its inputs are others than they were, with the
            content that they had; ``build-unless-same`` where inputs must be made before that can be known.
        outputs: name -> where it is; None where it is not in the store.
        record: of the build that made what is reused, if one did.
        failure: the record of its last build, where that failed and nothing was built since.
        last: the realization that it is compared with: the last one under this attribute path; where that is of this
            very derivation and it is reused, the one before. None where there is none.
        since: the last realization of this very derivation under this attribute path.
        causes: what made it another than ``last``, nearest first; None where that is not kept, or there is no ``last``.
        dependants: for each cause, how many derivations use it at any distance.
        followers: how many use the target.
        names: for references in what changed: what they led to.
        files: for each changed source, by its new store path: (file, ``added``, ``gone`` or ``changed``); left out
            where nobody can tell any more.
    """

    asked: Asked
    verdict: Verdict
    outputs: Mapping[str, StorePath | None]
    record: Mapping[str, Any] | None
    failure: Mapping[str, Any] | None
    last: Realized | None
    since: Realized | None
    causes: tuple[Cause, ...] | None
    dependants: tuple[int, ...]
    followers: int
    names: Mapping[str, str]
    files: Mapping[StorePath, tuple[tuple[str, str], ...]]


def explain(store: Store, targets: Sequence[Asked], graph: Sequence[Derivation]) -> list[Explanation]:
    """Explains targets.

    Args:
        store: where they are, or would be.
        targets: which.
        graph: the derivations among which dependants are counted, inputs before those that use them.
    """
    known = realized_under(store.objects, [each.path for each in targets])
    found = [_explain(store, *each) for each in zip(targets, known, strict=True)]
    roots: list[set[Digest]] = []
    for each in found:
        roots.append({each.asked.derivation.id})
        roots += [{Digest.parse(cause.derivation.id)} for cause in each.causes or ()]
    counts = iter(count_dependants(graph, roots))
    return [
        attrs.evolve(each, followers=next(counts), dependants=tuple(next(counts) for _ in each.causes or ()))
        for each in found
    ]


def _explain(store: Store, asked: Asked, known: Sequence[Realized]) -> Explanation:
    derivation, objects = asked.derivation, store.objects
    verdict, outputs = _verdict(store.trace, derivation)
    since = next((each for each in known if each.drv == derivation.id), None)
    is_newest = bool(known) and known[0].drv == derivation.id
    compared = known[1:] if is_newest and verdict is Verdict.REUSED else () if is_newest else known
    last = compared[0] if compared else None
    before = None if last is None else declared_by_id(objects, [last.drv]).get(last.drv)
    causes = None if before is None else _causes(objects, before, derivation)
    return Explanation(
        asked=asked,
        verdict=verdict,
        outputs=outputs,
        record=_record(store.trace, derivation) if verdict is Verdict.REUSED else None,
        failure=None if verdict is Verdict.REUSED else _failure(objects, derivation),
        last=last,
        since=since,
        causes=causes,
        dependants=(),
        followers=0,
        names=names_in(objects, causes or ()),
        files=_files(objects, causes or ()),
    )


def _verdict(trace: Trace, derivation: Derivation) -> tuple[Verdict, dict[str, StorePath | None]]:
    found = trace.unresolved_many([(derivation.input_id, output) for output in derivation.outputs])
    outputs = dict(zip(derivation.outputs, found, strict=True))
    if None not in found:
        return Verdict.REUSED, outputs
    sources = derivation.inputs.derivations
    inputs = trace.unresolved_many([(source.input_id, token.output) for token, source in sources])
    paths = {token: path for (token, _), path in zip(sources, inputs, strict=True) if path is not None}
    if len(paths) < len(sources):
        return Verdict.BUILD_UNLESS_SAME, outputs
    same = trace.resolved(resolved_form(derivation, paths.__getitem__).id, derivation.outputs)
    return (Verdict.BUILD, outputs) if same is None else (Verdict.SAME_CONTENT, dict(same))


def _causes(objects: ObjectStore, before: Declared, derivation: Derivation) -> tuple[Cause, ...]:
    after = Declared.of(derivation)
    return tuple(find_causes(before, after, lambda tokens: declared_by_token(objects, tokens), declared_here))


def declared_here(tokens: Sequence[str]) -> dict[str, Declared]:
    """What derivations of the evaluation in force declare, by the 32 characters of their tokens."""
    known = current_evaluation().derivations
    return {token: Declared.of(known[token]) for token in tokens if token in known}


def declared_anywhere(objects: ObjectStore, tokens: Sequence[str]) -> dict[str, Declared]:
    """The same of the evaluation in force and of those that the store keeps."""
    here = declared_here(tokens)
    return here | declared_by_token(objects, [token for token in tokens if token not in here])


def _record(trace: Trace, derivation: Derivation) -> dict[str, Any] | None:
    key = trace.record_key_of(derivation.input_id, derivation.outputs[0])
    return None if key is None else trace.record(key)


def _failure(objects: ObjectStore, derivation: Derivation) -> dict[str, Any] | None:
    newest = max(records_of_id(objects, derivation.id.hex), key=lambda record: record["started_s"], default=None)
    return newest if newest is not None and newest["outcome"] == "failed" else None


def names_in(objects: ObjectStore, causes: Iterable[Cause]) -> dict[str, str]:
    """What the references in changed fields lead to, by the 32 characters that name it: its name."""
    changes = (change for cause in causes for change in cause.fields)
    wanted = {each for change in changes for each in references_in(f"{change.before}{change.after}")}
    return {token: declared.name for token, declared in declared_anywhere(objects, list(wanted)).items()}


def _files(objects: ObjectStore, causes: Iterable[Cause]) -> dict[StorePath, tuple[tuple[str, str], ...]]:
    found: dict[StorePath, tuple[tuple[str, str], ...]] = {}
    sources = current_evaluation().sources
    for change in (change for cause in causes for change in cause.sources):
        source = sources.get(change.after.digest)
        files = None if source is None else file_changes(objects, change.before, source)
        if files is not None:
            found[change.after] = files
    return found
