"""What a tracer answers for the clock: the reading of it, and waits for a point of time.

A program that waits until one second from now, by a clock that stands still, has to wait one second: the point is
moved to the kernel's own clock, on a piece of the stack that nothing uses, and the argument is put back afterwards.
"""

from __future__ import annotations

import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.sandbox.frozen import watched

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hermetica.sandbox.frozen.kernel import Answer, Kernel, Registers

_EFAULT: Final = -14
_RED_ZONE_BYTES: Final = 512
_SECOND_NS: Final = 10**9
_WALL_CLOCK_TEXTS: Final = frozenset({"0", "8", "11"})
_FUTEX_WAITS: Final = frozenset({watched.FUTEX_LOCK_PI, 9, 11, 13})  # and WAIT_BITSET, WAIT_REQUEUE_PI, LOCK_PI2


@attrs.frozen(kw_only=True)
class _Deadline:
    """Where a call has its point of time: the register that points to it, and how far into what it points to."""

    register: str
    offset: int = 0
    size_bytes: int = 16


_DEADLINES: Final = {
    watched.FUTEX: _Deadline(register="r10"),
    watched.CLOCK_NANOSLEEP: _Deadline(register="rdx"),
    watched.MQ_TIMEDSEND: _Deadline(register="r8"),
    watched.MQ_TIMEDRECEIVE: _Deadline(register="r8"),
    watched.TIMERFD_SETTIME: _Deadline(register="rdx", offset=16, size_bytes=32),
    watched.TIMER_SETTIME: _Deadline(register="rdx", offset=16, size_bytes=32),
}


@attrs.frozen
class FrozenClock:
    """Answers for a clock that stands at ``clock_s``."""

    kernel: Kernel
    clock_s: int

    def answers(self) -> Mapping[int, Callable[[int, Registers], Answer]]:
        """System call -> what answers it."""
        return {
            watched.CLOCK_GETTIME: self._clock_gettime,
            watched.GETTIMEOFDAY: self._gettimeofday,
            watched.TIME: self._time,
            **dict.fromkeys(_DEADLINES, self._wait),
        }

    def _write(self, pid: int, address: int, content: bytes, result: int = 0) -> int:
        return result if self.kernel.write(pid, address, content) else _EFAULT

    def _clock_gettime(self, pid: int, registers: Registers) -> int:
        return self._write(pid, registers.rsi, struct.pack("<qq", self.clock_s, 0))

    def _gettimeofday(self, pid: int, registers: Registers) -> int:
        answer = self._write(pid, registers.rdi, struct.pack("<qq", self.clock_s, 0)) if registers.rdi else 0
        return answer or (self._write(pid, registers.rsi, bytes(8)) if registers.rsi else 0)

    def _time(self, pid: int, registers: Registers) -> int:
        if not registers.rdi:
            return self.clock_s
        return self._write(pid, registers.rdi, struct.pack("<q", self.clock_s), self.clock_s)

    def _wait(self, pid: int, registers: Registers) -> Answer:
        call = registers.orig_rax
        if not _is_of_the_wall_clock(pid, call, registers):
            return None
        where = _DEADLINES[call]
        original: int = getattr(registers, where.register)
        content = self.kernel.read(pid, original, where.size_bytes)
        moved = None if content is None else self._moved(content, where.offset)
        scratch = (registers.rsp - _RED_ZONE_BYTES - where.size_bytes) & -16
        if moved is None or not self.kernel.write(pid, scratch, moved):
            return None
        setattr(registers, where.register, scratch)
        self.kernel.write_registers(pid)
        return _PutBack(self.kernel, where.register, original)

    def _moved(self, content: bytes, offset: int) -> bytes | None:
        """The same with its point of time on the kernel's clock; None where it is none."""
        seconds, nanoseconds = struct.unpack_from("<qq", content, offset)
        if seconds < 0 or not 0 <= nanoseconds < _SECOND_NS or (offset and not (seconds or nanoseconds)):
            return None  # refused by the kernel, or a timer that is to be disarmed
        from_now_ns = (seconds - self.clock_s) * _SECOND_NS + nanoseconds
        target_ns = max(1, time.time_ns() + from_now_ns)
        point = struct.pack("<qq", *divmod(target_ns, _SECOND_NS))
        return content[:offset] + point + content[offset + 16 :]


@attrs.frozen
class _PutBack:
    """Gives a register its argument again."""

    kernel: Kernel
    register: str
    original: int

    def __call__(self, pid: int) -> None:
        if self.kernel.read_registers(pid):
            setattr(self.kernel.registers, self.register, self.original)
            self.kernel.write_registers(pid)


def _is_of_the_wall_clock(pid: int, call: int, registers: Registers) -> bool:
    if call == watched.FUTEX:
        return registers.rsi & watched.FUTEX_COMMAND in _FUTEX_WAITS
    if call == watched.CLOCK_NANOSLEEP:
        return registers.rdi in {0, 8, 11}
    if call == watched.TIMERFD_SETTIME:
        return _field(f"/proc/{pid}/fdinfo/{registers.rdi}", "clockid:") in _WALL_CLOCK_TEXTS
    if call == watched.TIMER_SETTIME:
        return _timer_clock(pid, registers.rdi) in _WALL_CLOCK_TEXTS
    return True


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []


def _field(path: str, label: str) -> str | None:
    return next((line.split()[1] for line in _lines(path) if line.startswith(label)), None)


def _timer_clock(pid: int, timer: int) -> str | None:
    """The clock of a timer of a process, by /proc/PID/timers."""
    found = False
    for line in _lines(f"/proc/{pid}/timers"):
        if line.startswith("ID:"):
            found = line.split()[1] == str(timer)
        elif found and line.startswith("ClockID:"):
            return line.split()[1]
    return None
