"""The system call filter as a value: which calls a builder is refused, and the program that says so.

Refused: setuid and setgid bits, however they would be made; extended attributes; pushing input into a
terminal; key rings (the caller's is inherited); io_uring, whose operations no filter sees; `openat2`, whose
mode lies in memory that no filter can read; bpf, perf events and userfaultfd, which no build needs and kernels
were attacked through; sockets of families other than local, internet and netlink ones, for not every family keeps
to network namespaces: a virtual machine's vsock reaches its host. Supplementary groups differ between hosts and
cannot be dropped by an ordinary user, so `getgroups` answers "none".

Source: seccomp(2), the kernel's Documentation/userspace-api/seccomp_filter.rst and its system call tables.
"""

from __future__ import annotations

import functools
import struct
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.sandbox.errors import SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SET_ID_BITS: Final = 0o6000
_CREATES: Final = 0o100 | 0o20000000  # O_CREAT, __O_TMPFILE: only then does open(2) read its mode
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_EPERM, _ENOSYS, _ENOTSUP, _EAFNOSUPPORT = 1, 38, 95, 97
_FAMILIES: Final = (0, 1, 2, 10, 16, 17)  # unspecified, local, IPv4, IPv6, netlink, packet: each keeps to its namespace
_SOCKETCALL_SOCKET: Final = 1

_LD, _JA, _JEQ, _JGT, _JGE, _JSET, _RET = 0x20, 0x05, 0x15, 0x25, 0x35, 0x45, 0x06
_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_ASK_TRACER: Final = 0x7FF00000
_NUMBER, _ARCHITECTURE = 0, 4  # offsets in struct seccomp_data
_X32_BIT: Final = 0x40000000


@attrs.frozen
class Instruction:
    """One instruction of classic BPF: code, jumps if true and false, operand."""

    code: int
    jump_true: int
    jump_false: int
    operand: int


@attrs.frozen(kw_only=True)
class Abi:
    """The numbers one ABI gives to the calls the filter is about.

    Attributes:
        architecture: the AUDIT_ARCH constant.
        has_x32: whether bit 30 of a number selects another ABI, which is refused altogether.
        chmod: call -> index of the argument that holds a mode.
        open: call -> index of its flags; the mode follows.
        xattr: (first, last) ranges of the extended attribute calls.
        absent: calls that answer ENOSYS.
        ioctl: its number.
        getgroups: calls that answer "no supplementary groups".
        socket: its number.
        socketcall: the call that makes sockets with arguments in memory, which no filter can read; where there is one
            it makes none, and the C libraries use `socket`.
    """

    architecture: int
    has_x32: bool = False
    chmod: dict[int, int]
    open: dict[int, int]
    xattr: tuple[tuple[int, int], ...]
    absent: tuple[int, ...]
    ioctl: int
    getgroups: tuple[int, ...]
    socket: int
    socketcall: int | None = None


_NEW_XATTR = (463, 466)  # setxattrat, getxattrat, listxattrat, removexattrat: numbered alike everywhere
_NEW_ABSENT = (425, 426, 427, 437)  # io_uring_setup, io_uring_enter, io_uring_register, openat2

X86_64: Final = Abi(
    architecture=0xC000003E,
    has_x32=True,
    chmod={90: 1, 91: 1, 268: 2, 452: 2, 85: 1, 133: 1, 259: 2},  # chmod fchmod fchmodat fchmodat2 creat mknod mknodat
    open={2: 1, 257: 2},
    xattr=((188, 199), _NEW_XATTR),
    absent=(248, 249, 250, 298, 321, 323, *_NEW_ABSENT),  # key rings, perf_event_open, bpf, userfaultfd
    ioctl=16,
    getgroups=(115,),
    socket=41,
)
I386: Final = Abi(
    architecture=0x40000003,
    chmod={15: 1, 94: 1, 306: 2, 452: 2, 8: 1, 14: 1, 297: 2},
    open={5: 1, 295: 2},
    xattr=((226, 237), _NEW_XATTR),
    absent=(286, 287, 288, 336, 357, 374, *_NEW_ABSENT),
    ioctl=54,
    getgroups=(80, 205),
    socket=359,
    socketcall=102,
)
AARCH64: Final = Abi(
    architecture=0xC00000B7,
    chmod={52: 1, 53: 2, 452: 2, 33: 2},  # fchmod fchmodat fchmodat2 mknodat
    open={56: 2},
    xattr=((5, 16), _NEW_XATTR),
    absent=(217, 218, 219, 241, 280, 282, *_NEW_ABSENT),
    ioctl=29,
    getgroups=(158,),
    socket=198,
)
ARM: Final = Abi(
    architecture=0x40000028,
    chmod={15: 1, 94: 1, 333: 2, 452: 2, 8: 1, 14: 1, 324: 2},
    open={5: 1, 322: 2},
    xattr=((226, 237), _NEW_XATTR),
    absent=(309, 310, 311, 364, 386, 388, *_NEW_ABSENT),
    ioctl=54,
    getgroups=(80, 205),
    socket=281,
)
_MACHINES: Final = {"x86_64": (X86_64, I386), "aarch64": (AARCH64, ARM)}

