"""The headers of tar archives: old, ustar, GNU and pax. Pure.

Sources: POSIX.1-2017 ``pax``, sections *ustar Interchange Format* and *pax Header Block*; the GNU tar manual, *Basic
Tar Format* and *Storing Sparse Files*.
"""

from __future__ import annotations

import struct
from typing import Final

import attrs

from hermetica.fetch.archive import DamagedArchive, Kind, Member
from hermetica.fetch.kinds import is_tar_header

__all__ = ["BLOCK", "Header", "member_of", "parse_header", "parse_pax", "parse_sparse_blocks"]

BLOCK: Final = 512

_KINDS: Final = {
    b"1": Kind.HARD_LINK,
    b"2": Kind.SYMLINK,
    b"3": Kind.DEVICE,
    b"4": Kind.DEVICE,
    b"5": Kind.DIRECTORY,
    b"6": Kind.FIFO,
    b"D": Kind.DIRECTORY,
}
_WITHOUT_DATA: Final = frozenset(b"123456")


@attrs.frozen(kw_only=True)
class Header:
    """One header block.

    Attributes:
        name: with its ustar prefix.
        type: the type flag, one byte.
        mode: permission bits.
        size_bytes: what the size field says.
        target: the link name.
        block: all 512 bytes.
    """

    name: bytes
    type: bytes
    mode: int
    size_bytes: int
    target: bytes
    block: bytes

    @property
    def has_data(self) -> bool:
        """Whether ``size_bytes`` of data follow."""
        return self.type[0] not in _WITHOUT_DATA


def _text(field: bytes) -> bytes:
    return field.partition(b"\x00")[0]


def _number(field: bytes, what: str) -> int:
    if field[0] & 0x80:  # base 256, of GNU
        value = int.from_bytes(field, "big", signed=False) & ((1 << (8 * len(field) - 1)) - 1)
        if field[0] & 0x40:
            raise DamagedArchive(f"a negative {what}")
        return value
    digits = field.strip(b" \x00").partition(b"\x00")[0].strip()
    if not digits:
        return 0
    try:
        return int(digits, 8)
    except ValueError as error:
        raise DamagedArchive(f"a header whose {what} is no number: {digits!r}") from error


def parse_header(block: bytes) -> Header:
    """A header block.

    Raises:
        DamagedArchive: it is none.
    """
    if not is_tar_header(block):
        raise DamagedArchive("a header with a wrong checksum")
    name = _text(block[:100])
    prefix = _text(block[345:500]) if block[257:263] == b"ustar\x00" else b""
    kind = block[156:157]
    return Header(
        name=prefix + b"/" + name if prefix else name,
        type=b"0" if kind == b"\x00" else kind,
        mode=_number(block[100:108], "mode") & 0o7777,
        size_bytes=_number(block[124:136], "size"),
        target=_text(block[157:257]),
        block=block,
    )


def parse_pax(data: bytes) -> list[tuple[bytes, bytes]]:
    """The records of a pax header, in order.

    Raises:
        DamagedArchive: they are no records.
    """
    records: list[tuple[bytes, bytes]] = []
    position = 0
    while position < len(data) and data[position] != 0:
        space = data.find(b" ", position, position + 20)
        digits = data[position:space] if space >= 0 else b""
        end = position + int(digits) if digits.isdigit() else 0
        if end <= space or end > len(data) or data[end - 1 : end] != b"\n":
            raise DamagedArchive("a pax header whose records do not add up")
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if not equals:
            raise DamagedArchive("a pax record without a value")
        records.append((key, value))
        position = end
    return records


def parse_sparse_blocks(block: bytes, start: int, count: int) -> list[tuple[int, int]]:
    """(offset, size) pairs of old GNU sparse maps; the first empty one ends them."""
    pairs: list[tuple[int, int]] = []
    for offset, size in struct.iter_unpack("12s12s", block[start : start + 24 * count]):
        if not offset.strip(b"\x00 ") and not size.strip(b"\x00 "):
            break
        pairs.append((_number(offset, "hole"), _number(size, "hole")))
    return pairs


def real_size(block: bytes) -> int:
    """The size of an old GNU sparse file, with its holes."""
    return _number(block[483:495], "size")


def _is_number(text: bytes) -> bool:
    return text.isdigit() and len(text) <= 20


def decimal(pax: dict[bytes, bytes], key: bytes) -> int | None:
    """A number among pax records.

    Raises:
        DamagedArchive: it is none.
    """
    text = pax.get(key)
    if text is None:
        return None
    if not _is_number(text):
        raise DamagedArchive(f"a pax header whose {key.decode()} is no number: {text[:40]!r}")
    return int(text)


def checked_map(pairs: list[tuple[int, int]], size_bytes: int, data_bytes: int) -> tuple[tuple[int, int], ...]:
    """A sparse map that keeps to its file.

    Raises:
        DamagedArchive: pieces overlap, or pass the file's end, or are not what is stored.
    """
    position = 0
    for offset, size in pairs:
        if offset < position or offset + size > size_bytes:
            raise DamagedArchive("a sparse map that contradicts itself")
        position = offset + size
    if sum(size for _, size in pairs) != data_bytes:
        raise DamagedArchive("a sparse map that does not fit what is stored")
    return tuple(pair for pair in pairs if pair[1])


def member_of(
    header: Header, name: bytes, target: bytes, size_bytes: int, holes: tuple[tuple[int, int], ...] | None
) -> Member:
    """The member that a header describes, after what extended headers said of it."""
    kind = _KINDS.get(header.type, Kind.FILE)
    if kind is Kind.FILE and name.endswith(b"/"):  # how archives before POSIX.1 say it
        kind = Kind.DIRECTORY
    return Member(
        name=name,
        kind=kind,
        mode=header.mode,
        size_bytes=size_bytes if kind is Kind.FILE else 0,
        target=target,
        holes=holes,
    )


def pax_map(pax: dict[bytes, bytes], records: list[tuple[bytes, bytes]]) -> list[tuple[int, int]]:
    """The sparse map in pax records: GNU formats 0.1 (one list) and 0.0 (a record for each number).

    Raises:
        DamagedArchive: it is none.
    """
    numbers = pax[b"GNU.sparse.map"].split(b",") if pax.get(b"GNU.sparse.map") else []
    if not numbers:
        numbers = [value for key, value in records if key in {b"GNU.sparse.offset", b"GNU.sparse.numbytes"}]
    if len(numbers) % 2 or not all(map(_is_number, numbers)):
        raise DamagedArchive("a sparse map that is none")
    values = [int(number) for number in numbers]
    return list(zip(values[::2], values[1::2], strict=True))
