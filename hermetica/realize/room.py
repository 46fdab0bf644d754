"""Watching the disk during a run: where too little is free, what nothing needs goes, beside the builds.

A thread of its own asks the file system now and then, which costs a few microseconds, and collects when it must. What
the run uses is held by its lease. Where a collection could not free enough, the next one waits until more is gone:
otherwise every look would be a collection in vain. Source: Nix, `LocalStore::autoGC`.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from hermetica.errors import HermeticaError
from hermetica.realize.events import CollectionFinished, CollectionStarted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from hermetica.realize.events import Event
    from hermetica_store import Collected, LowDisk, ObjectStore

_PAUSE_S: Final = 2.0
_SHRUNK: Final = 0.97  # of what was free after a collection: only below that is another worth while


@contextmanager
def keeping_room(store: ObjectStore, rule: LowDisk | None, emit: Callable[[Event], None]) -> Generator[None]:
    """Until it is left, collects whenever too little is free; without a rule, never.

    Args:
        store: which.
        rule: when, and how much.
        emit: takes the events, in another thread; none come after it is left.
    """
    if rule is None:
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=(store, rule, emit, over), name="hermetica-room", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(store: ObjectStore, rule: LowDisk, emit: Callable[[Event], None], over: threading.Event) -> None:
    enough: float = rule.min_free_bytes
    while True:
        if _free(store) < enough:
            enough = min(rule.min_free_bytes, _SHRUNK * _collect(store, rule, emit, over))
        if over.wait(_PAUSE_S):
            return


def _collect(store: ObjectStore, rule: LowDisk, emit: Callable[[Event], None], over: threading.Event) -> float:
    """Collects, unless another does; what is free then, and enough where it was the other."""
    began = time.monotonic()
    started: list[int] = []

    def start(free_bytes: int) -> None:
        started.append(free_bytes)
        emit(CollectionStarted(time_s=time.time(), free_bytes=free_bytes, min_free_bytes=rule.min_free_bytes))

    collected: Collected | None = None
    failure: HermeticaError | None = None
    try:
        collected = store.make_room(rule, on_start=start, stop=over.is_set)
    except HermeticaError as error:
        failure = error
    free = _free(store)
    if started or failure is not None:
        emit(
            CollectionFinished(
                time_s=time.time(),
                objects=0 if collected is None else len(collected.paths),
                size_bytes=0 if collected is None else collected.total_bytes,
                free_bytes=int(min(free, 2**53)),
                duration_s=time.monotonic() - began,
                error=failure,
            )
        )
    return free if started or failure is not None else rule.min_free_bytes / _SHRUNK


def _free(store: ObjectStore) -> float:
    """What is free; everything where the file system does not say, for that is no reason to delete."""
    try:
        return store.free_bytes()
    except HermeticaError:
        return float("inf")
