"""The sandbox spawners of a run, made at its first builds and closed with it.

A worker is nobody else's thread, so it may start sandboxes itself, without handing each to another. The superuser's
are started by one thread for all of them: it may have a table of mounts that is shorter than the workers need theirs,
which saves more than handing over costs.
"""

from __future__ import annotations

import os
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
        self._shared: Spawner | None = None
        if os.geteuid() == 0:
            self._shared = Spawner.with_own_thread()
            self._made.append(self._shared)

    def get(self) -> Spawner:
        """The spawner for the calling thread.

        Raises:
            SandboxUnavailable: the host refuses it.
        """
        spawner: Spawner | None = self._shared or getattr(self._own, "spawner", None)
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
