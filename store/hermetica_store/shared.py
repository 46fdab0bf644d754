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
from hermetica_store.faults import StoreNotWritable, StoreUnavailable
from hermetica_store.index import Index
from hermetica_store.overlay import Overlay
from hermetica_store.refusals import fault, working_in
from hermetica_store.schema import OBJECTS
from hermetica_store.writer import Writer

if TYPE_CHECKING:
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
        seals: whether what is published is sealed, where the file system can.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.index = Index(layout)
        self.overlay = Overlay()
        self.writer = Writer(self.index, layout.root)
        self.claims = Claims(layout.locks, self.writer.when_durable)
        self.leases: weakref.WeakSet[Lease] = weakref.WeakSet()
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

    def release(self, shared: Shared) -> None:
        if os.getpid() != shared.pid:
            return
        with self._lock:
            shared.users -= 1
            if shared.users:
                return
            for key in [key for key, each in self._open.items() if each is shared]:
                del self._open[key]
            shared.writer.close()
            shared.index.close()

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


def acquire(layout: Layout) -> Shared:
    """The open parts of the store at ``layout``, opened if need be; to be released."""
    return _registry.acquire(layout)


def release(shared: Shared) -> None:
    """Closes the parts after their last user."""
    _registry.release(shared)
