"""The system calls of which a tracer hears, as rules of the sandbox's own filter: rare ones, and of them few.

The filter asks for the tracer only where a call can tell the wall clock, or waits for a point of it; the monotonic
clock, relative waits and all else pass at full speed. Without a tracer such a call answers ENOSYS. Pure.

Source: seccomp(2) on SECCOMP_RET_TRACE, futex(2), timerfd_create(2), the system call table of x86-64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hermetica.sandbox.frozen.vdso import WALL_CLOCKS
from hermetica.sandbox.seccomp import ABSENT, PASS, TRACE, Instruction, Program, argument, when

if TYPE_CHECKING:
    from hermetica.sandbox.frozen.order import Order

CLOCK_GETTIME, GETTIMEOFDAY, TIME = 228, 96, 201
FUTEX, CLOCK_NANOSLEEP, TIMER_SETTIME, TIMERFD_SETTIME, MQ_TIMEDSEND, MQ_TIMEDRECEIVE = 202, 230, 223, 286, 242, 243
STAT, FSTAT, LSTAT, NEWFSTATAT, STATX = 4, 5, 6, 262, 332
GETDENTS64, UNAME, GETRANDOM, SYSINFO = 217, 63, 318, 99
_GETDENTS, _ADJTIMEX, _CLOCK_ADJTIME, _FUTEX_WAITV, _FUTEX_WAIT = 78, 159, 305, 449, 455

_I386_CLOCK: Final = (13, 78, 265, 403)  # time, gettimeofday, clock_gettime, clock_gettime64

FUTEX_COMMAND: Final = 0x7F
FUTEX_LOCK_PI: Final = 6
_FUTEX_CLOCK_REALTIME: Final = 256
_ABSOLUTE: Final = 1  # TIMER_ABSTIME, TFD_TIMER_ABSTIME

_JEQ, _JSET, _AND = 0x15, 0x45, 0x54


def _high(index: int) -> Instruction:
    return Instruction(argument(index).code, 0, 0, argument(index).operand + 4)


def _if_pointer(index: int) -> Program:
    """Asks for the tracer where an argument is not NULL."""
    return (
        argument(index),
        Instruction(_JEQ, 0, 2, 0),
        _high(index),
        Instruction(_JEQ, 1, 0, 0),
        TRACE,
        PASS,
    )


def _if_wall_clock() -> Program:
    last = len(WALL_CLOCKS)
    tests = (Instruction(_JEQ, last - index, 0, clock) for index, clock in enumerate(WALL_CLOCKS))
    return (argument(0), *tests, PASS, TRACE)


def _if_absolute(index: int) -> Program:
    return (argument(index), Instruction(_JSET, 0, 1, _ABSOLUTE), TRACE, PASS)


def _if_futex_waits_for_the_wall_clock() -> Program:
    return (
        argument(1),
        Instruction(_JSET, 3, 0, _FUTEX_CLOCK_REALTIME),
        Instruction(_AND, 0, 0, FUTEX_COMMAND),
        Instruction(_JEQ, 1, 0, FUTEX_LOCK_PI),
        PASS,
        *_if_pointer(3),
    )


def _clock_rules() -> tuple[Program, ...]:
    return (
        when((CLOCK_GETTIME,), _if_wall_clock()),
        when((FUTEX,), _if_futex_waits_for_the_wall_clock()),
        when((GETTIMEOFDAY, TIME), (TRACE,)),
        when((CLOCK_NANOSLEEP, TIMERFD_SETTIME, TIMER_SETTIME), _if_absolute(1)),
        when((MQ_TIMEDSEND, MQ_TIMEDRECEIVE), _if_pointer(4)),
        when((_ADJTIMEX, _CLOCK_ADJTIME, _FUTEX_WAITV, _FUTEX_WAIT), (ABSENT,)),
    )


def rules(order: Order) -> tuple[tuple[Program, ...], tuple[Program, ...]]:
    """The rules for what a tracer was told to hold still, for the ABIs x86-64 and i386.

    No program of the other ABI is started; its calls are there for all, and tell no time.
    """
    foreign = (when(_I386_CLOCK, (ABSENT,)),) if order.clock_s is not None else ()
    return _own_rules(order), foreign


def _own_rules(order: Order) -> tuple[Program, ...]:
    found: list[Program] = []
    if order.file_time_s is not None:
        found.append(when((NEWFSTATAT, FSTAT, STATX, STAT, LSTAT), (TRACE,)))
    if order.clock_s is not None:
        found += _clock_rules()
    if order.directory_order is not None:
        found += (when((GETDENTS64,), (TRACE,)), when((_GETDENTS,), (ABSENT,)))
    if order.kernel_name is not None:
        found.append(when((UNAME,), (TRACE,)))
    if order.random_seed is not None:
        found.append(when((GETRANDOM,), (TRACE,)))
    if order.uptime_s is not None or order.memory_bytes is not None:
        found.append(when((SYSINFO,), (TRACE,)))
    return tuple(found)
