"""What all stores opened on one root in this process share: one index, one writer, one view of what is pending.

LMDB forbids opening an environment twice in a process, so this is the one place of the package with state of the
process. A forked child inherits the state and must not use it. Source: lmdb.h, "Restrictions/caveats".
"""

from __future__ import annotations

import errno
import os
import threading
import weakref
from functools import cached_property
from typing import TYPE_CHECKING, Final

from hermetica_store.claims import Claims
from hermetica_store.errors import StoreError
from hermetica_store.faults import StoreNotWritable, StoreUnavailable
from hermetica_store.index import Index
from hermetica_store.overlay import Overlay
from hermetica_store.refusals import fault, working_in
from hermetica_store.schema import OBJECTS
from hermetica_store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hermetica_store.dedup import LinkTable
    from hermetica_store.layout import Layout
    from hermetica_store.leases import Lease
    from hermetica_store.path import StorePath


class Shared:
    """The open parts of one store.

    Attributes:
        layout: where it lies.
        index: its tables.
        overlay: what is pending.
        writer: what writes it down.
        claims: one holder per key.
        lowers: the stores that this one lies over, which are only read.
        seals: whether what is published is sealed, where the file system can.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.index = Index(layout)
        self.overlay = Overlay()
        self.writer = Writer(self.index, layout.root)
        self.claims = Claims(layout.locks, self.writer.when_durable)
        self.leases: weakref.WeakSet[Lease] = weakref.WeakSet()
        self.lowers: tuple[Shared, ...] = ()
        self.seals = False
        self.users = 1
        self.pid = os.getpid()

    @cached_property
    def links(self) -> LinkTable:
        """By what equal files share their bytes."""
        from hermetica_store.dedup import LinkTable  # noqa: PLC0415 -- only what publishes large files needs it

        return LinkTable(self.layout.links)

    def is_known(self, path: StorePath) -> bool:
        """Whether an object is registered or pending."""
        return path in self.overlay.objects or self.index.get(OBJECTS, path.base.encode()) is not None

    def is_there(self, path: StorePath) -> bool:
        """Whether an object is registered or pending, here or in a lower store."""
        return self.is_known(path) or (bool(self.lowers) and any(lower.is_known(path) for lower in self.lowers))

    def on_disk(self, path: StorePath) -> Path:
        """Where an object lies, here or in a lower store; or where it would lie here."""
        holder = self
        if self.lowers and not self.is_known(path):
            holder = next((lower for lower in self.lowers if lower.is_known(path)), self)
        return holder.layout.objects / path.base

    def lie_over(self, lowers: tuple[Shared, ...]) -> None:
        """From now on use these lower stores too.

        Raises:
            StoreUnavailable: others are in use.
        """
        if self.lowers and self.lowers != lowers:
            raise StoreUnavailable(
                f"the store {self.layout.root} is open in this process over other stores",
                details=tuple(("over", os.fspath(lower.layout.root)) for lower in self.lowers),
                hint="open it with the same lower stores everywhere in a process",
            )
        self.lowers = lowers
        self.index.is_below = self._is_below

    def _is_below(self, base: bytes) -> bool:
        return any(lower.index.get(OBJECTS, base) is not None for lower in self.lowers)

    def check(self, *, write: bool) -> None:
        """Refuse use in a forked child, and writing where that cannot be.

        Raises:
            StoreUnavailable: this process is a fork of the one that opened the store.
            StoreNotWritable: the system lets us read only.
        """
        if os.getpid() != self.pid:
            raise StoreUnavailable(
                f"the store {self.layout.root} was opened before this process forked",
                hint="start processes with the spawn method, or open the store in the child alone",
            )
        if write and self.index.read_only:
            if os.statvfs(self.layout.root).f_flag & os.ST_RDONLY:
                raise fault(OSError(errno.EROFS, os.strerror(errno.EROFS)), self.layout.root)
            raise StoreNotWritable(
                f"the store {self.layout.root} may only be read by this user",
                hint="name a store of your own with HERMETICA_STORE",
            )


class _Registry:
    """The stores that this process has open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[tuple[int, int], Shared] = {}
        self._watching = False

    def acquire(self, layout: Layout) -> Shared:
        with self._lock:
            with working_in(layout.root):
                key = _key(layout.index)
            shared = self._open.get(key) if key is not None else None
            if shared is not None:
                shared.check(write=False)
                shared.users += 1
                return shared
            shared = Shared(layout)
            try:
                with working_in(layout.root):
                    key = _key(layout.index)
            except BaseException:
                shared.index.close()
                raise
            if key is not None:
                self._open[key] = shared
            if not self._watching:
                self._watching = True
                os.register_at_fork(after_in_child=self._after_fork)
            return shared

    def release(self, shared: Shared) -> bool:
        """Whether that was the last user."""
        if os.getpid() != shared.pid:
            return False
        with self._lock:
            shared.users -= 1
            if shared.users:
                return False
            for key in [key for key, each in self._open.items() if each is shared]:
                del self._open[key]
            shared.writer.close()
            shared.index.close()
            return True

    def _after_fork(self) -> None:
        """In the child: the locks are the parent's, and go when the parent does; nothing else is touched."""
        self._lock = threading.Lock()
        for shared in self._open.values():
            shared.claims.close_in_child()
            for lease in list(shared.leases):
                lease.close_in_child()


def _key(index: Path) -> tuple[int, int] | None:
    try:
        status = (index / "data.mdb").stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


_registry: Final = _Registry()


def acquire(layout: Layout, lowers: Sequence[Layout] = ()) -> Shared:
    """The open parts of the store at ``layout``, opened if need be; to be released.

    Args:
        layout: of the store.
        lowers: of stores that it lies over; itself among them counts for nothing.

    Raises:
        LowerUnavailable: one of them cannot be read.
    """
    opened: list[Shared] = []
    shared = None
    try:
        for lower in lowers:
            if lower.root != layout.root and lower.root not in {each.layout.root for each in opened}:
                opened.append(_acquire_lower(lower))
        shared = _registry.acquire(layout)
        if opened and shared.lowers != tuple(opened):
            shared.lie_over(tuple(opened))
            return shared
    except BaseException:
        for each in (*opened, *([shared] if shared else [])):
            release(each)
        raise
    for each in opened:  # another opening holds them already
        release(each)
    return shared


def _acquire_lower(layout: Layout) -> Shared:
    try:
        layout.require()
        return _registry.acquire(layout)
    except StoreError as error:
        from hermetica_store.layers import LowerUnavailable  # noqa: PLC0415 -- most stores lie over none

        raise LowerUnavailable(layout.root, error) from error


def release(shared: Shared) -> None:
    """Closes the parts after their last user."""
    lowers = shared.lowers
    if _registry.release(shared):
        for lower in lowers:
            release(lower)
