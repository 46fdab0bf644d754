"""Who has what a failed build lacked: an input of its own that is not on the path, or a package beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from hermetica.realize.lacks import Kind, Lack
from hermetica.spelling import close_names

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence
    from pathlib import Path

    from hermetica.cli.session import Session
    from hermetica.model import Derivation
    from hermetica.realize.errors import BuildFailed
    from hermetica_store.digest import Digest

_SHOWN: Final = 3


@attrs.frozen(kw_only=True)
class Holder:
    """A realized output that has what a build lacked.

    Attributes:
        name: how to write it in the project, such as ``zlib`` or ``f"{zlib:dev}"``.
        file: what it has, relative to the output.
        is_input: whether it is an input of the build already.
    """

    name: str
    file: str
    is_input: bool


def explain_lacks(error: BuildFailed, session: Session, targets: Sequence[str]) -> None:
    """Adds to a failure who has what it lacked, as far as the project's own names and the store tell."""
    if not error.lacks:
        return
    beside = session.evaluator(targets).beside(targets)
    inputs = {each.input_id for _, each in error.derivation.inputs.derivations}
    named = [(each.path.rpartition(":")[2], each.derivation) for each in beside]
    unnamed = [each for _, each in error.derivation.inputs.derivations if each not in {known for _, known in named}]
    places = list(_realized(session, [*named, *((each.name, each) for each in dict.fromkeys(unnamed))]))
    for lack in error.lacks:
        holders = list(_holders(lack, places, inputs))[:_SHOWN]
        if holders:
            error.details = (*error.details, *((f"has {lack.name}", _sentence(each)) for each in holders))
            error.hint = _way(lack, holders) or error.hint
        elif lack.kind is Kind.PROGRAM and (close := _close(lack.name, [name for name, _ in named])):
            error.hint = f"add it: tools=[…]   (your set has: {', '.join(close)})"


def _realized(session: Session, named: Sequence[tuple[str, Derivation]]) -> Iterator[tuple[str, Derivation, Path]]:
    """(how it is written, the derivation, where it lies) of every output of these that is in the store."""
    wanted = [(each.input_id, output) for _, each in named for output in each.outputs]
    paths = iter(session.store.trace.unresolved_many(wanted))
    for name, each in named:
        for index, output in enumerate(each.outputs):
            path = next(paths)
            if path is not None:
                yield (name if index == 0 else f'f"{{{name}:{output}}}"'), each, session.objects.on_disk(path)


def _holders(lack: Lack, places: Iterable[tuple[str, Derivation, Path]], inputs: Container[Digest]) -> Iterator[Holder]:
    for name, derivation, place in places:
        for pattern in lack.places:
            found = next(iter(sorted(place.glob(pattern))), None) if place.is_dir() else None
            if found is not None:
                yield Holder(name=name, file=str(found.relative_to(place)), is_input=derivation.input_id in inputs)
                break


def _sentence(holder: Holder) -> str:
    return f"{holder.name} ({holder.file}){', which is an input of it already' if holder.is_input else ''}"


def _way(lack: Lack, holders: Sequence[Holder]) -> str | None:
    """What to write, where one package is meant."""
    names = dict.fromkeys(each.name for each in holders)
    if lack.kind is not Kind.PROGRAM or len(names) > 1:
        return None
    name = next(iter(names))
    if holders[0].is_input:
        return f'put {name}/bin on its PATH: env={{"PATH": f"…:{{{name}}}/bin"}}, or tools=[…, {name}] in hm.run'
    return f'add it: tools=[…, {name}] in hm.run, or env={{"PATH": f"…:{{{name}}}/bin"}}'


def _close(name: str, known: list[str]) -> list[str]:
    """Names of packages that may have a program: those that contain its name, else those that are like it."""
    last = {each.rpartition(".")[2]: None for each in known}
    return [each for each in last if name in each][:_SHOWN] or close_names(name, list(last))
