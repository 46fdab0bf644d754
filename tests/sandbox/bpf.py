"""An evaluator of classic BPF over `struct seccomp_data`: what the kernel does with a filter, on paper.

Source: Documentation/networking/filter.rst; only the instructions that seccomp filters of this project use.
"""

from __future__ import annotations

import struct

ALLOW = 0x7FFF0000


def evaluate(program: bytes, number: int, architecture: int, arguments: tuple[int, ...] = ()) -> int:
    """The value the filter returns for one system call."""
    six = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("=IIQ6Q", number, architecture, 0, *six)
    instructions = list(struct.iter_unpack("=HBBI", program))
    accumulator, at = 0, 0
    while True:
        code, if_true, if_false, operand = instructions[at]
        at += 1
        if code == 0x20:
            accumulator = struct.unpack_from("=I", data, operand)[0]
        elif code == 0x06:
            return int(operand)
        elif code == 0x05:
            at += operand
        else:
            holds = {
                0x15: accumulator == operand,
                0x25: accumulator > operand,
                0x35: accumulator >= operand,
                0x45: bool(accumulator & operand),
            }[code]
            at += if_true if holds else if_false


def errno_of(program: bytes, number: int, architecture: int, arguments: tuple[int, ...] = ()) -> int | None:
    """The error number a call gets; None if it is let through."""
    value = evaluate(program, number, architecture, arguments)
    if value == ALLOW:
        return None
    assert value & 0xFFFF0000 == 0x00050000
    return value & 0xFFFF
