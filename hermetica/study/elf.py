"""The sections of an ELF file, by name, and what lies between them. Pure. Source: elf(5)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOBITS: Final = 8
_SECTIONS_MAX: Final = 65_536


def is_elf(data: bytes) -> bool:
    """Whether a file says that it is one, of a class and byte order that exist."""
    return data[:4] == b"\x7fELF" and data[4:5] in {b"\1", b"\2"} and data[5:6] in {b"\1", b"\2"}


def elf_parts(data: bytes) -> Iterator[tuple[str, bytes, int]]:
    """(name, bytes, address) of the headers and of each section, in the order of the file.

    Raises:
        ValueError: the file has no sections, or they lie outside of it.
        struct.error: it is cut short.
        IndexError: likewise.
    """
    order = "<" if data[5] == 1 else ">"
    wide = data[4] == 2
    table, size, count, names = _header(data, order, wide=wide)
    if not table or not count or count > _SECTIONS_MAX or table + size * count > len(data):
        raise ValueError("no table of sections")
    rows = [_section(data, table + index * size, order, wide=wide) for index in range(count)]
    text_at, text_size = rows[names][3], rows[names][4]
    texts = data[text_at : text_at + text_size]
    yield "headers", _headers(data, rows, table), 0
    for name_at, kind, address, place, length in rows[1:]:
        if place + length > len(data) and kind != _NOBITS:
            raise ValueError("a section outside of the file")
        name = texts[name_at : texts.index(b"\0", name_at)].decode("utf-8", "backslashreplace")
        yield name, b"" if kind == _NOBITS else data[place : place + length], address


def _header(data: bytes, order: str, *, wide: bool) -> tuple[int, int, int, int]:
    """Where the table of sections is, the size and number of its rows, and which one has the names."""
    table = int(struct.unpack_from(f"{order}Q" if wide else f"{order}I", data, 40 if wide else 32)[0])
    size, count, names = struct.unpack_from(f"{order}HHH", data, 58 if wide else 46)
    return table, int(size), int(count), int(names)


def _section(data: bytes, place: int, order: str, *, wide: bool) -> tuple[int, int, int, int, int]:
    """Name, kind, address, place and length of one section."""
    form = f"{order}IIQQQQ" if wide else f"{order}IIIIII"
    name, kind, _flags, address, offset, length = struct.unpack_from(form, data, place)
    return int(name), int(kind), int(address), int(offset), int(length)


def _headers(data: bytes, rows: list[tuple[int, int, int, int, int]], table: int) -> bytes:
    """What no section holds: the headers before the first one, and the table."""
    first = min((place for _, kind, _, place, length in rows[1:] if kind != _NOBITS and length), default=table)
    return data[: min(first, table)] + data[table:]
