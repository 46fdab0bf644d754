"""ptrace and the memory of other processes, as a tracer uses them; of x86-64. Nothing here allocates or locks much.

Source: ptrace(2), process_vm_readv(2), pidfd_getfd(2), wait(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from typing import Any, Final

import attrs

Answer = int | Callable[[int], None] | None
"""What a system call answers; or what is to be done at its end, with the process's id; None lets it go on."""

WALL: Final = 0x40000000  # __WALL
EVENT_FORK, EVENT_VFORK, EVENT_CLONE, EVENT_EXEC, EVENT_SECCOMP, EVENT_STOP = 1, 2, 3, 4, 7, 128
_CONT, _GETREGS, _SETREGS, _SYSCALL, _GETEVENTMSG, _SEIZE, _LISTEN = 7, 12, 13, 24, 0x4201, 0x4206, 0x4208
_SYSGOOD, _FORK, _VFORK, _CLONE, _EXEC, _SECCOMP, _EXITKILL = 1, 2, 4, 8, 16, 0x80, 0x100000
_OPTIONS: Final = _SYSGOOD | _FORK | _VFORK | _CLONE | _EXEC | _SECCOMP | _EXITKILL
_PIDFD_GETFD: Final = 438
_NO_CALL: Final = 2**64 - 1
_ROOM_BYTES: Final = 1 << 20

_REGISTERS: Final = (
    *("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi"),
    *("orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs"),
)


class Registers(ctypes.Structure):
    """``struct user_regs_struct``."""

    _fields_ = tuple((name, ctypes.c_ulonglong) for name in _REGISTERS)


class _Usage(ctypes.Structure):
    """``struct rusage``: two times of seconds and microseconds, then counters, of which the first is memory."""

    _fields_ = (("times", ctypes.c_long * 4), ("counters", ctypes.c_long * 14))