Program = tuple[Instruction, ...]


def _load(offset: int) -> Instruction:
    return Instruction(_LD, 0, 0, offset)


def _answer(errno: int) -> Instruction:
    return Instruction(_RET, 0, 0, _ERRNO | errno)


def argument(index: int) -> Instruction:
    """Loads an argument of the call."""
    return _load(16 + 8 * index)  # the low word: every machine here is little-endian


PASS: Final = Instruction(_RET, 0, 0, _ALLOW)
TRACE: Final = Instruction(_RET, 0, 0, _ASK_TRACER)
ABSENT: Final = _answer(_ENOSYS)


def _refuse_set_id(mode: int) -> Program:
    return (argument(mode), Instruction(_JSET, 0, 1, SET_ID_BITS), _answer(_EPERM), PASS)


def _refuse_creation(flags: int) -> Program:
    mode = _refuse_set_id(flags + 1)
    return (argument(flags), Instruction(_JSET, 0, len(mode) - 1, _CREATES), *mode)


def _refuse_terminal_input() -> Program:
    return (
        argument(1),
        Instruction(_JEQ, 1, 0, _TIOCSTI),
        Instruction(_JEQ, 0, 1, _TIOCLINUX),
        _answer(_EPERM),
        PASS,
    )


def _refuse_families() -> Program:
    last = len(_FAMILIES)
    allowed = (Instruction(_JEQ, last - index, 0, family) for index, family in enumerate(_FAMILIES))
    return (argument(0), *allowed, _answer(_EAFNOSUPPORT), PASS)


def _refuse_unreadable_sockets() -> Program:
    return (argument(0), Instruction(_JEQ, 0, 1, _SOCKETCALL_SOCKET), _answer(_ENOSYS), PASS)


def when(numbers: Sequence[int], body: Program) -> Program:
    """One body for all of the calls: the kernel compiles the filter anew for every sandbox, so it is kept short."""
    *others, last = numbers
    jumps = (Instruction(_JEQ, len(others) - index, 0, number) for index, number in enumerate(others))
    return (*jumps, Instruction(_JEQ, 0, len(body), last), *body)


def _by_argument(calls: Mapping[int, int]) -> dict[int, list[int]]:
    """Index of an argument -> the calls that it is of."""
    found: dict[int, list[int]] = {}
    for number, index in calls.items():
        found.setdefault(index, []).append(number)
    return found


def _within(first: int, last: int, body: Program) -> Program:
    return (Instruction(_JGE, 0, len(body) + 1, first), Instruction(_JGT, len(body), 0, last), *body)


def _rules(abi: Abi) -> tuple[Program, ...]:
    return (
        *(when(numbers, _refuse_creation(flags)) for flags, numbers in _by_argument(abi.open).items()),
        *(when(numbers, _refuse_set_id(mode)) for mode, numbers in _by_argument(abi.chmod).items()),
        when((abi.ioctl,), _refuse_terminal_input()),
        when((abi.socket,), _refuse_families()),
        *((when((abi.socketcall,), _refuse_unreadable_sockets()),) if abi.socketcall is not None else ()),
        *(_within(first, last, (_answer(_ENOTSUP),)) for first, last in abi.xattr),
        when(abi.absent, (_answer(_ENOSYS),)),
        when(abi.getgroups, (_answer(0),)),
    )


def _block(abi: Abi, first: tuple[Program, ...]) -> Program:
    x32 = (Instruction(_JGE, 0, 1, _X32_BIT), _answer(_ENOSYS)) if abi.has_x32 else ()
    body = (_load(_NUMBER), *x32, *(step for rule in (*first, *_rules(abi)) for step in rule), PASS)
    return (Instruction(_JEQ, 1, 0, abi.architecture), Instruction(_JA, 0, 0, len(body)), *body)


def filter_program(abis: tuple[Abi, ...], first: tuple[tuple[Program, ...], ...] = ()) -> Program:
    """The program for a machine that runs these ABIs; every call of another ABI answers ENOSYS.

    Args:
        abis: the machine's own one first.
        first: further rules for each of them, before those of the contract.
    """
    blocks = (_block(abi, first[index] if first else ()) for index, abi in enumerate(abis))
    return (_load(_ARCHITECTURE), *(step for block in blocks for step in block), _answer(_ENOSYS))


def packed(program: Program) -> bytes:
    """The program as the kernel takes it: an array of ``struct sock_filter``."""
    return b"".join(struct.pack("=HBBI", i.code, i.jump_true, i.jump_false, i.operand) for i in program)


@functools.cache
def filter_for(machine: str, first: tuple[tuple[Program, ...], ...] = ()) -> bytes:
    """The packed filter for a machine.

    Args:
        machine: named as ``uname -m`` does.
        first: further rules for each of its ABIs, before those of the contract.

    Raises:
        SandboxUnavailable: no table of system calls is known for it.
    """
    abis = _MACHINES.get(machine)
    if abis is None:
        raise SandboxUnavailable(
            f"no system call table for {machine} machines",
            f"build on {' or '.join(_MACHINES)}",
            kind="machine",
        )
    return packed(filter_program(abis, first))
