"""Reads ``ar`` archives, the outer form of Debian packages and of static libraries. Sources: ar(5), deb(5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

import attrs

from hermetica.fetch.archive import DamagedArchive, TruncatedArchive

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAGIC", "ArMember", "members"]

MAGIC: Final = b"!<arch>\n"
_HEADER_BYTES: Final = 60
_NAMES_MAX_BYTES: Final = 1 << 24


@attrs.frozen(kw_only=True)
class ArMember:
    """One member.

    Attributes:
        name: of it.
        offset: where its bytes begin in the archive.
        size_bytes: of them.
        mode: permission bits.
    """

    name: bytes
    offset: int
    size_bytes: int
    mode: int


def _number(field: bytes, base: int, what: str) -> int:
    digits = field.strip()
    try:
        value = int(digits, base) if digits else 0
    except ValueError as error:
        raise DamagedArchive(f"a header whose {what} is no number: {digits!r}") from error
    if value < 0:
        raise DamagedArchive(f"a header with a negative {what}")
    return value


def members(file: BinaryIO, size_bytes: int) -> Iterator[ArMember]:
    """The members of an archive of ``size_bytes``, without its symbol tables.

    Raises:
        TruncatedArchive: it ends too early.
        DamagedArchive: it contradicts itself.
    """
    file.seek(0)
    if file.read(len(MAGIC)) != MAGIC:
        raise DamagedArchive("it is no ar archive")
    names, position = b"", len(MAGIC)
    while position < size_bytes:
        file.seek(position)
        header = file.read(_HEADER_BYTES)
        if len(header) < _HEADER_BYTES:
            raise TruncatedArchive("it ends within a header")
        if header[58:] != b"`\n":
            raise DamagedArchive("a header without its mark")
        size = _number(header[48:58], 10, "size")
        start = position + _HEADER_BYTES
        if start + size > size_bytes:
            raise TruncatedArchive("it ends within a member", member=header[:16].rstrip())
        position = start + size + size % 2
        raw = header[:16].rstrip()
        if raw == b"//":  # long names, of GNU
            if size > _NAMES_MAX_BYTES:
                raise DamagedArchive("a table of names without end")
            names = file.read(size)
        elif raw not in {b"/", b"/SYM64/", b"__.SYMDEF", b"__.SYMDEF SORTED"}:
            name, extra = _name(raw, names, file, size)
            yield ArMember(
                name=name,
                offset=start + extra,
                size_bytes=size - extra,
                mode=_number(header[40:48], 8, "mode") & 0o7777,
            )


def _name(raw: bytes, names: bytes, file: BinaryIO, size: int) -> tuple[bytes, int]:
    """A member's name, and how many bytes before its content belong to the name."""
    if raw.startswith(b"#1/"):  # of BSD: before the content
        length = _number(raw[3:], 10, "name's length")
        if length > min(size, 4096):
            raise DamagedArchive("a name longer than its member")
        return file.read(length).rstrip(b"\x00"), length
    if raw.startswith(b"/"):
        start = _number(raw[1:], 10, "name's place")
        end = names.find(b"\n", start)
        if end < 0:
            raise DamagedArchive("a name that is not in the table of names")
        return names[start:end].removesuffix(b"/"), 0
    return raw.removesuffix(b"/"), 0
