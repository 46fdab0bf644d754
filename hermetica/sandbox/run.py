"""Runs a specification to its end. Whatever happens, no process of the build survives the return.

One loop waits for output, for bubblewrap's reports, and for the cancellation; what the end means is decided
by `outcome` and `refusal`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import time
from typing import TYPE_CHECKING, Final

from hermetica.sandbox.complaint import Complaint
from hermetica.sandbox.errors import FrozenClockFailed
from hermetica.sandbox.failure import exec_failure, setup_failure
from hermetica.sandbox.outcome import Exit, Outcome, Watchdog
from hermetica.sandbox.spawn import Spawner
from hermetica.sandbox.start import start
from hermetica.sandbox.status import StatusReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermetica.sandbox.cancellation import Cancellation
    from hermetica.sandbox.consumption import Consumption
    from hermetica.sandbox.errors import SandboxError
    from hermetica.sandbox.frozen.process import TracedInit
    from hermetica.sandbox.init import Init, Usage
    from hermetica.sandbox.native import Native
    from hermetica.sandbox.spec import SandboxSpec
    from hermetica.sandbox.start import Running

_CHUNK: Final = 1 << 16
_TICK_S: Final = 0.2
"""How often the first process is looked after (`Init.tick`)."""
_LINE_S: Final = 0.0002
"""bubblewrap writes a line in eight pieces; waiting a little saves waking up for each."""
_START_S: Final = 5.0
"""How long an ending run waits for bubblewrap to say whom it started, so that it can be killed."""


class Session:
    """One started sandbox: passes its output on, and ends it. Used by one thread.

    A ``spec`` is given for what is to be held to limits that the kernel does not enforce.
    """

    def __init__(
        self,
        running: Running,
        native: Native,
        log: Callable[[bytes], None],
        watchdog: Watchdog,
        spec: SandboxSpec | None = None,
    ) -> None:
        self.running = running
        self.native = native
        self.log = log
        self.watchdog = watchdog
        self.reader = StatusReader()
        self.complaint = Complaint()
        self.init: Init | TracedInit | None = None
        self.reported_all = False
        self.killed_by: int | None = None
        self.spec = spec
        self._consumption: Consumption | None = None
        self._next_tick_s = watchdog.started_s + _TICK_S

    def watch(self, cancellation: Cancellation | None) -> Outcome:
        """Wait until bubblewrap is gone or a limit is exceeded."""
        poll = select.poll()
        for source in (self.running.status, self.running.log, cancellation):
            if source is not None:
                poll.register(source, select.POLLIN)
        while not self.reported_all:
            ready = {fd for fd, _event in poll.poll(self._wait_ms())}
            if cancellation is not None and cancellation.fileno() in ready:
                return Outcome.CANCELLED
            if self.running.log in ready and not self._read_log():
                poll.unregister(self.running.log)
            if self.running.status in ready:
                self._read_status()
            verdict = None
            if self.init is not None and (not ready or time.monotonic() >= self._next_tick_s):
                self._next_tick_s = time.monotonic() + _TICK_S
                verdict = self._look_after(self.init)
            verdict = verdict or self.watchdog.verdict(time.monotonic())
            if verdict is not None and not self.reported_all:
                return verdict
        return Outcome.EXITED

    def end(self) -> Usage | None:
        """Kill what is left and wait until every process is dead."""
        deadline_s = time.monotonic() + _START_S
        poll = select.poll()
        poll.register(self.running.status, select.POLLIN)
        while self.init is None and not self.reported_all and (left_s := deadline_s - time.monotonic()) > 0:
            if poll.poll(left_s * 1000):
                self._read_status()
        usage = None
        if self.init is not None:
            self.init.kill()
            usage = self.init.wait()
        with contextlib.suppress(ProcessLookupError, ChildProcessError):  # the embedding process waits for any child
            if not self.reported_all:
                os.kill(self.running.pid, signal.SIGKILL)
            status = os.waitpid(self.running.pid, 0)[1]
            self.killed_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        return usage

    def broken(self) -> SandboxError | None:
        """Why the world of the build did not hold, if it did not."""
        report = getattr(self.init, "report", None)
        if report is None or report.failure is None:
            return None
        return FrozenClockFailed("a program of the build could not be given its world", report.failure)

    def drain(self) -> None:
        """Pass on what is left in the pipe; nobody writes to it any more."""
        while self._read_log():
            pass

    def failure(self, spec: SandboxSpec, bwrap: str) -> SandboxError | None:
        """Why the builder never ran, if it did not."""
        if self.reader.exit_status is not None:
            return None
        reason = self.complaint.exec_failure(spec.builder)
        if reason is not None:
            return exec_failure(spec, reason)
        return setup_failure(self.complaint.text, self.killed_by, bwrap)

    def _wait_ms(self) -> int:
        remaining_s = self.watchdog.remaining_s(time.monotonic())
        shortest_s = _TICK_S if remaining_s is None else min(_TICK_S, remaining_s)
        return int(shortest_s * 1000) + 1

    def _read_status(self) -> None:
        piece = os.read(self.running.status, _CHUNK)
        self.reader.feed(piece)
        if not piece or self.reader.exit_status is not None:  # it says that, and is gone: no need to wake up for each
            self.reported_all = True
        if not self.reader.is_complete:
            time.sleep(_LINE_S)
        if self.init is None and self.reader.started is not None:
            self.init = self.running.attach(self.reader.started, self.native)
            if self.init is not None:  # else it is gone, and there is nobody to let go
                self.running.let_go(self.init.pid)

    def _look_after(self, init: Init | TracedInit) -> Outcome | None:
        """Keep the first process going; the limit that no kernel enforces and that is exceeded, if any."""
        init.tick(self.native)
        if self.spec is None:
            return None
        if self._consumption is None:
            from hermetica.sandbox.consumption import Consumption  # noqa: PLC0415 -- only what lasts so long is worth it

            self._consumption = Consumption.of(self.spec, init.pid)
        return self._consumption.verdict(time.monotonic())

    def _read_log(self) -> bool:
        """Whether there may be more."""
        if self.running.log is None:
            return False
        try:
            piece = os.read(self.running.log, _CHUNK)
        except OSError as error:
            if error.errno in {errno.EAGAIN, errno.EIO}:  # EIO is how a terminal says that nobody writes to it any more
                return False
            raise
        kept = self.watchdog.take(len(piece), time.monotonic())
        if passed := self.complaint.feed(piece[:kept]):
            self.log(passed)
        return bool(piece)


def run(
    spec: SandboxSpec,
    *,
    log: Callable[[bytes], None],
    timeout_s: float | None = None,
    silence_timeout_s: float | None = None,
    log_limit_bytes: int | None = None,
    cancellation: Cancellation | None = None,
    spawner: Spawner | None = None,
    tracer: tuple[str, ...] = (),
) -> Exit:
    """Run the builder to its end.

    Args:
        spec: what to run.
        log: called, on this thread, with what the builder writes to its standard output and error.
        timeout_s: ends the run after so long.
        silence_timeout_s: ends it after so long without output.
        log_limit_bytes: ends it when it writes more than this; no more than this is passed to ``log``.
        cancellation: ends it when switched on.
        spawner: starts it; without one, a thread is made for this run (0.1 ms).
        tracer: a program and arguments that run bubblewrap in its place; it must end when we do.

    Raises:
        SandboxUnavailable: bubblewrap or the kernel refuses.
        BuilderNotFound: the builder cannot be executed in the sandbox.
        ArgumentsTooLong: the kernel cannot pass the arguments and environment.
        MountSourceMissing: something to mount is not there.
        WorldUnavailable, TierUnavailable: the host has not what the world needs.
        FrozenClockFailed: a program could not be given its clock.
    """
    watchdog = Watchdog(
        started_s=time.monotonic(),
        timeout_s=timeout_s,
        silence_timeout_s=silence_timeout_s,
        log_limit_bytes=log_limit_bytes,
    )
    if cancellation is not None and cancellation.is_cancelled:
        return _exit(Outcome.CANCELLED, None, None, watchdog)
    with contextlib.ExitStack() as stack:
        used = spawner or stack.enter_context(Spawner.with_own_thread())
        running = start(spec, used.bwrap(), used, tracer)
        stack.callback(running.close)
        session = Session(running, used.native, log, watchdog, spec)
        outcome, usage = _see_through(session, cancellation)
        if outcome is Outcome.EXITED and (error := session.failure(spec, used.bwrap())):
            raise error
        if held := session.complaint.release():
            log(held)
        return _exit(watchdog.overflow or outcome, session.reader.exit_status, usage, watchdog)


def _see_through(session: Session, cancellation: Cancellation | None) -> tuple[Outcome, Usage | None]:
    """Waits for the end, or brings it about; afterwards no process is left and all output is read."""
    usage = None
    try:
        outcome = session.watch(cancellation)
    finally:
        usage = session.end()
    session.drain()
    if broken := session.broken():
        raise broken
    return outcome, usage


def _exit(outcome: Outcome, status: int | None, usage: Usage | None, watchdog: Watchdog) -> Exit:
    return Exit(
        outcome=outcome,
        status=status if outcome is Outcome.EXITED else None,
        duration_s=time.monotonic() - watchdog.started_s,
        cpu_user_s=None if usage is None else usage.cpu_user_s,
        cpu_system_s=None if usage is None else usage.cpu_system_s,
        peak_memory_bytes=None if usage is None else usage.peak_memory_bytes,
        log_bytes=watchdog.logged_bytes,
    )
