"""Leases: what a running process needs, safe from collections for as long as the process lives.

The rows say what is held; a locked byte says whether the holder is alive. Holding goes through a write transaction,
as a collection's decisions do, so that "I use X" and "X is dead" come one after the other.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final

from hermetica_store.faults import StoreUnavailable
from hermetica_store.locks import LEASES as LEASES_REGION
from hermetica_store.locks import is_locked, offset, try_lock
from hermetica_store.refusals import working_in
from hermetica_store.rows import lease_objects
from hermetica_store.schema import LEASES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hermetica_store.path import StorePath
    from hermetica_store.transaction import Transaction
    from hermetica_store.writer import Writer

ID_BYTES: Final = 8


class Lease:
    """Holds objects until it is left, or until this process ends. Thread-safe."""

    def __init__(self, locks: Path, writer: Writer) -> None:
        self._writer = writer
        self._lock = threading.Lock()
        self._held: set[StorePath] = set()
        self._has_rows = False
        self._holder = str(os.getpid()).encode()
        with working_in(locks.parent):
            self.id, self._fd = _fresh(locks)

    def hold(self, paths: Iterable[StorePath]) -> frozenset[StorePath]:
        """Those of ``paths`` that are registered; from now on no collection takes them."""
        wanted = frozenset(paths)
        missing = wanted - self._held
        if missing:
            self.begin()
            by_base = dict(sorted((path.base.encode(), path) for path in missing))
            bases = self._writer.run(lambda tx: self.take(tx, by_base))
            self.note(by_base[base] for base in bases)
        with self._lock:
            return wanted & self._held

    def begin(self) -> None:
        """Before rows of it are submitted.

        Raises:
            StoreUnavailable: the lease has ended.
        """
        with self._lock:
            if self._fd < 0:
                raise StoreUnavailable("the lease has ended")
            self._has_rows = True

    def take(self, tx: Transaction, bases: Iterable[bytes]) -> set[bytes]:
        """Hold objects in a transaction; gives those that are registered."""
        return lease_objects(tx, self.id, self._holder, bases)

    def note(self, paths: Iterable[StorePath]) -> None:
        """Remember what a committed transaction lets the lease hold."""
        with self._lock:
            self._held.update(paths)

    def end(self) -> None:
        """Frees everything, after what was submitted before; a second time does nothing."""
        with self._lock:
            fd, self._fd = self._fd, -1
            self._held.clear()
        if fd < 0:
            return
        if not self._has_rows:
            os.close(fd)
            return
        try:
            self._writer.submit(
                lambda tx: drop_lease(tx, self.id),
                ended=lambda _: os.close(fd),
                dispensable=True,  # the rows of a lease that nobody holds go with the next collection
            )
        except BaseException:
            os.close(fd)
            raise

    def close_in_child(self) -> None:
        """In a forked child: closes the descriptor, so that the lock is the parent's alone."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def drop_lease(tx: Transaction, lease: bytes) -> None:
    """Remove the rows of a lease."""
    for key, _ in tx.prefixed(LEASES, lease):
        tx.delete(LEASES, key)


def live_leases(tx: Transaction, locks: Path) -> tuple[dict[bytes, bytes], list[bytes]]:
    """What living processes hold, each with one holder's process id; and the ids of leases whose holder is dead."""
    alive: dict[bytes, bool] = {}
    held: dict[bytes, bytes] = {}
    with working_in(locks.parent):
        fd = os.open(locks, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for key, holder in tx.items(LEASES):
            lease, base = key[:ID_BYTES], key[ID_BYTES:]
            if lease not in alive:
                alive[lease] = is_locked(fd, _offset(lease))
            if alive[lease]:
                held[base] = holder
    finally:
        os.close(fd)
    return held, [lease for lease, lives in alive.items() if not lives]


def _fresh(locks: Path) -> tuple[bytes, int]:
    while True:
        lease = os.urandom(ID_BYTES)
        fd = try_lock(locks, _offset(lease))
        if fd is not None:
            return lease, fd


def _offset(lease: bytes) -> int:
    return offset(LEASES_REGION, int.from_bytes(lease, "big"))
