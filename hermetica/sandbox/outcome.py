"""How a run ended, and the clock of its limits. Pure."""

from __future__ import annotations

import enum
from typing import Final

import attrs

_SIGNALS_FROM: Final = 128
_SIGNALS_MAX: Final = 64


class Outcome(enum.Enum):
    """Why a run ended; all but `EXITED` mean that hermetica ended it."""

    EXITED = "exited"
    TIMED_OUT = "timed-out"
    SILENT = "silent"
    LOG_LIMIT = "log-limit"
    SIZE_LIMIT = "size-limit"
    PROCESS_LIMIT = "process-limit"
    CANCELLED = "cancelled"


@attrs.frozen(kw_only=True)
class Exit:
    """The end of one run.

    Attributes:
        outcome: why it ended. status: exit status of the builder, as a shell counts: 128 + n if signal n
        killed it. None unless it exited. signal: n, where the status says that signal n killed it (or a child
        whose status a shell passed on). duration_s: from the start of bubblewrap to the death of the last
        process. cpu_user_s, cpu_system_s: of all processes together; None where the kernel refuses to tell.
        peak_memory_bytes: of the largest process; None likewise. log_bytes: how many bytes the log got.
    """

    outcome: Outcome
    status: int | None
    duration_s: float
    cpu_user_s: float | None
    cpu_system_s: float | None
    peak_memory_bytes: int | None
    log_bytes: int

    @property
    def signal(self) -> int | None:
        """See the class."""
        if self.status is None or not _SIGNALS_FROM < self.status <= _SIGNALS_FROM + _SIGNALS_MAX:
            return None
        return self.status - _SIGNALS_FROM

    @property
    def succeeded(self) -> bool:
        """Whether the builder ended by itself with status 0."""
        return self.outcome is Outcome.EXITED and self.status == 0


@attrs.define(kw_only=True)
class Watchdog:
    """Counts time and bytes against the limits of one run; all times in seconds of one steady clock.

    Attributes:
        started_s: when the run began.
        timeout_s, silence_timeout_s, log_limit_bytes: the limits; None is none.
        last_output_s: when the log grew last.
        log_bytes: its size.
    """

    started_s: float
    timeout_s: float | None = None
    silence_timeout_s: float | None = None
    log_limit_bytes: int | None = None
    last_output_s: float = attrs.field(default=attrs.Factory(lambda self: self.started_s, takes_self=True))
    log_bytes: int = 0

    def take(self, size_bytes: int, now_s: float) -> int:
        """Count output; how many of these bytes still belong into the log."""
        self.last_output_s = now_s
        kept = size_bytes
        if self.log_limit_bytes is not None:
            kept = min(size_bytes, max(0, self.log_limit_bytes - self.log_bytes))
        self.log_bytes += size_bytes
        return kept

    @property
    def logged_bytes(self) -> int:
        """The size of the log as delivered."""
        return self.log_bytes if self.log_limit_bytes is None else min(self.log_bytes, self.log_limit_bytes)

    @property
    def overflow(self) -> Outcome | None:
        """`Outcome.LOG_LIMIT` if more was written than the log may hold."""
        return Outcome.LOG_LIMIT if self.log_bytes > self.logged_bytes else None

    def verdict(self, now_s: float) -> Outcome | None:
        """The limit that is exceeded, if any."""
        if self.overflow is not None:
            return self.overflow
        if self.timeout_s is not None and now_s - self.started_s >= self.timeout_s:
            return Outcome.TIMED_OUT
        if self.silence_timeout_s is not None and now_s - self.last_output_s >= self.silence_timeout_s:
            return Outcome.SILENT
        return None

    def remaining_s(self, now_s: float) -> float | None:
        """How long until a limit of time can be exceeded; None if there is no such limit."""
        ends = [
            since + limit
            for since, limit in ((self.started_s, self.timeout_s), (self.last_output_s, self.silence_timeout_s))
            if limit is not None
        ]
        return max(0.0, min(ends) - now_s) if ends else None
