"""Collections: what nothing needs goes, in files and index, beside running builds.

What is dead is worked out on a snapshot. Each death is then decided once more inside a write transaction: an object
goes only if no living lease holds it, no root names it, and nothing registered refers to it. So nothing that somebody
began to use meanwhile is taken, and no object ever misses a reference. Files follow after the commit, each under the
claim of its path.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from hermetica_store.codec import decode_root, object_facts, path_at, root_facts, row_value
from hermetica_store.errors import StoreError
from hermetica_store.faults import NotRegistered
from hermetica_store.leases import drop_lease, live_leases
from hermetica_store.marking import Facts, Limits, alive, condemned, referrers_first
from hermetica_store.refusals import working_in
from hermetica_store.reserve import with_reserve
from hermetica_store.roots import is_stale
from hermetica_store.rows import decode_time, unregister
from hermetica_store.schema import OBJECTS, REFERRERS, ROOTS, USED, Table
from hermetica_store.statcache import forget_sources
from hermetica_store.sweep import remove_files, sweep
from hermetica_store.tidy import Spared, drop_logs, drop_rows, drop_scratch

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence
    from pathlib import Path

    from hermetica_store.path import StorePath
    from hermetica_store.shared import Shared
    from hermetica_store.transaction import Transaction

COLLECTING: Final = b"collect\0"  # the claim of whoever collects
_BATCH: Final = 2048  # deaths decided in one transaction: writers wait no longer than that takes


class InUse(StoreError):
    """An object that is to be deleted and is needed."""

    code = "HM418"

    def __init__(self, path: StorePath, why: Sequence[str]) -> None:
        super().__init__(f"{path} is in use", details=tuple(("by", reason) for reason in why))
        self.path = path
        self.why = tuple(why)


@attrs.frozen(kw_only=True)
class Policy:
    """What a collection takes of that which nothing needs.

    Attributes:
        max_bytes: least recently used first, and no more than it takes to be no larger; None takes everything.
        max_freed_bytes: least recently used first, and no more than it takes to free so much; None takes everything.
        older_than_s: only what was not used for so long; None takes it whatever its age.
        keep_outputs: what a root needs also needs what it was built from, as far as the store knows.
        keep_derivations: derivations, build records and logs stay as long as what was built. If not, only the trace
            does, so that nothing is built again; a running process keeps those of what it uses.
        keep_rows_s: spare rows, logs and kept builds that belong to no object and are younger.
    """

    max_bytes: int | None = None
    max_freed_bytes: int | None = None
    older_than_s: float | None = None
    keep_outputs: bool = False
    keep_derivations: bool = True
    keep_rows_s: float = 0.0


@attrs.frozen(kw_only=True)
class Collected:
    """What went, or would go.

    Attributes:
        paths: the objects, in the order of their deletion.
        size_bytes: of their files.
        rows: how many rows that belong to no object.
        logs: how many logs.
        log_bytes: how large they were.
        scratch: how many kept builds and left scratch directories.
        scratch_bytes: of the kept builds.
        roots: names of roots whose links were gone.
    """

    paths: tuple[StorePath, ...] = ()
    size_bytes: int = 0
    rows: int = 0
    logs: int = 0
    log_bytes: int = 0
    scratch: int = 0
    scratch_bytes: int = 0
    roots: tuple[str, ...] = ()

    @property
    def total_bytes(self) -> int:
        """Objects, logs and kept builds together; files that others share are counted and free nothing."""
        return self.size_bytes + self.log_bytes + self.scratch_bytes


@attrs.frozen(kw_only=True)
class _Snapshot:
    """What a collection begins with."""

    objects: dict[bytes, Facts]
    rooted: set[bytes]
    leased: dict[bytes, bytes]
    stale: dict[bytes, bytes]  # name -> value
    built_from: dict[bytes, list[bytes]]  # nothing where nobody asks for it


def collect(shared: Shared, policy: Policy, *, dry_run: bool) -> Collected:
    """Delete what nothing needs, as far as the policy says; waits while another collects."""
    if dry_run:
        return collect_alone(shared, policy, dry_run=True)
    with shared.claims.claim(COLLECTING):
        return collect_alone(shared, policy)


def collect_alone(
    shared: Shared, policy: Policy, *, dry_run: bool = False, stop: Callable[[], bool] = bool
) -> Collected:
    """The same for whoever holds the claim; ``stop`` ends the deleting of objects early."""
    shared.writer.barrier()
    snapshot = _snapshot(shared, with_history=policy.keep_outputs)
    before_s = time.time() - policy.keep_rows_s
    living = alive([*snapshot.rooted, *snapshot.leased], snapshot.objects, snapshot.built_from)
    chosen = condemned(snapshot.objects, living, _limits(policy))
    paths = {base: path_at(base) for base in chosen}  # before anything goes: what is no name of an object is no file
    if not dry_run:
        with_reserve(
            shared.layout, lambda: shared.writer.run(lambda tx: _prune(tx, snapshot.stale, shared.layout.locks))
        )
        chosen = _delete(shared, chosen, stop)
        sweep(shared)
        _prune_links(shared)
    spared = Spared(
        dying=frozenset(chosen),
        living=_Living(snapshot.objects, shared.index.is_below),
        leased=snapshot.leased.keys(),
        before_ms=round(before_s * 1000),
        keep_derivations=policy.keep_derivations,
        keep_outputs=policy.keep_outputs,
    )
    rows, records = drop_rows(shared, spared, dry_run=dry_run)
    logs, log_bytes = drop_logs(shared, records, before_s, dry_run=dry_run)
    left, left_bytes = drop_scratch(shared, before_s, dry_run=dry_run)
    if not dry_run:
        shared.writer.run(forget_sources)
    return Collected(
        paths=tuple(paths[base] for base in chosen),
        size_bytes=sum(snapshot.objects[base].size_bytes for base in chosen),
        rows=rows,
        logs=logs,
        log_bytes=log_bytes,
        scratch=left,
        scratch_bytes=left_bytes,
        roots=tuple(name.decode("utf-8", "surrogateescape") for name in snapshot.stale),
    )


@attrs.frozen
class _Living:
    """The objects that were there when a collection began, here or in a lower store."""

    here: Container[bytes]
    is_below: Callable[[bytes], bool]

    def __contains__(self, base: object) -> bool:
        return isinstance(base, bytes) and (base in self.here or self.is_below(base))


def _limits(policy: Policy) -> Limits:
    since = None if policy.older_than_s is None else round((time.time() - policy.older_than_s) * 1000)
    return Limits(max_bytes=policy.max_bytes, max_freed_bytes=policy.max_freed_bytes, unused_since_ms=since)


def _prune_links(shared: Shared) -> None:
    """Drop what the link table offers and no object has any more; a store of small files has no such table."""
    with working_in(shared.layout.root):
        if shared.layout.links.exists():
            shared.links.prune()


def delete(shared: Shared, paths: Iterable[StorePath]) -> Collected:
    """Delete these objects and nothing else.

    Raises:
        NotRegistered: one is not there.
        InUse: one is needed by something else than these; nothing is deleted then.
        InLowerStore: one is in a lower store.
    """
    from hermetica_store.layers import refuse_lower  # noqa: PLC0415 -- a collection only looks at what is here

    paths = list(paths)
    refuse_lower(shared, paths)
    shared.writer.barrier()
    snapshot = _snapshot(shared)
    wanted = {path.base.encode(): path for path in paths}
    for base, path in wanted.items():
        if base not in snapshot.objects:
            raise NotRegistered(path)
    order = referrers_first({base: snapshot.objects[base] for base in wanted})

    def decide(tx: Transaction) -> None:
        _prune(tx, snapshot.stale, shared.layout.locks)
        needed = _Needed.now(tx, shared)

        def refuse(base: bytes) -> bool:
            if why := needed.reasons(tx, base):
                raise InUse(wanted[base], why)
            return False

        unregister(tx, order, refuse)

    with_reserve(shared.layout, lambda: shared.writer.run(decide))
    with_reserve(shared.layout, partial(remove_files, shared, order))
    _prune_links(shared)
    return Collected(
        paths=tuple(wanted[base] for base in order), size_bytes=sum(snapshot.objects[base].size_bytes for base in order)
    )


_Read: TypeAlias = "tuple[dict[bytes, Facts], list[tuple[bytes, bytes]], dict[bytes, bytes], dict[bytes, list[bytes]]]"


def _snapshot(shared: Shared, *, with_history: bool = False) -> _Snapshot:
    def read(tx: Transaction) -> _Read:
        used = dict(tx.items(USED))
        objects: dict[bytes, Facts] = {}
        for base, value in tx.items(OBJECTS):
            size_bytes, references = object_facts(base, value)
            objects[base] = Facts(size_bytes, decode_time(used.get(base)), references)
        history = _built_from(tx) if with_history else {}
        return objects, tx.items(ROOTS), live_leases(tx, shared.layout.locks)[0], history

    with working_in(shared.layout.root):
        objects, roots, leased, built_from = shared.index.read(read)
    rooted: set[bytes] = set()
    stale: dict[bytes, bytes] = {}
    for name, value in roots:
        base, has_link = root_facts(name, value)
        if has_link and is_stale(shared, decode_root(name, value)):
            stale[name] = value
        else:
            rooted.add(base)
    return _Snapshot(objects=objects, rooted=rooted, leased=leased, stale=stale, built_from=built_from)


def _built_from(tx: Transaction) -> dict[bytes, list[bytes]]:
    """What each object was built from, by every build on record."""
    found: dict[bytes, list[bytes]] = {}
    for key, stored in tx.prefixed(Table.HISTORY.value, b"p"):
        found.setdefault(key[1:].partition(b"\0")[0], []).extend(row_value(stored).split(b"\0"))
    return found


@attrs.frozen
class _Needed:
    """What roots and leases name at the moment of a write transaction."""

    rooted: dict[bytes, list[bytes]]
    leased: dict[bytes, bytes]
    has_referrers: bool  # whether anything refers to anything

    @classmethod
    def now(cls, tx: Transaction, shared: Shared) -> _Needed:
        rooted: dict[bytes, list[bytes]] = {}
        for name, value in tx.items(ROOTS):
            rooted.setdefault(root_facts(name, value)[0], []).append(name)
        return cls(rooted, live_leases(tx, shared.layout.locks)[0], tx.count(REFERRERS) > 0)

    def reasons(self, tx: Transaction, base: bytes) -> list[str]:
        """Why an object is needed; empty if it is not."""
        why = [f"root {name.decode(errors='backslashreplace')}" for name in self.rooted.get(base, ())]
        if base in self.leased:
            why.append(f"lease of process {self.leased[base].decode()}")
        others = (each for each in tx.values(REFERRERS, base) if each != base)
        why.extend(f"referrer {path_at(each)}" for each in others)
        return why

    def is_needed(self, tx: Transaction, base: bytes) -> bool:
        """Whether there is any reason."""
        if base in self.rooted or base in self.leased:
            return True
        return self.has_referrers and any(each != base for each in tx.values(REFERRERS, base))


def _prune(tx: Transaction, stale: dict[bytes, bytes], locks: Path) -> None:
    """Drop roots whose links are gone, unless they were set anew meanwhile, and the leases of the dead."""
    for name, value in stale.items():
        if tx.get(ROOTS, name) == value:
            tx.delete(ROOTS, name)
    for lease in live_leases(tx, locks)[1]:
        drop_lease(tx, lease)


def _delete(shared: Shared, chosen: list[bytes], stop: Callable[[], bool]) -> list[bytes]:
    """Delete what is still dead; gives what went."""
    gone: list[bytes] = []
    for start in range(0, len(chosen), _BATCH):
        if stop():
            break
        batch = chosen[start : start + _BATCH]

        def decide(tx: Transaction, batch: list[bytes] = batch) -> list[bytes]:
            needed = _Needed.now(tx, shared)
            return unregister(tx, batch, partial(needed.is_needed, tx))

        died = with_reserve(shared.layout, partial(shared.writer.run, decide))
        with_reserve(shared.layout, partial(remove_files, shared, died))
        gone += died
    return gone
