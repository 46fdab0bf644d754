"""What is known of a run from its events so far. Touches nothing but itself."""

from __future__ import annotations

from collections import deque
from typing import Final

import attrs

from hermetica.cli.views.forecast import Forecast
from hermetica.realize.events import (
    DerivationFinished,
    DerivationPlanned,
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

LINES_KEPT: Final = 200
"""Lines of the log of what runs that can be looked at."""


def _no_lines() -> deque[str]:
    return deque(maxlen=LINES_KEPT)


@attrs.define(kw_only=True)
class Running:
    """One derivation that is being realized.

    Attributes:
        name: its name.
        work: ``build``, ``builtin`` or ``fetch``.
        since_s: when it began, seconds since the epoch.
        line: the last whole line that it wrote.
        lines: the last lines that it wrote, and those only.
        expected_s: how long it took the time before, or None.
        done_bytes: fetched so far.
        total_bytes: to be fetched, where known.
        is_waiting: whether another process is making the same thing.
        again: which of several builds to be compared runs, such as ``2/3``; empty where there is one.
    """

    name: str
    work: str
    since_s: float
    line: str = ""
    lines: deque[str] = attrs.field(factory=_no_lines)
    expected_s: float | None = None
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
        failed: the names of those that failed, or will not be tried because of that.
        untried: how many of these were not tried.
        reasons: (name, why) of those that failed themselves.
        running: by id, in the order they began.
        works: what it took, by id, of all that began.
        hooked: for which derivation the post-build hook runs; empty where it does not.
        forecast: what is left.
        is_over: whether the run has ended.
    """

    started_s: float = 0.0
    total: int = 0
    succeeded: int = 0
    fetched: int = 0
    failed: list[str] = attrs.field(factory=list[str])
    untried: int = 0
    reasons: list[tuple[str, str]] = attrs.field(factory=list[tuple[str, str]])
    running: dict[str, Running] = attrs.field(factory=dict[str, Running])
    works: dict[str, str] = attrs.field(factory=dict[str, str])
    hooked: str = ""
    forecast: Forecast = attrs.field(factory=Forecast)
    is_over: bool = False

    @property
    def waiting(self) -> int:
        """Derivations that did not begin yet, and may."""
        over = self.succeeded + len(self.failed) + len(self.forecast.doomed)
        return max(0, self.total - over - len(self.running))

    def take(self, event: Event) -> None:
        """Learns from an event."""
        if isinstance(event, RunStarted):
            self.started_s, self.total = event.time_s, event.total
            self.forecast.jobs = max(1, event.jobs)
        elif isinstance(event, DerivationPlanned):
            self.forecast.plan(event)
        elif isinstance(event, DerivationStarted):
            expected_s = event.expected_s
            self.running[event.drv] = Running(
                name=event.name, work=event.work, since_s=event.time_s, expected_s=expected_s
            )
            self.works[event.drv] = event.work
        elif isinstance(event, DerivationFinished):
            self._ended(event)
        elif isinstance(event, HookStarted | HookFinished):
            self.hooked = event.name if isinstance(event, HookStarted) else ""
        elif isinstance(event, RunFinished):
            self.is_over = True
        else:
            self._detail(event)

    def _ended(self, event: DerivationFinished) -> None:
        self.running.pop(event.drv, None)
        self.forecast.finish(event.drv, event.duration_s, succeeded=event.outcome.is_success)
        if event.outcome.is_success:
            self.succeeded += 1
            self.fetched += event.outcome == "built" and self.works.get(event.drv) == "fetch"
            return
        self.failed.append(event.name)
        self.untried += event.outcome == "dependency-failed"
        if event.error is not None and event.outcome != "cancelled":
            said = event.error.message.removeprefix(event.name).lstrip(": ")
            self.reasons.append((event.name, f"{event.error.code} {said}"))

    def left_s(self, now_s: float) -> float | None:
        """How long what is left will take; None where too little is known."""
        return self.forecast.left_s((drv, now_s - each.since_s) for drv, each in self.running.items())

    def _detail(self, event: Event) -> None:
        if not isinstance(event, LogText | FetchProgress | DerivationWaiting | RebuildStarted):
            return
        running = self.running.get(event.drv)
        if running is None:
            return
        if isinstance(event, LogText):
            lines = event.text.splitlines()
            running.lines.extend(lines)
            running.line = next((line for line in reversed(lines) if line.strip()), running.line)
        elif isinstance(event, FetchProgress):
            running.done_bytes, running.total_bytes = event.done_bytes, event.total_bytes
        elif isinstance(event, RebuildStarted):
            running.again = f"{event.number}/{event.total}"
        else:
            running.is_waiting = True
