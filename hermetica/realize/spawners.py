"""A sandbox spawner for each worker thread of a run, made at the thread's first build and closed with the run.

A worker is nobody else's thread, so it may start sandboxes itself, without handing each to another.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from hermetica.sandbox import Spawner

if TYPE_CHECKING:
    from types import TracebackType


class Spawners:
    """The spawners of one run; left when its workers have ended."""

    def __init__(self) -> None:
        self._own = threading.local()
        self._made: list[Spawner] = []

    def get(self) -> Spawner:
        """The spawner of the calling thread.

        Raises:
            SandboxUnavailable: the host refuses it.
        """
        spawner: Spawner | None = getattr(self._own, "spawner", None)
        if spawner is None:
            spawner = self._own.spawner = Spawner.on_this_thread()
            self._made.append(spawner)
        return spawner

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for spawner in self._made:
            spawner.close()
