"""Repair: damaged objects get a right tree again, and rows that follow from others are put right.

Nothing is ever written into an object's place. A whole tree is made in scratch, checked against the tree digest, and
changes places with the damaged one in one step, under the claim of the path and durably; the damaged one goes to the
quarantine. A right tree comes from what is left of the object and equal files elsewhere, else from whoever can supply
it. Source: docs/format-store.md, "Repair".
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

import attrs

from hermetica_store.assemble import assemble, is_right, lost_files
from hermetica_store.codec import decode_object
from hermetica_store.consistency import INDEX, Problem, index_problem, mend_index
from hermetica_store.errors import HermeticaError, StoreError
from hermetica_store.faults import IndexDamaged
from hermetica_store.flush import sync_file_system
from hermetica_store.inspection import inspect
from hermetica_store.layers import refuse_lower
from hermetica_store.leases import Lease
from hermetica_store.manifest import encode_manifest
from hermetica_store.path import StorePath
from hermetica_store.places import equal_files
from hermetica_store.quarantine import put
from hermetica_store.rederive import register_anew
from hermetica_store.refusals import working_in
from hermetica_store.schema import MANIFESTS, OBJECTS
from hermetica_store.scratch import scratch
from hermetica_store.swap import digest_of, is_at_work, is_staged, stage, swap
from hermetica_store.sweep import leftovers
from hermetica_store.verify import Finding, VerifyReport, check_object, undisturbed, verify

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from hermetica_store.codec import ObjectInfo
    from hermetica_store.scratch import Scratch
    from hermetica_store.shared import Shared
    from hermetica_store.transaction import Transaction


class CannotSupply(StoreError):
    """Nobody can make the tree of an object again, or not yet."""

    code = "HM441"

    def __init__(
        self, path: StorePath, why: str, *, hint: str | None = None, waits_for: Iterable[StorePath] = ()
    ) -> None:
        super().__init__(f"{path} cannot be made again: {why}", hint=hint)
        self.path = path
        self.why = why
        self.waits_for = frozenset(waits_for)


class Supply(Protocol):
    """Makes the tree of an object again, without using the damaged one."""

    def __call__(self, path: StorePath, room: Scratch, damaged: frozenset[StorePath], /) -> Path:
        """Where below ``room`` a canonical tree lies now.

        Args:
            path: the object.
            room: a directory of the caller's.
            damaged: the objects that are damaged still; they must not be used.

        Raises:
            CannotSupply: it cannot be made; ``waits_for`` says which damaged objects it would need.
            HermeticaError: making it failed.
        """
        ...


@attrs.frozen(kw_only=True)
class Repaired:
    """An object that is whole again.

    Attributes:
        path: which.
        how: ``assembled`` from equal files, ``supplied`` anew, or ``already`` whole when it was to be replaced.
        quarantine: the name that the damaged tree has there; None where there was none.
    """

    path: StorePath
    how: str
    quarantine: str | None = None


@attrs.frozen(kw_only=True)
class Unrepaired:
    """An object that is damaged still.

    Attributes:
        path: which; None for something about the index or ``store/`` itself.
        why: nothing could be done.
        hint: what to do.
    """

    path: StorePath | None
    why: str
    hint: str


@attrs.frozen(kw_only=True)
class RepairReport:
    """What a repair did.

    Attributes:
        found: what was wrong before.
        repaired: the objects that are whole again.
        rows: what was wrong with the index and is right now.
        unrepaired: what is left.
    """

    found: VerifyReport
    repaired: tuple[Repaired, ...]
    rows: tuple[Problem, ...]
    unrepaired: tuple[Unrepaired, ...]


def repair(shared: Shared, paths: Iterable[StorePath] | None, supply: Supply | None) -> RepairReport:
    """Verify, and put right what can be.

    Args:
        shared: the store.
        paths: which objects; None for all, and the index.
        supply: makes trees that cannot be put together from what the store has.
    """
    paths = None if paths is None else list(paths)
    refuse_lower(shared, paths or ())
    _finish_what_was_cut_short(shared)
    found = verify(shared, paths)
    repairing = _Repairing(shared, supply)
    rows: list[Problem] = list(shared.writer.run(mend_index)) if paths is None else []
    for problem in found.problems:
        if problem.kind == "links":
            (shared.layout.root / problem.file).unlink(missing_ok=True)
            rows.append(problem)
    lease = Lease(shared.layout.locks, shared.writer)
    shared.leases.add(lease)
    try:
        lease.hold(found.damaged)
        repairing.run(found.damaged)
    finally:
        lease.end()
    rows += repairing.rows
    left = [*repairing.unrepaired, *_unmended(found, rows)]
    return RepairReport(found=found, repaired=tuple(repairing.repaired), rows=tuple(rows), unrepaired=tuple(left))


class _Repairing:
    def __init__(self, shared: Shared, supply: Supply | None) -> None:
        self._shared = shared
        self._supply = supply
        self.repaired: list[Repaired] = []
        self.unrepaired: list[Unrepaired] = []
        self.rows: list[Problem] = []

    def run(self, paths: Iterable[StorePath]) -> None:
        findings = {path: found for path in paths if (found := self._look(path)) is not None}
        lost = {digest for finding in findings.values() for digest in lost_files(finding)}
        places = equal_files(self._shared, lost)
        left = {path: finding for path, finding in findings.items() if not self._from_store(finding, places)}
        damaged = set(left)
        while left:
            before = len(left)
            for path, finding in list(left.items()):
                why = self._from_supply(finding, frozenset(damaged))
                if why is None:
                    damaged.discard(path)
                elif why.waits_for & left.keys():
                    continue
                else:
                    self._give_up(path, why)
                del left[path]
            if len(left) == before:  # each waits for another
                for path in left:
                    self._give_up(path, CannotSupply(path, "what it was made of is damaged too"))
                return

    def _look(self, path: StorePath) -> Finding | None:
        """What is wrong with an object; None if its files are right, and then its manifest is too."""
        base = path.base.encode()
        value = self._shared.index.get(OBJECTS, base)
        if value is None:
            if self._shared.is_there(path):
                hint = "repair it there, or take that store out of lower and build it again"
                self.unrepaired.append(Unrepaired(path=path, why="it is damaged in a lower store", hint=hint))
            return None
        info: ObjectInfo | None
        try:
            info = decode_object(base, value)
        except IndexDamaged as error:
            info = self._register_anew(path, value, error.message)
        if info is None:
            return None
        with undisturbed(self._shared, path):
            finding = check_object(self._shared, info)
        if not finding.is_whole:
            return finding
        for problem in finding.problems:
            self._mend_manifest(finding, problem)
        return None

    def _register_anew(self, path: StorePath, damaged: bytes, message: str) -> ObjectInfo | None:
        """Make the row of an object anew; what it says now, or None where that cannot be."""
        base = path.base.encode()
        if register_anew(self._shared, path, damaged):
            self.rows.append(index_problem(base, message))
            return decode_object(base, self._shared.index.get(OBJECTS, base) or b"")
        hint = "put back a copy of index/; or build it into another store and import it from there"
        self.unrepaired.append(Unrepaired(path=path, why=f"{message}, and its files are not what it names", hint=hint))
        return None

    def _mend_manifest(self, finding: Finding, problem: Problem) -> None:
        if finding.inspection is None or problem.kind != INDEX:
            return
        base, manifest = finding.info.path.base.encode(), encode_manifest(finding.inspection.content)

        def apply(tx: Transaction) -> bool:
            return tx.get(OBJECTS, base) is not None and tx.put(MANIFESTS, base, manifest)

        if self._shared.writer.run(apply):
            self.rows.append(problem)

    def _from_store(self, finding: Finding, places: Mapping[str, Sequence[Path]]) -> bool:
        with scratch(self._shared.layout) as room, working_in(self._shared.layout.root):
            tree = room.path / "tree"
            if not assemble(self._shared, finding, places, tree):
                return False
            self._replace(finding, tree, room, "assembled")
        return True

    def _from_supply(self, finding: Finding, damaged: frozenset[StorePath]) -> CannotSupply | None:
        """Replace an object by what is supplied; why that could not be, or None."""
        path = finding.info.path
        if self._supply is None:
            return CannotSupply(path, "no equal files are elsewhere in the store")
        with scratch(self._shared.layout) as room:
            try:
                tree = self._supply(path, room, damaged)
            except CannotSupply as error:
                return error
            except HermeticaError as error:
                return CannotSupply(path, error.message, hint=error.hint)
            if not is_right(finding, tree):
                return CannotSupply(path, "what was made again is not the same", hint="it is not reproducible")
            with working_in(self._shared.layout.root):
                self._replace(finding, tree, room, "supplied")
        return None

    def _replace(self, finding: Finding, tree: Path, room: Scratch, how: str) -> None:
        """Bring a right tree into the place of a damaged one, durably."""
        shared, path = self._shared, finding.info.path
        content = inspect(tree).content
        shared.links.share(tree, content)
        with undisturbed(shared, path):
            now = check_object(shared, finding.info)
            if now.is_whole or shared.index.get(OBJECTS, path.base.encode()) is None:
                self.repaired.append(Repaired(path=path, how="already"))
                return
            staged = stage(shared.layout, tree, room, path)
            _sync(shared)
            held = swap(staged, shared.layout.objects / path.base)
            name = put(shared.layout, staged, path, now.problems) if held else None
            _sync(shared)
        self._remember(finding)
        self.repaired.append(Repaired(path=path, how=how, quarantine=name))

    def _remember(self, finding: Finding) -> None:
        """An object whose tree was supplied because its manifest was damaged gets its manifest back."""
        if finding.manifest is None:
            problem = Problem(kind=INDEX, path=finding.info.path, file="", detail="its manifest could not be read")
            self._mend_manifest(check_object(self._shared, finding.info), problem)

    def _give_up(self, path: StorePath, why: CannotSupply) -> None:
        hint = why.hint or (
            "hermetica store import brings it from a store that has it whole; "
            f"hermetica store delete {path} gives it up, after what refers to it"
        )
        self.unrepaired.append(Unrepaired(path=path, why=why.why, hint=hint))


def _unmended(found: VerifyReport, rows: Iterable[Problem]) -> list[Unrepaired]:
    """What is wrong with the index or the directory and follows from nothing."""
    mended = {(each.path, each.detail) for each in rows}
    left: list[Unrepaired] = []
    for problem in found.problems:
        if problem.kind == "stranger":
            hint = f"move {problem.file} out of store/"
        elif problem.kind == INDEX and "the root " in problem.detail:
            hint = "build it again, or hermetica root rm NAME"
        elif problem.kind == INDEX and "of selections, which is not there" in problem.detail:
            hint = "build what uses it anew, from its module: that puts the list of its files back"
        elif problem.kind == INDEX and "which is not there" in problem.detail:
            hint = "build what it refers to again, or delete it"
        else:
            continue
        if (problem.path, problem.detail) not in mended:
            left.append(Unrepaired(path=problem.path, why=problem.detail or problem.file, hint=hint))
    return left


def _finish_what_was_cut_short(shared: Shared) -> None:
    """Move what a killed repair left in ``store/`` into the quarantine: it may be a damaged tree."""
    with working_in(shared.layout.root):
        for name in leftovers(shared)[1]:
            if is_staged(name) and not is_at_work(shared.layout, name):
                path = _path_of(shared, digest_of(name))
                why = Problem(kind="unfinished", path=path, file="", detail="left by a repair that was cut short")
                put(shared.layout, shared.layout.objects / name, path, [why])


def _path_of(shared: Shared, digest: str) -> StorePath:
    rows = shared.index.read(lambda tx: tx.items(OBJECTS, digest.encode(), 1))
    base = rows[0][0].decode() if rows else ""
    return StorePath.parse_base(base) if base.startswith(digest) else StorePath(digest, "unknown")


def _sync(shared: Shared) -> None:
    fd = os.open(shared.layout.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync_file_system(fd)
    finally:
        os.close(fd)
