"""What is known of a run from its events so far. Touches nothing but itself."""

from __future__ import annotations

import attrs

from hermetica.realize.events import (
    DerivationFinished,
    DerivationStarted,
    DerivationWaiting,
    Event,
    FetchProgress,
    HookFinished,
    HookStarted,
    LogText,
    RebuildStarted,
    RunFinished,
    RunStarted,
)


@attrs.define(kw_only=True)
class Running:
    """One derivation that is being realized.

    Attributes:
        name: its name.
        work: ``build``, ``builtin`` or ``fetch``.
        since_s: when it began, seconds since the epoch.
        line: the last whole line that it wrote.
        done_bytes: fetched so far.
        total_bytes: to be fetched, where known.
        is_waiting: whether another process is making the same thing.
        again: which of several builds to be compared runs, such as ``2/3``; empty where there is one.
    """

    name: str
    work: str
    since_s: float
    line: str = ""
    done_bytes: int = 0
    total_bytes: int | None = None
    is_waiting: bool = False
    again: str = ""


@attrs.define(kw_only=True)
class Progress:
    """A run so far.

    Attributes:
        started_s: when it began, seconds since the epoch.
        total: derivations to be done.
        succeeded: those done.
        fetched: how many of these were fetched.
        failed: the names of those that failed.
        running: by id, in the order they began.
        works: what it took, by id, of all that began.
        hooked: for which derivation the post-build hook runs; empty where it does not.
        is_over: whether the run has ended.
    """

    started_s: float = 0.0
    total: int = 0
    succeeded: int = 0
    fetched: int = 0
    failed: list[str] = attrs.field(factory=list[str])
    running: dict[str, Running] = attrs.field(factory=dict[str, Running])
    works: dict[str, str] = attrs.field(factory=dict[str, str])
    hooked: str = ""
    is_over: bool = False

    @property
    def waiting(self) -> int:
        """Derivations that did not begin yet."""
        return max(0, self.total - self.succeeded - len(self.failed) - len(self.running))

    def take(self, event: Event) -> None:
        """Learns from an event."""
        if isinstance(event, RunStarted):
            self.started_s, self.total = event.time_s, event.total
        elif isinstance(event, DerivationStarted):
            self.running[event.drv] = Running(name=event.name, work=event.work, since_s=event.time_s)
            self.works[event.drv] = event.work
        elif isinstance(event, DerivationFinished):
            self.running.pop(event.drv, None)
            if event.outcome.is_success:
                self.succeeded += 1
                self.fetched += event.outcome == "built" and self.works.get(event.drv) == "fetch"
            else:
                self.failed.append(event.name)
        elif isinstance(event, HookStarted | HookFinished):
            self.hooked = event.name if isinstance(event, HookStarted) else ""
        elif isinstance(event, RunFinished):
            self.is_over = True
        else:
            self._detail(event)

    def _detail(self, event: Event) -> None:
        if not isinstance(event, LogText | FetchProgress | DerivationWaiting | RebuildStarted):
            return
        running = self.running.get(event.drv)
        if running is None:
            return
        if isinstance(event, LogText):
            lines = [line for line in event.text.splitlines() if line.strip()]
            running.line = lines[-1] if lines else running.line
        elif isinstance(event, FetchProgress):
            running.done_bytes, running.total_bytes = event.done_bytes, event.total_bytes
        elif isinstance(event, RebuildStarted):
            running.again = f"{event.number}/{event.total}"
        else:
            running.is_waiting = True
