"""The writer: one thread per process and store, which groups what is to be written.

Where nobody waits for a change, it lets others join for a few milliseconds. Then it takes all that is there, makes
the files durable with one call for the whole file system, and commits one transaction. On 300 files of one object
each, that call costs 18 microseconds a file where fsync costs 200. Source: syncfs(2); docs/format-store.md, "A durable
publication".
"""

from __future__ import annotations

import os
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

import attrs

from hermetica_store.faults import StoreUnavailable
from hermetica_store.flush import sync_file_system
from hermetica_store.refusals import working_in
from hermetica_store.schema import OBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hermetica_store.index import Index
    from hermetica_store.transaction import Transaction

T = TypeVar("T")
_Ended: TypeAlias = "Callable[[BaseException | None], None]"
_WAITING_MAX: Final = 256
_GROUP_MAX: Final = 128
_GATHER_S: Final = 0.1  # how long changes that nobody waits for may wait for company: each group costs a flush


class Commit:
    """A write on its way to the disk."""

    def __init__(self, condition: threading.Condition, hurry: threading.Event) -> None:
        self._condition = condition
        self._hurry = hurry
        self._done = False
        self._error: BaseException | None = None
        self.reported = False

    @property
    def is_durable(self) -> bool:
        """Whether it would survive a crash of the machine now."""
        return self._done and self._error is None

    def wait(self) -> None:
        """Returns when it is durable.

        Raises:
            StoreError: it could not be made durable, and nothing of it is registered.
        """
        if not self._done:
            self._hurry.set()
            with self._condition:
                while not self._done:
                    self._condition.wait()
        if self._error is not None:
            self.reported = True
            raise self._error

    def doom(self, error: BaseException) -> None:
        """Notes the failure; the writer's own."""
        self._error = error

    def settle(self) -> None:
        """Says that it ended; the writer's own, the condition held."""
        self._done = True

    @property
    def failure(self) -> BaseException | None:
        """What it failed of, or None."""
        return self._error


@attrs.define(eq=False, kw_only=True)
class Change(Generic[T]):
    """Something to be written in one transaction.

    Attributes:
        apply: does it; may run several times, and then only the last counts.
        flush: whether files must be durable first.
        ended: runs in the writer's thread after the commit or the failure, before anybody is told.
        dispensable: whether nobody misses it: that it failed is told to who waits for it, and not at the end.
        commit: how it ended.
        result: what ``apply`` gave.
    """

    apply: Callable[[Transaction], T]
    flush: bool = False
    ended: Callable[[BaseException | None], None] | None = None
    dispensable: bool = False
    commit: Commit
    result: T | None = None


