"""From what a builder left to registered objects: hash, check, publish, record."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import attrs
from blake3 import blake3

from hermetica.model import UNKNOWN, FixedOutput
from hermetica.model.builtins import FETCH
from hermetica.model.identity import contract_id
from hermetica.realize.checks import CheckedOutput, offences
from hermetica.realize.errors import FixedOutputMismatch, FixedOutputRefers, OutputRefused
from hermetica.realize.history import history_rows
from hermetica.realize.plan import Work, work_of
from hermetica.realize.trace import contract_rows, derivation_rows, duration_row, realisation_rows, record_row
from hermetica.realize.warnings import addresses_row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hermetica.model import Derivation, Resolved
    from hermetica.realize.context import RunContext
    from hermetica_store import Candidate, Commit, Prepared, StorePath

_CHUNK_BYTES = 1 << 20


@attrs.frozen(kw_only=True)
class Registered:
    """What a builder left, in the store.

    Attributes:
        outputs: output name -> path, usable at once.
        sizes: output name -> bytes of its files.
        commit: what to wait for until all of it is durable.
    """

    outputs: dict[str, StorePath]
    sizes: dict[str, int]
    commit: Commit


def file_hash(path: Path, algorithm: str) -> str:
    """The hash of a file's bytes, hexadecimal."""
    hasher = blake3() if algorithm == "blake3" else hashlib.new(algorithm)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            hasher.update(chunk)
    return hasher.hexdigest()


def register(
    resolved: Resolved,
    candidates: Sequence[Candidate],
    context: RunContext,
    record: tuple[bytes, dict[str, Any]],
) -> Registered:
    """Hashes, checks and publishes outputs.

    Args:
        resolved: what was built.
        candidates: what the builder left.
        context: the run.
        record: the build record's key, and the record without its outputs.

    Raises:
        RealizeError: an output breaks what the derivation declares.
        StoreError: an output cannot be stored.
    """
    store = context.store
    fixed = resolved.derivation.fixed
    prepared = store.prepare(candidates, store.closure(resolved.inputs))
    outputs = {each.output: each.path for each in prepared}
    if fixed is not None:
        _check_fixed(resolved, prepared[0], context)
    if resolved.checks:
        _check_declared(resolved, prepared, context)
    if context.options.rounds > 1:
        from hermetica.realize.checking import confirm_rounds  # noqa: PLC0415 -- builds are seldom repeated

        confirm_rounds(resolved, context, prepared)
    key, facts = record
    default = outputs[resolved.derivation.outputs[0]]
    described = {
        each.output: {"path": str(each.path), "tree": each.tree.hex, "size_bytes": each.size_bytes} for each in prepared
    }
    made = {**facts, "outcome": "built", "outputs": described}
    rows = [
        *([addresses_row(resolved.derivation)] if work_of(resolved.derivation) is Work.FETCH else []),
        *realisation_rows(resolved.derivation, resolved.id, outputs, key),
        duration_row(resolved.derivation.name, facts["duration_s"]),
        *derivation_rows([resolved.derivation], default),
        record_row(key, made, default),
        *history_rows(key, made, default),
    ]
    commit = store.publish(prepared, lease=context.lease, rows=rows)
    return Registered(outputs=outputs, sizes={each.output: each.size_bytes for each in prepared}, commit=commit)


def _check_fixed(resolved: Resolved, prepared: Prepared, context: RunContext) -> None:
    derivation, fixed = resolved.derivation, resolved.derivation.fixed
    if fixed is None:
        return
    if prepared.references:
        raise FixedOutputRefers(
            derivation,
            "a fixed output may not mention store paths",
            details=tuple(("mentions", str(path)) for path in prepared.references),
        )
    if fixed.method == "tree":
        got = prepared.tree.hex
    elif prepared.tree_on_disk.is_file() and not prepared.tree_on_disk.is_symlink():
        got = file_hash(prepared.tree_on_disk, fixed.algorithm)
    else:
        raise FixedOutputRefers(derivation, "its hash is of a file, and the output is none", hint='method="tree"')
    if got != fixed.digest:
        keep_under_true_address(derivation, fixed, got, prepared, context)
        raise FixedOutputMismatch(
            derivation,
            expected=f"{fixed.algorithm} {fixed.digest}" if fixed.is_known else UNKNOWN,
            got=f"{fixed.algorithm} {got}",
            size_bytes=prepared.size_bytes,
            hint=_mismatch_hint(derivation, fixed, got),
        )


def _mismatch_hint(derivation: Derivation, fixed: FixedOutput, got: str) -> str:
    if fixed.is_known:
        return "the content is kept under its true address: with the right hash nothing is made again"
    declaration = f'hm.FixedOutput(method="{fixed.method}", algorithm="{fixed.algorithm}", digest="{got}")'
    if work_of(derivation) is Work.FETCH:
        stands = "hm.UNKNOWN" if derivation.builder == FETCH else "hash=hm.UNKNOWN"
        declaration = f'{fixed.algorithm}="{got}" for {stands}'
    return f"write {declaration}; the content is kept, nothing is made again"


def keep_under_true_address(
    derivation: Derivation, fixed: FixedOutput, got: str, prepared: Prepared, context: RunContext
) -> None:
    """Registers content that is not what was declared as what it is, so that the right hash will find it."""
    true = FixedOutput(method=fixed.method, algorithm=fixed.algorithm, digest=got)
    rows = contract_rows(contract_id(derivation.name, true), prepared.path)
    context.store.publish([prepared], lease=context.lease, rows=rows).wait()


def _check_declared(resolved: Resolved, prepared: Sequence[Prepared], context: RunContext) -> None:
    derivation = resolved.derivation
    outputs = {each.output: each.path for each in prepared}
    by_path = {each.path: each for each in prepared}

    def refuse(name: str) -> OutputRefused:
        return OutputRefused(
            derivation,
            f"a check names {name!r}, which is neither a store path nor an output",
            details=(("outputs", ", ".join(derivation.outputs)),),
        )

    for each in prepared:
        if each.output not in resolved.checks:
            continue
        checked = CheckedOutput(
            path=each.path,
            size_bytes=each.size_bytes,
            references=frozenset(each.references),
            closure=_closure_sizes(each, by_path, context),
        )
        broken = list(offences(each.output, checked, resolved.checks[each.output], outputs, refuse))
        if broken:
            raise OutputRefused(
                derivation,
                f"output {each.output} breaks {', '.join(offence.check for offence in broken)}",
                details=tuple((offence.check, offender) for offence in broken for offender in offence.offenders),
                hint="hermetica why-depends shows where a reference stands; discard_references drops them all",
            )


def _closure_sizes(
    prepared: Prepared, siblings: Mapping[StorePath, Prepared], context: RunContext
) -> dict[StorePath, int]:
    sizes: dict[StorePath, int] = {}
    pending = [prepared.path]
    while pending:
        path = pending.pop()
        if path in sizes:
            continue
        sibling = siblings.get(path)
        if sibling is not None:
            sizes[path] = sibling.size_bytes
            pending.extend(sibling.references)
            continue
        for member in context.store.closure([path]):
            info = context.store.info(member)
            sizes[member] = 0 if info is None else info.size_bytes
    return sizes
