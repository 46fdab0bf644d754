"""Faults put into running processes: the kernel asks us before each system call, and we may answer in its place.

A filter of the child's own makes the kernel stop every call that a fault can hit (`tests.faults.calls`) and tell its
parent; the parent lets it through or answers with an error. So any one call of a publication can be made to fail, of
anything, and the rest is real. Needs no privileges. Source: seccomp_unotify(2).
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import os
import select
import signal
import socket
import struct
import time
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.sandbox.seccomp import Instruction, packed
from tests.faults.calls import AUDIT_ARCH, BY_NUMBER, X86_64, Kind, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

_SYS_SECCOMP: Final = 317 if AUDIT_ARCH == X86_64 else 277
_SET_MODE_FILTER, _NEW_LISTENER = 1, 8
_PR_SET_NO_NEW_PRIVS: Final = 38
_USER_NOTIF: Final = 0x7FC00000
_ALLOW: Final = 0x7FFF0000
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_NOTICE: Final = struct.Struct("=QII iIQ 6Q")  # id, pid, flags; number, architecture, instruction, arguments
_ANSWER: Final = struct.Struct("=QqiI")  # id, value, error, flags
_CONTINUE: Final = 1
_HANGS_AFTER_S: Final = 20.0
_MESSAGE_BYTES: Final = 1 << 16


@attrs.frozen(kw_only=True)
class Fault:
    """What goes wrong.

    Attributes:
        at: which of the calls, counted from 0.
        errno: what it fails of.
        lasting: whether all later calls of the same kind fail too, as they would on a disk that stays full.
    """

    at: int
    errno: int
    lasting: bool = False


@attrs.frozen(kw_only=True)
class Ran:
    """What came of a child.

    Attributes:
        calls: name and kind of each call between arming and disarming that a fault could have hit.
        said: what the child sent; None where it died or hung before.
    """

    calls: tuple[tuple[str, Kind], ...]
    said: bytes | None


def _program() -> bytes:
    """Stop the calls of the table, let the rest through."""
    numbers = tuple(BY_NUMBER)
    tests = tuple(Instruction(0x15, len(numbers) - index, 0, number) for index, number in enumerate(numbers))
    return packed(
        (
            Instruction(0x20, 0, 0, 4),
            Instruction(0x15, 0, len(tests) + 1, AUDIT_ARCH or 0),
            Instruction(0x20, 0, 0, 0),
            *tests,
            Instruction(0x06, 0, 0, _ALLOW),
            Instruction(0x06, 0, 0, _USER_NOTIF),
        )
    )


def _install() -> int:
    """Put the filter on this process; the descriptor on which the kernel tells of each call."""
    library = ctypes.CDLL(None, use_errno=True)
    program = _program()
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("=H6xQ", len(program) // 8, ctypes.addressof(buffer))
    if os.geteuid() != 0 and library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    listener = library.syscall(_SYS_SECCOMP, _SET_MODE_FILTER, _NEW_LISTENER, header)
    if listener < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), "seccomp")
    return int(listener)


class Switch:
    """In the child: says when faults may come."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel

    def arm(self) -> None:
        """From here on calls count."""
        self._channel.send(b"+")
        self._channel.recv(1)

    def disarm(self) -> None:
        """From here on all goes through."""
        self._channel.send(b"-")
        self._channel.recv(1)


def run_child(act: Callable[[Switch], bytes], fault: Fault | None) -> Ran:
    """Runs ``act`` in a forked child of this process, which must have one thread only; what came of it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        _child(theirs, act)
    theirs.close()
    with ours:
        try:
            _, ancillary, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4))
            if not ancillary:
                return Ran(calls=(), said=None)
            listener = array.array("i", ancillary[0][2])[0]
            return _supervise(pid, listener, ours, fault)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _child(channel: socket.socket, act: Callable[[Switch], bytes]) -> None:
    try:
        listener = _install()
        channel.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))])
        os.close(listener)
        channel.send(b"=" + act(Switch(channel)))
    finally:
        channel.close()
        signal.pause()  # what it holds is freed by the kernel when its parent has seen enough


@attrs.define(eq=False)
class _Watch:
    """Which calls were seen, and which are to fail."""

    pid: int
    fault: Fault | None
    armed: bool = False
    hit: Kind | None = None
    calls: list[tuple[str, Kind]] = attrs.field(factory=list[tuple[str, Kind]])
    _groups: dict[int, bool] = attrs.field(factory=dict[int, bool])

    def verdict(self, thread: int, number: int, arguments: tuple[int, ...]) -> int:
        """The errno a call gets; 0 lets it through."""
        if not self.armed or not self._is_ours(thread):
            return 0
        call = BY_NUMBER[number]
        kind = kind_of(call, arguments)
        if kind is None:
            return 0
        index = len(self.calls)
        self.calls.append((call.name, kind))
        fault = self.fault
        if fault is None:
            return 0
        if index == fault.at:
            self.hit = kind
            return fault.errno
        return fault.errno if fault.lasting and index > fault.at and kind is self.hit else 0

    def _is_ours(self, thread: int) -> bool:
        """Whether a thread is one of the child, and none of a process that it started."""
        if thread not in self._groups:
            self._groups[thread] = os.path.exists(f"/proc/{self.pid}/task/{thread}")  # noqa: PTH110 -- hot
        return self._groups[thread]


def _supervise(pid: int, listener: int, channel: socket.socket, fault: Fault | None) -> Ran:
    watch = _Watch(pid, fault)
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    poll.register(channel, select.POLLIN)
    ends_s = time.monotonic() + _HANGS_AFTER_S
    try:
        while time.monotonic() < ends_s:
            ready = {fd for fd, _ in poll.poll(1000)}
            if listener in ready:
                _answer(listener, watch)
            if channel.fileno() in ready:
                message = channel.recv(_MESSAGE_BYTES)
                if not message or message[:1] == b"=":
                    return Ran(calls=tuple(watch.calls), said=message[1:] if message else None)
                watch.armed = message == b"+"
                channel.send(b"k")
        return Ran(calls=tuple(watch.calls), said=None)
    finally:
        os.close(listener)


def _answer(listener: int, watch: _Watch) -> None:
    notice = bytearray(_NOTICE.size)
    try:
        fcntl.ioctl(listener, _RECEIVE, notice)
    except OSError:  # whoever asked is dead
        return
    ident, thread, _, number, _, _, *arguments = _NOTICE.unpack(notice)
    error = watch.verdict(thread, number, tuple(arguments))
    answer = bytearray(_ANSWER.pack(ident, 0, -error, 0 if error else _CONTINUE))
    try:
        fcntl.ioctl(listener, _SEND, answer)
    except OSError:  # likewise
        return
