"""The first process of a sandbox: its death is the death of every other, however deeply it hid itself.

The runner traces it without ever stopping it, for three reasons: it dies with the runner; nobody can reap it
before the runner did, so its number stays true; and its resource usage, which is that of the whole build, is
told to a tracer though it is only a grandchild. Where the kernel refuses tracing, a pidfd serves, and usage
is unknown. Source: pid_namespaces(7), ptrace(2), wait4(2).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from hermetica.sandbox.native import Native
    from hermetica.sandbox.status import Started

_WALL: Final = 0x40000000  # __WALL, which os does not name


@attrs.frozen
class Usage:
    """What all processes of a build used together; peak memory is that of the largest one."""

    cpu_user_s: float
    cpu_system_s: float
    peak_memory_bytes: int


def namespace_of(pid: int) -> int | None:
    """The process-id namespace of a process; None if it is dying or gone."""
    try:
        text = os.readlink(f"/proc/{pid}/ns/pid")  # noqa: PTH115 -- text wanted, as pid:[4026531836]
    except OSError:
        return None
    return int(text[5:-1])


@attrs.define
class Init:
    """A handle on the first process of a sandbox.

    Attributes:
        pid: its number on the host.
        traced: whether this thread traces it.
        pidfd: a descriptor for it where it is not traced.
        usage: what the build used, once it is dead and if the kernel tells.
    """

    pid: int
    traced: bool = False
    pidfd: int | None = None
    usage: Usage | None = None

    @classmethod
    def attach(cls, started: Started, native: Native) -> Init | None:
        """A handle, or None if the process is gone already. Call it from the thread that will wait."""
        namespace = namespace_of(started.pid)
        if namespace == started.namespace:
            with contextlib.suppress(OSError):  # refused or just gone: the pidfd says which
                native.seize(started.pid)
                return cls(started.pid, traced=True)
        try:
            pidfd = os.pidfd_open(started.pid)
        except ProcessLookupError:
            return None
        if namespace_of(started.pid) not in {started.namespace, None}:
            os.close(pidfd)  # the number belongs to somebody else now
            return None
        return cls(started.pid, pidfd=pidfd)

    def kill(self) -> None:
        """Kill the sandbox; every process in it."""
        if self.pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        elif self.traced:
            os.kill(self.pid, signal.SIGKILL)

    def tick(self, native: Native) -> None:
        """Let it go on if a signal stopped it, and see whether it died; to be called now and then.

        A builder's ``kill 0`` reaches it too: untraced it would ignore that, traced it waits for us. Dead, it
        waits for us as well, and its parent learns nothing before we have seen it.
        """
        if self.traced and not self._reap(os.WNOHANG):
            native.resume(self.pid)

    def wait(self) -> Usage | None:
        """Wait until every process of the sandbox is dead; what they used, if the kernel tells."""
        if self.pidfd is not None:
            poll = select.poll()
            poll.register(self.pidfd, select.POLLIN)
            poll.poll()
            os.close(self.pidfd)
            self.pidfd = None
        while self.traced and not self._reap(0):
            pass  # it was told of a stop; the signal that kills is on its way
        return self.usage

    def _reap(self, flags: int) -> bool:
        """Whether it is dead."""
        try:
            pid, status, usage = os.wait4(self.pid, _WALL | flags)
        except ChildProcessError:  # the embedding process waits for any child and was faster
            self.traced = False
            return True
        if pid == 0 or not (os.WIFEXITED(status) or os.WIFSIGNALED(status)):
            return False
        self.traced = False
        self.usage = Usage(usage.ru_utime, usage.ru_stime, usage.ru_maxrss * 1024)
        return True
