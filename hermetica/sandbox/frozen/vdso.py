"""The kernel's shared code in every process, changed so that it reads a clock that stands still.

Programs ask for the time without a system call: they call functions of the vDSO, which they find by its symbol table.
The table of a fresh process is pointed at stubs before its first instruction; they lie where the code of
``gettimeofday`` was, which nothing else uses. All else of the vDSO, the monotonic clocks above all, stays. Pure.

Source: vdso(7), the System V ABI for x86-64, ELF-64.
"""

from __future__ import annotations

import functools
import struct
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

WALL_CLOCKS: Final = (0, 5, 8, 11)
"""CLOCK_REALTIME, its COARSE and ALARM forms, and CLOCK_TAI."""

_DYNAMIC_SYMBOLS: Final = 11  # SHT_DYNSYM
_SYMBOL_BYTES: Final = 24
_ALIGNMENT: Final = 16


class UnknownVdso(Exception):
    """A vDSO that cannot be changed: not laid out as expected, or too small."""


@attrs.frozen(kw_only=True)
class Symbol:
    """One function.

    Attributes:
        name: of it.
        entry: offset of its row in the symbol table.
        start: offset of its code.
        size_bytes: of its code.
    """

    name: str
    entry: int
    start: int
    size_bytes: int


@attrs.frozen
class Patch:
    """Bytes to be written at an offset of the vDSO."""

    offset: int
    content: bytes


def symbols(image: bytes) -> dict[str, Symbol]:
    """The functions of an image, by name.

    Raises:
        UnknownVdso: it has no symbol table where ELF says one is.
    """
    try:
        return {symbol.name: symbol for symbol in _symbols(image)}
    except (struct.error, ValueError) as error:
        raise UnknownVdso("its symbol table cannot be read") from error


def _section(image: bytes, index: int) -> tuple[int, ...]:
    (table,) = struct.unpack_from("<Q", image, 40)
    (size,) = struct.unpack_from("<H", image, 58)
    return struct.unpack_from("<IIQQQQIIQQ", image, table + index * size)


def _symbols(image: bytes) -> Iterator[Symbol]:
    (count,) = struct.unpack_from("<H", image, 60)
    for index in range(count):
        section = _section(image, index)
        if section[1] != _DYNAMIC_SYMBOLS:
            continue
        names = _section(image, section[6])[4]
        for entry in range(section[4], section[4] + section[5], _SYMBOL_BYTES):
            name, _info, _other, _shndx, start, size = struct.unpack_from("<IBBHQQ", image, entry)
            text = image[names + name : image.index(b"\0", names + name)].decode("ascii")
            yield Symbol(name=text, entry=entry, start=start, size_bytes=size)


def _standing(clock_s: int) -> bytes:
    """Code: the clock in rax."""
    return b"\x48\xb8" + struct.pack("<q", clock_s)  # mov rax, clock_s


def _clock_gettime(clock_s: int, at: int, original: int) -> bytes:
    """A stub for clock_gettime: wall clocks stand still, the others go to the kernel's own code."""
    tests = b"".join(b"\x83\xff" + bytes([clock]) + b"\x74\x00" for clock in WALL_CLOCKS)  # cmp edi, clock; je …
    code = bytearray(tests)
    jump = b"\xe9" + struct.pack("<i", original - (at + len(tests) + 5))  # jmp original
    answer = len(tests) + len(jump)
    for test in range(len(WALL_CLOCKS)):
        code[test * 5 + 4] = answer - (test + 1) * 5
    return (
        bytes(code)
        + jump
        + _standing(clock_s)
        + (
            b"\x48\x89\x06"  # mov [rsi], rax
            b"\x48\xc7\x46\x08\x00\x00\x00\x00"  # mov qword [rsi+8], 0
            b"\x31\xc0\xc3"  # xor eax, eax; ret
        )
    )


def _gettimeofday(clock_s: int) -> bytes:
    return (
        b"\x48\x85\xff\x74\x15"  # test rdi, rdi; je the second test
        + _standing(clock_s)
        + b"\x48\x89\x07"  # mov [rdi], rax
        b"\x48\xc7\x47\x08\x00\x00\x00\x00"  # mov qword [rdi+8], 0
        b"\x48\x85\xf6\x74\x07"  # test rsi, rsi; je the end
        b"\x48\xc7\x06\x00\x00\x00\x00"  # mov qword [rsi], 0
        b"\x31\xc0\xc3"  # xor eax, eax; ret
    )


def _time(clock_s: int) -> bytes:
    return _standing(clock_s) + (
        b"\x48\x85\xff\x74\x03"  # test rdi, rdi; je the end
        b"\x48\x89\x07\xc3"  # mov [rdi], rax; ret
    )


_NO_RANDOMNESS: Final = b"\x48\xc7\xc0\xda\xff\xff\xff\xc3"  # mov rax, -ENOSYS; ret: callers then ask the kernel


@functools.lru_cache(maxsize=16)  # a run asks for few, for each of its builds
def patches(image: bytes, clock_s: int | None, *, seeded: bool) -> tuple[Patch, ...]:
    """What to write over a vDSO.

    Args:
        image: the vDSO as the kernel maps it.
        clock_s: where the wall clock stands, in seconds since 1970; None lets it run.
        seeded: whether random numbers are to be asked of the kernel each time.

    Raises:
        UnknownVdso: it is not as this code expects it.
    """
    known = symbols(image)
    found: list[Patch] = []
    if clock_s is not None:
        found.append(_frozen(image, known, clock_s))
    if seeded and (symbol := known.get("__vdso_getrandom")) is not None:
        found.append(Patch(symbol.start, _NO_RANDOMNESS))
    return tuple(found)


def _frozen(image: bytes, known: dict[str, Symbol], clock_s: int) -> Patch:
    """One piece, from the symbol table to the last stub."""
    lacking = [name for name in ("clock_gettime", "gettimeofday", "time") if f"__vdso_{name}" not in known]
    if lacking:
        raise UnknownVdso(f"it has no {', '.join(lacking)}")
    room = known["__vdso_gettimeofday"]
    changed, place = bytearray(image), room.start
    targets = {"gettimeofday": place}
    place = _put(changed, place, _gettimeofday(clock_s))
    targets["clock_gettime"] = place
    place = _put(changed, place, _clock_gettime(clock_s, place, known["__vdso_clock_gettime"].start))
    targets["time"] = place
    place = _put(changed, place, _time(clock_s))
    if place > room.start + room.size_bytes:
        raise UnknownVdso(f"its gettimeofday has {room.size_bytes} bytes, and {place - room.start} are needed")
    for name, start in targets.items():
        for symbol in (known.get(f"__vdso_{name}"), known.get(name)):
            if symbol is not None:
                struct.pack_into("<Q", changed, symbol.entry + 8, start)
    first = min(symbol.entry for symbol in known.values())
    return Patch(first, bytes(changed[first:place]))


def _put(changed: bytearray, place: int, code: bytes) -> int:
    """Writes code; where the next may lie."""
    changed[place : place + len(code)] = code
    return (place + len(code) + _ALIGNMENT - 1) & -_ALIGNMENT