class Writer:
    """Queue and thread. The thread is started by the first change and ended by `close`."""

    def __init__(self, index: Index, root: Path) -> None:
        self._index = index
        self._root = root
        self._condition = threading.Condition()
        self._hurry = threading.Event()
        self._waiting: deque[Change[Any]] = deque()
        self._busy = 0
        self._has_flushed = False
        self._closing = False
        self._thread: threading.Thread | None = None
        self._directory = -1  # open from before the first write on: syncfs tells each descriptor of failures since
        self._failures: list[Commit] = []

    def submit(
        self,
        apply: Callable[[Transaction], object],
        *,
        flush: bool = False,
        ended: Callable[[BaseException | None], None] | None = None,
        dispensable: bool = False,
    ) -> Commit:
        """Writes in the order of submission; waits only where too much is waiting already."""
        change = Change(apply=apply, flush=flush, ended=ended, dispensable=dispensable, commit=self._commit())
        return self._enqueue(change).commit

    def run(self, apply: Callable[[Transaction], T]) -> T:
        """What ``apply`` gives, once that is durable.

        Raises:
            StoreError: it could not be made durable.
        """
        change: Change[T] = Change(apply=apply, commit=self._commit())
        self._enqueue(change).commit.wait()
        return change.result  # type: ignore[return-value]  # it has run

    def when_durable(self, act: Callable[[], None]) -> None:
        """Runs ``act`` when all that was submitted before has ended: at once, or in the writer's thread."""
        with self._condition:
            if self._waiting or self._busy:
                last = self._waiting[-1] if self._waiting else None
                if last is None:
                    self._waiting.append(self._marker(act))
                    self._condition.notify_all()
                else:
                    last.ended = _both(last.ended, act)
                return
        act()

    def barrier(self) -> None:
        """Returns when everything submitted so far has ended, well or not."""
        reached = threading.Event()
        self.when_durable(reached.set)
        self._hurry.set()
        reached.wait()

    def wait(self) -> None:
        """Returns when everything submitted so far has ended.

        Raises:
            StoreError: the first failure that nobody was told of.
        """
        self.barrier()
        with self._condition:
            failures, self._failures = self._failures, []
        for commit in failures:
            if not commit.reported:
                commit.wait()

    def close(self) -> None:
        """Ends the thread after everything submitted has ended."""
        with self._condition:
            self._closing = True
            self._hurry.set()
            self._condition.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _marker(self, act: Callable[[], None]) -> Change[None]:
        return Change(apply=_nothing, ended=lambda _: act(), commit=self._commit())

    def _commit(self) -> Commit:
        return Commit(self._condition, self._hurry)

    def _enqueue(self, change: Change[T]) -> Change[T]:
        with self._condition:
            while len(self._waiting) >= _WAITING_MAX and threading.current_thread() is not self._thread:
                self._hurry.set()
                self._condition.wait()
            if self._closing:
                raise StoreUnavailable(f"the store {self._root} is closed")
            if self._thread is None:
                self._start()
            self._waiting.append(change)
            if len(self._waiting) == 1:
                self._condition.notify_all()
        return change

    def _start(self) -> None:
        """Start the thread; where the system refuses, whoever wanted to write is told, and the next one tries again."""
        with working_in(self._root):
            if self._directory < 0:
                self._directory = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            thread = threading.Thread(target=self._work, name="hermetica-store", daemon=True)
            thread.start()
            self._thread = thread

    def _work(self) -> None:
        try:
            while group := self._take():
                self._write(group)
                self._settle(group)
        finally:
            os.close(self._directory)

    def _take(self) -> list[Change[Any]]:
        with self._condition:
            while not self._waiting and not self._closing:
                self._condition.wait()
        self._hurry.wait(_GATHER_S)
        with self._condition:
            self._hurry.clear()
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), _GROUP_MAX))]
            self._busy = len(group)
            self._condition.notify_all()
            return group

    def _settle(self, group: list[Change[Any]]) -> None:
        for change in group:
            if change.ended is not None:
                try:
                    with working_in(self._root):
                        change.ended(change.commit.failure)
                except BaseException as error:  # noqa: BLE001 -- told to whoever waits; the thread must live
                    change.commit.doom(change.commit.failure or error)
        with self._condition:
            for change in group:
                change.commit.settle()
                if change.commit.failure is not None and not change.dispensable:
                    self._failures.append(change.commit)
            self._busy = 0
            self._condition.notify_all()

    def _write(self, group: list[Change[Any]]) -> None:
        """Makes a group durable; each change that fails is left out, and the rest goes on without it."""
        left = list(group)
        while left:
            try:
                if any(change.flush for change in left) or self._is_new():
                    with working_in(self._root):
                        sync_file_system(self._directory)
                self._has_flushed = True
                self._index.write(partial(_apply_all, left))
            except _Refused as refused:
                refused.change.commit.doom(refused.cause)
                left.remove(refused.change)
            except BaseException as error:  # noqa: BLE001 -- told to everybody who waits
                for change in left:
                    change.commit.doom(error)
                return
            else:
                return

    def _is_new(self) -> bool:
        """Whether not even the store's own directories need be on disk: nobody has published, so nobody has flushed."""
        return not self._has_flushed and self._index.read(lambda tx: tx.count(OBJECTS)) == 0


class _Refused(Exception):
    """A change that cannot be applied."""

    def __init__(self, change: Change[Any], cause: BaseException) -> None:
        super().__init__()
        self.change = change
        self.cause = cause


def _apply_all(changes: list[Change[Any]], tx: Transaction) -> None:
    for change in changes:
        _apply(change, tx)


def _apply(change: Change[Any], tx: Transaction) -> None:
    from lmdb import Error  # noqa: PLC0415 -- the index has loaded it

    try:
        change.result = change.apply(tx)
    except Error:
        raise
    except Exception as error:
        raise _Refused(change, error) from error


def _nothing(tx: Transaction) -> None:
    del tx


def _both(first: _Ended | None, then: Callable[[], None]) -> _Ended:
    def run(error: BaseException | None) -> None:
        if first is not None:
            first(error)
        then()

    return run