class _Piece(ctypes.Structure):
    """``struct iovec``."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


@attrs.define(eq=False)
class Kernel:
    """The calls, prepared once.

    Attributes:
        registers: those of the process that `read_registers` was called for last.
        status: what `wait` was told last.
        room: what `fetch` and `directory_entries` filled last.
    """

    registers: Registers = attrs.field(factory=Registers)
    status: ctypes.c_int = attrs.field(factory=ctypes.c_int)
    room: ctypes.Array[ctypes.c_char] = attrs.field(factory=lambda: ctypes.create_string_buffer(_ROOM_BYTES))
    _usage: _Usage = attrs.field(factory=_Usage)
    _library: Any = attrs.field(factory=lambda: ctypes.CDLL(None, use_errno=True))
    _ptrace: Any = None
    _wait4: Any = None
    _to_registers: Any = None
    _to_ending: tuple[Any, Any] = (None, None)
    _readv: Any = None
    _writev: Any = None
    _pieces: tuple[_Piece, _Piece] = attrs.field(factory=lambda: (_Piece(), _Piece()))
    _to_pieces: tuple[Any, Any] = (None, None)
    _room_address: int = 0

    def __attrs_post_init__(self) -> None:
        """Tell ctypes of the signatures."""
        self._ptrace, self._wait4 = self._library.ptrace, self._library.wait4
        self._to_registers = ctypes.byref(self.registers)
        self._to_ending = ctypes.byref(self.status), ctypes.byref(self._usage)
        self._ptrace.restype = ctypes.c_long
        self._ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
        self._wait4.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
        self._readv, self._writev = self._library.process_vm_readv, self._library.process_vm_writev
        here, there = self._pieces
        self._to_pieces = ctypes.byref(here), ctypes.byref(there)
        self._room_address = ctypes.addressof(self.room)
        for call in (self._readv, self._writev):
            call.restype = ctypes.c_ssize_t
            call.argtypes = (ctypes.c_int, ctypes.c_void_p, *(ctypes.c_ulong,), ctypes.c_void_p, *(ctypes.c_ulong,) * 2)
        self._library.syscall.restype = ctypes.c_long

    def seize(self, pid: int) -> None:
        """Trace a process and all that it starts from now on; they die with the calling process.

        Raises:
            OSError: the kernel refuses.
        """
        if self._ptrace(_SEIZE, pid, None, _OPTIONS) != 0:
            raise self._failed("ptrace(PTRACE_SEIZE)")

    def wait(self) -> int:
        """The next process that stopped or ended; 0 where none is left. `status` says which."""
        status, usage = self._to_ending
        while True:
            pid: int = self._wait4(-1, status, WALL, usage)
            if pid > 0:
                return pid
            number = ctypes.get_errno()
            if number == errno.ECHILD:
                return 0
            if number != errno.EINTR:
                raise self._failed("wait4")

    def usage(self) -> tuple[float, float, int]:
        """What the process that ended last had used: user and system time in seconds, peak memory in KiB."""
        user_s, user_us, system_s, system_us = self._usage.times
        return user_s + user_us / 1e6, system_s + system_us / 1e6, self._usage.counters[0]

    def resume(self, pid: int, signal: int = 0) -> None:
        """Let it go on; a process that was killed meanwhile is left alone."""
        self._ptrace(_CONT, pid, None, signal)

    def resume_to_exit(self, pid: int) -> None:
        """Let it go on to the end of the system call it is in."""
        self._ptrace(_SYSCALL, pid, None, None)

    def leave_stopped(self, pid: int) -> None:
        """Let job control have it."""
        self._ptrace(_LISTEN, pid, None, None)

    def message(self, pid: int) -> int:
        """What an event is about: the new process of a fork."""
        value = ctypes.c_ulong()
        return value.value if self._ptrace(_GETEVENTMSG, pid, None, ctypes.byref(value)) == 0 else 0

    def read_registers(self, pid: int) -> bool:
        """Fill `registers`; false where it was killed."""
        return bool(self._ptrace(_GETREGS, pid, None, self._to_registers) == 0)

    def write_registers(self, pid: int) -> None:
        """Give it `registers`."""
        self._ptrace(_SETREGS, pid, None, self._to_registers)

    def skip(self, pid: int, result: int) -> None:
        """Have the system call that it is about to make answer at once; `registers` are its own."""
        self.registers.orig_rax = _NO_CALL
        self.registers.rax = result & _NO_CALL
        self.write_registers(pid)

    def read(self, pid: int, address: int, length: int) -> bytes | None:
        """Little memory of a process; None where there is none."""
        return ctypes.string_at(self._room_address, length) if self.fetch(pid, address, length) else None

    def write(self, pid: int, address: int, content: bytes) -> bool:
        """Write to the memory of a process; false where it may not itself."""
        buffer = ctypes.create_string_buffer(content, len(content))
        return self._move(self._writev, pid, ctypes.addressof(buffer), address, len(content))

    def fetch(self, pid: int, address: int, length: int) -> bool:
        """Fill the beginning of `room` with memory of a process; false where there is none."""
        return self._move(self._readv, pid, self._room_address, address, length)

    def give(self, pid: int, address: int, length: int) -> bool:
        """Write the beginning of `room` to the memory of a process; false where it may not itself."""
        return self._move(self._writev, pid, self._room_address, address, length)

    def _move(self, call: Any, pid: int, own: int, address: int, length: int) -> bool:
        here, there = self._pieces
        here.base, there.base = own, address
        here.length = there.length = length
        to_here, to_there = self._to_pieces
        return bool(call(pid, to_here, 1, to_there, 1, 0) == length)

    def take_descriptor(self, pid: int, fd: int) -> int | None:
        """Our own descriptor of the file that a process has open; None where it has none such."""
        try:
            process = os.pidfd_open(pid)
        except OSError:
            return None
        try:
            ours: int = self._library.syscall(_PIDFD_GETFD, process, fd, 0)
        finally:
            os.close(process)
        return ours if ours >= 0 else None

    def directory_entries(self, fd: int) -> bytes:
        """The next entries of an open directory, as getdents64 gives them; nothing at its end."""
        count: int = self._library.syscall(217, fd, self.room, _ROOM_BYTES)
        return ctypes.string_at(self._room_address, count) if count > 0 else b""

    def _failed(self, what: str) -> OSError:
        number = ctypes.get_errno()
        return OSError(number, os.strerror(number), what)
