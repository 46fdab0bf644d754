"""Programs of a few instructions, as static ELF files: they call the kernel without any library."""

from __future__ import annotations

import struct

_BASE = 0x400000

READ_CLOCKS = bytes.fromhex(
    "4883ec40"  # sub rsp, 64
    "b8c9000000 31ff 0f05 48890424"  # time(NULL) -> [rsp]
    "b8e4000000 31ff 488d742408 0f05"  # clock_gettime(CLOCK_REALTIME, rsp+8)
    "b860000000 488d7c2418 31f6 0f05"  # gettimeofday(rsp+24, NULL)
    "b801000000 bf01000000 4889e6 ba28000000 0f05"  # write(1, rsp, 40)
    "b83c000000 31ff 0f05"  # exit(0)
)
"""Writes five 64-bit numbers: seconds; seconds, nanoseconds; seconds, microseconds."""

READ_CLOCK_OF_I386 = bytes.fromhex(
    "4883ec40"  # sub rsp, 64
    "b80d000000 31db cd80 48890424"  # time(NULL) of the other ABI -> [rsp]
    "b801000000 bf01000000 4889e6 ba08000000 0f05"  # write(1, rsp, 8)
    "b83c000000 31ff 0f05"  # exit(0)
)
"""Writes one 64-bit number, what the other ABI of a 64-bit program says."""

EXIT_OF_I386 = bytes.fromhex("b801000000 31db cd80")


def elf64(code: bytes) -> bytes:
    """A program for x86-64."""
    size = 64 + 56 + len(code)
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, _BASE + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return head + struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 4096) + code


def elf32(code: bytes) -> bytes:
    """A program for i386."""
    size = 52 + 32 + len(code)
    head = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\1\1\1", 2, 3, 1, _BASE + 84, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    return head + struct.pack("<IIIIIIII", 1, 0, _BASE, _BASE, size, size, 5, 4096) + code


def is_static(program: bytes) -> bool:
    """Whether a 64-bit program names no loader."""
    table, count = struct.unpack_from("<Q", program, 32)[0], struct.unpack_from("<H", program, 56)[0]
    return all(struct.unpack_from("<I", program, table + 56 * row)[0] != 3 for row in range(count))
