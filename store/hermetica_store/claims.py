"""Claims: one holder per key, over threads and processes.

Within a process a table decides and wakes who waits; between processes a locked byte does, at an offset derived from
the key. Leaving a claim frees it for other threads at once, and for other processes when everything submitted before
is durable: until then they could not see what was made under it.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING, Final

from blake3 import blake3

from hermetica_store.errors import StoreError
from hermetica_store.locks import CLAIMS, is_held, lock_bytes, offset, try_lock
from hermetica_store.refusals import working_in

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from pathlib import Path

_FIRST_PAUSE_S: Final = 0.0005
_PAUSE_MAX_S: Final = 0.02


class ClaimCancelled(StoreError):
    """Waiting for a claim was given up because the caller said so."""

    code = "HM409"

    def __init__(self, key: bytes) -> None:
        super().__init__(f"gave up waiting for the claim {key.hex()[:16]}")
        self.key = key


class _Wait:
    """A wait that calls ``on_wait`` once, and asks ``cancelled`` now and then."""

    def __init__(self, key: bytes, on_wait: Callable[[], None] | None, cancelled: Callable[[], bool] | None) -> None:
        self._key = key
        self._on_wait = on_wait
        self._cancelled = cancelled
        self.pause_s = _FIRST_PAUSE_S

    def check(self) -> None:
        """Before each pause."""
        if self._cancelled is not None and self._cancelled():
            raise ClaimCancelled(self._key)
        if self._on_wait is not None:
            on_wait, self._on_wait = self._on_wait, None
            on_wait()
        self.pause_s = min(2 * self.pause_s, _PAUSE_MAX_S)


class _Left:
    """The descriptor of a claim that was left."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd


class Claims:
    """The claims of one process on one store."""

    def __init__(self, path: Path, when_durable: Callable[[Callable[[], None]], None]) -> None:
        self._path = path
        self._when_durable = when_durable
        self._condition = threading.Condition()
        self._held: dict[int, int] = {}  # offset -> descriptor, -1 while it is being locked
        self._lingering: dict[int, _Left] = {}  # offset -> a claim that was left and is not durable yet
        self._together: set[_Left] = set()  # descriptors that hold many keys

    @contextlib.contextmanager
    def claim(
        self,
        key: bytes,
        *,
        on_wait: Callable[[], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Generator[None]:
        """Holds a key; waits while another thread or process does.

        Raises:
            ClaimCancelled: ``cancelled`` said so during the wait.
        """
        self.acquire(key, on_wait=on_wait, cancelled=cancelled)
        try:
            yield
        finally:
            self.release(key)

    def acquire(
        self,
        key: bytes,
        *,
        on_wait: Callable[[], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        """Takes a key; as `claim`, to be released by hand."""
        at, wait = _offset(key), _Wait(key, on_wait, cancelled)
        lingering = self._enter(at, wait)
        while not self._lock(at, lingering):
            try:
                wait.check()
                time.sleep(wait.pause_s)
            except BaseException:
                self._leave(at)
                raise

    def try_acquire(self, key: bytes) -> bool:
        """Takes a key if nobody holds it; whether that went well."""
        at = _offset(key)
        with self._condition:
            if at in self._held:
                return False
            self._held[at] = -1
            lingering = self._lingering.pop(at, None)
        if self._lock(at, lingering):
            return True
        self._leave(at)
        return False

    @contextlib.contextmanager
    def claim_free(self, keys: Iterable[bytes]) -> Generator[list[bytes]]:
        """Holds those of many keys that nobody holds, waiting for none; gives them.

        One descriptor holds all of them, so that a thousand cost little more than their system calls.
        """
        places = {_offset(key): key for key in keys}
        with self._condition:
            ours = {at for at in places if at not in self._held and at not in self._lingering}
            self._held.update(dict.fromkeys(ours, -1))
        left = _Left(-1)
        try:
            with working_in(self._path.parent):
                left.fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
                self._together.add(left)
                locked = lock_bytes(left.fd, ours)
            self._leave(*ours.difference(locked))
            ours.intersection_update(locked)
            yield [places[at] for at in locked]
        finally:
            self._leave(*ours)
            if left in self._together:
                self._when_durable(lambda: self._end(left))

    def is_held(self, key: bytes) -> bool:
        """Whether somebody holds a key; needs no right to write."""
        at = _offset(key)
        with self._condition:
            if at in self._held:
                return True
        with working_in(self._path.parent):
            return is_held(self._path, at)

    def release(self, key: bytes) -> None:
        """Frees a key."""
        at = _offset(key)
        with self._condition:
            left = self._lingering[at] = _Left(self._held.pop(at))
            self._condition.notify_all()
        self._when_durable(lambda: self._drop(at, left))

    def close_in_child(self) -> None:
        """In a forked child: closes the descriptors, so that the locks are the parent's alone."""
        left = (*self._lingering.values(), *self._together)
        for fd in (*self._held.values(), *(each.fd for each in left)):
            if fd >= 0:
                os.close(fd)

    def _enter(self, at: int, wait: _Wait) -> _Left | None:
        """Become the one thread that wants the byte; gives what an earlier holder left."""
        with self._condition:
            while at in self._held:
                self._condition.release()
                try:
                    wait.check()
                finally:
                    self._condition.acquire()
                if at in self._held:
                    self._condition.wait(0.1)
            self._held[at] = -1
            return self._lingering.pop(at, None)

    def _lock(self, at: int, left: _Left | None) -> bool:
        """Lock the byte for other processes, unless an earlier holder here has it locked still."""
        try:
            with working_in(self._path.parent):
                fd = left.fd if left is not None else try_lock(self._path, at)
        except BaseException:
            self._leave(at)
            raise
        if fd is None:
            return False
        with self._condition:
            self._held[at] = fd
        return True

    def _leave(self, *places: int) -> None:
        with self._condition:
            for at in places:
                del self._held[at]
            self._condition.notify_all()

    def _end(self, left: _Left) -> None:
        self._together.discard(left)
        os.close(left.fd)

    def _drop(self, at: int, left: _Left) -> None:
        with self._condition:
            if self._lingering.get(at) is not left:
                return
            del self._lingering[at]
        os.close(left.fd)


def _offset(key: bytes) -> int:
    return offset(CLAIMS, int.from_bytes(blake3(key).digest()[:8], "big"))
