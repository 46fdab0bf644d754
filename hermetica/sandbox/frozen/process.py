"""The process that traces: forked from this one when it is first needed, and kept for the next sandbox.

A fork of a process with many threads may only do what no lock of theirs can hinder. So the tracer forgets every
descriptor but one socket, collects no garbage, and calls the kernel. It ends when its socket does; when it ends, the
kernel kills what it traces. When we end, the sandbox does, and then it. Source: fork(2), ptrace(2) on EXITKILL.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import json
import os
import platform
import select
import signal
import socket
import struct
import threading
import warnings
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.sandbox.errors import FrozenClockFailed, TierUnavailable
from hermetica.sandbox.frozen.kernel import Kernel
from hermetica.sandbox.frozen.order import Order
from hermetica.sandbox.frozen.tracer import Report, Tracing
from hermetica.sandbox.frozen.vdso import Patch, UnknownVdso, patches
from hermetica.sandbox.init import Usage, namespace_of

if TYPE_CHECKING:
    from hermetica.sandbox.status import Started

_MESSAGE_BYTES: Final = 1 << 16
_AT_SYSINFO_EHDR: Final = 33
_READY: Final = b"ready"
_MACHINE: Final = "x86_64"
_FORKING: Final = threading.Lock()  # what is warned of is the whole process's


def vdso_image() -> bytes:
    """The vDSO of this process, which is that of every program of the machine's own ABI.

    Raises:
        UnknownVdso: the kernel gives none.
    """
    with open("/proc/self/auxv", "rb") as file:  # noqa: PTH123 -- read whole
        table = file.read()
    base = dict(struct.iter_unpack("@LL", table)).get(_AT_SYSINFO_EHDR)
    if not base:
        raise UnknownVdso("the kernel gives none (vdso=0)")
    with open("/proc/self/maps", encoding="ascii", errors="replace") as file:  # noqa: PTH123 -- read until found
        for line in file:
            first, _, last = line.split(None, 1)[0].partition("-")
            if int(first, 16) == base:
                return ctypes.string_at(base, int(last, 16) - base)
    raise UnknownVdso("it is not mapped where the kernel says")


def check_machine(machine: str) -> None:
    """That programs of a machine, named as ``uname -m`` does, can be given another clock.

    Raises:
        TierUnavailable: it is of a kind that nobody has tried.
    """
    if machine != _MACHINE:
        raise TierUnavailable("T2", "T0", f"a clock can be held on {_MACHINE} only, and this is {machine}")


class Tracer:
    """A process that traces one sandbox after another. Used by one thread at a time."""

    def __init__(self) -> None:
        check_machine(platform.machine())
        try:
            self._image = vdso_image()
        except UnknownVdso as error:
            raise TierUnavailable("T2", "T0", f"the kernel's vDSO cannot be changed: {error}") from error
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._pid = _fork_tracer(theirs)
        except BaseException:
            self._socket.close()
            raise
        finally:
            theirs.close()
        self.is_free = False

    def attach(self, started: Started, order: Order, since_s: int) -> TracedInit | None:
        """Trace a sandbox whose first process waits; None if that is gone already.

        Raises:
            TierUnavailable: the kernel refuses.
            FrozenClockFailed: the tracer is gone.
        """
        try:
            changes = patches(self._image, order.clock_s, seeded=order.random_seed is not None)
        except UnknownVdso as error:
            raise TierUnavailable("T2", "T0", f"the kernel's vDSO cannot be changed: {error}") from error
        try:
            pidfd = os.pidfd_open(started.pid)
        except ProcessLookupError:
            return None
        try:
            if namespace_of(started.pid) in {started.namespace, None}:
                self._ask(started.pid, order, since_s, changes)
                init, pidfd = TracedInit(started.pid, self, pidfd), -1
                return init
            return None  # the number belongs to somebody else now
        finally:
            if pidfd >= 0:
                os.close(pidfd)

    def _ask(self, first: int, order: Order, since_s: int, changes: tuple[Patch, ...]) -> None:
        self._send(b"%d %d %s" % (first, since_s, _order_and_patches(order, changes)))
        answer = self._receive()
        if answer != _READY:
            raise TierUnavailable("T2", "T0", f"the kernel refuses tracing: {answer.decode(errors='replace')}")

    def report(self) -> Report:
        """Wait for the end of the sandbox; where the tracer ended first, the kernel ends it."""
        try:
            report = Report.from_json(self._receive())
        except FrozenClockFailed as error:
            return Report(failure=error.cause)
        self.is_free = True
        return report

    def _send(self, message: bytes) -> None:
        try:
            self._socket.send(message)
        except OSError as error:
            raise FrozenClockFailed("the tracer is gone", "something killed it") from error

    def _receive(self) -> bytes:
        answer = self._socket.recv(_MESSAGE_BYTES)
        if not answer:
            raise FrozenClockFailed("the tracer is gone", "something killed it, and so the kernel the sandbox")
        return answer

    def close(self) -> None:
        """End it, and what it traces."""
        self._socket.close()
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            if not self.is_free:
                os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)


@functools.lru_cache(maxsize=16)
def _order_and_patches(order: Order, changes: tuple[Patch, ...]) -> bytes:
    document = {
        "order": order.to_json().decode(),
        "patches": [[each.offset, each.content.hex()] for each in changes],
    }
    return json.dumps(document).encode()


@functools.lru_cache(maxsize=4)
def _read(asked: bytes) -> tuple[Order, tuple[Patch, ...]]:
    document = json.loads(asked)
    changes = tuple(Patch(offset, bytes.fromhex(content)) for offset, content in document["patches"])
    return Order.from_json(document["order"].encode()), changes


@attrs.define
class TracedInit:
    """A handle on the first process of a sandbox that a tracer has; like `hermetica.sandbox.init.Init`.

    Attributes:
        pid: its number on the host.
        tracer: who traces it.
        pidfd: a descriptor for it.
        report: how it went, once it is dead.
    """

    pid: int
    tracer: Tracer
    pidfd: int | None
    report: Report | None = None

    def kill(self) -> None:
        """Kill the sandbox; every process in it."""
        if self.pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def tick(self, _native: object) -> None:
        """Nothing: the tracer lets it go on."""

    def wait(self) -> Usage | None:
        """Wait until every process of the sandbox is dead; what they used."""
        if self.pidfd is not None:
            self.report = self.tracer.report()
            poll = select.poll()
            poll.register(self.pidfd, select.POLLIN)
            poll.poll()
            os.close(self.pidfd)
            self.pidfd = None
        usage = None if self.report is None else self.report.usage
        return None if usage is None else Usage(usage[0], usage[1], usage[2] * 1024)


def _fork_tracer(theirs: socket.socket) -> int:
    """Its process id."""
    with _FORKING, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on forks of many threads: see above
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            _become_tracer(theirs.fileno())
            status = 0
        except BaseException:  # noqa: BLE001, S110 -- nothing of the process it was forked from may run again
            pass
        finally:
            os._exit(status)
    return pid


def _become_tracer(channel: int) -> None:
    gc.disable()
    os.setsid()
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)) or number == signal.SIGCHLD:
            signal.signal(number, signal.SIG_DFL)
    nothing = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    if channel != 3:
        os.dup2(channel, 3, inheritable=False)
    os.closerange(4, os.sysconf("SC_OPEN_MAX"))
    os.chdir("/")
    _serve(socket.socket(fileno=3), Kernel())


def _serve(channel: socket.socket, kernel: Kernel) -> None:
    """Traces what it is asked to, until nobody is there to ask."""
    while message := channel.recv(_MESSAGE_BYTES):
        first, since_s, asked = message.split(b" ", 2)
        try:
            kernel.seize(int(first))
        except OSError as error:
            channel.send(f"{error.filename}: {error.strerror}".encode())
            continue
        order, changes = _read(asked)
        tracing = Tracing.of(kernel, int(first), order, int(since_s), changes)
        channel.send(_READY)
        channel.send(tracing.follow().to_json())
