"""Reads the members of a tar archive from a stream, in one pass."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hermetica.fetch import tar_header
from hermetica.fetch.archive import ArchiveTooLarge, DamagedArchive, Kind, TruncatedArchive, UnknownArchive
from hermetica.fetch.tar_header import BLOCK, Header

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermetica.fetch.archive import Member
    from hermetica.fetch.stream import Stream

__all__ = ["TarReader"]

_EXTENDED_MAX_BYTES: Final = 1 << 20  # of names, pax records, sparse maps
_ZEROS: Final = bytes(BLOCK)
_DIGITS: Final = re.compile(rb"(\d{1,20})\n")


class TarReader:
    """Iterates over (member, its stored bytes); what is not read of them is passed over.

    Args:
        stream: the archive, decompressed.
        must_end: whether the end must be marked, because nothing else tells that the archive is whole.

    Raises:
        TruncatedArchive: it ends too early.
        DamagedArchive: it contradicts itself.
    """

    def __init__(self, stream: Stream, *, must_end: bool) -> None:
        self._stream: Final = stream
        self._must_end: Final = must_end
        self._globals: dict[bytes, bytes] = {}
        self._pax: list[tuple[bytes, bytes]] = []
        self._long_name: bytes | None = None
        self._long_target: bytes | None = None

    def __iter__(self) -> Iterator[tuple[Member, Iterator[memoryview]]]:
        while (header := self._next_header()) is not None:
            if self._is_extended(header):
                continue
            member, stored = self._member(header)
            data = self._stream.pieces(stored)
            yield member, data
            for _ in data:
                pass
            self._pad(stored)

    def _next_header(self) -> Header | None:
        block = self._stream.take(BLOCK)
        if block == _ZEROS:
            return None
        if len(block) < BLOCK:
            if block or self._must_end or self._pax or self._long_name is not None:
                raise TruncatedArchive("it ends without the mark of its end")
            return None
        return tar_header.parse_header(block)

    def _pad(self, size: int) -> None:
        padding = -size % BLOCK
        if padding and len(self._stream.take(padding)) < padding:
            raise TruncatedArchive("it ends within a block")

    def _extended(self, header: Header) -> bytes:
        size = header.size_bytes
        if size > _EXTENDED_MAX_BYTES:
            raise ArchiveTooLarge(f"an extended header of {size:,} bytes", member=header.name)
        data = self._stream.take(size)
        if len(data) < size:
            raise TruncatedArchive("it ends within an extended header")
        self._pad(size)
        return data

    def _is_extended(self, header: Header) -> bool:
        """Takes in a header that only says something about the next member, or about none."""
        if header.type in {b"x", b"X"}:
            self._pax += tar_header.parse_pax(self._extended(header))
        elif header.type == b"g":
            self._globals.update(tar_header.parse_pax(self._extended(header)))
        elif header.type == b"L":
            self._long_name = self._extended(header).partition(b"\x00")[0]
        elif header.type == b"K":
            self._long_target = self._extended(header).partition(b"\x00")[0]
        elif header.type == b"V":
            self._extended(header)
        elif header.type == b"M":
            raise UnknownArchive("a part of an archive in several volumes", member=header.name)
        else:
            return False
        return True

    def _member(self, header: Header) -> tuple[Member, int]:
        """The member that starts here, and how many bytes are stored for it."""
        records, self._pax = self._pax, []
        pax = {**self._globals, **dict(records)}
        name = self._long_name if self._long_name is not None else header.name
        target = self._long_target if self._long_target is not None else header.target
        self._long_name = self._long_target = None
        name = pax.get(b"GNU.sparse.name") or pax.get(b"path") or name
        target = pax.get(b"linkpath") or target
        said = tar_header.decimal(pax, b"size")
        stored = header.size_bytes if said is None else said
        if not header.has_data:
            stored = 0
        try:
            size, holes, stored = self._sparse(header, pax, records, stored)
        except DamagedArchive as error:
            raise DamagedArchive(error.fault, member=name) from error
        member = tar_header.member_of(header, name, target, size, holes)
        if member.kind is Kind.DIRECTORY and header.type != b"D":
            stored = 0
        return member, stored

    def _sparse(
        self, header: Header, pax: dict[bytes, bytes], records: list[tuple[bytes, bytes]], stored: int
    ) -> tuple[int, tuple[tuple[int, int], ...] | None, int]:
        """(size with holes, map of the data, bytes stored) of what may be a sparse file."""
        real = stored
        if header.type == b"S":
            pairs, real = self._old_map(header), tar_header.real_size(header.block)
        elif pax.get(b"GNU.sparse.major") == b"1":
            real = tar_header.decimal(pax, b"GNU.sparse.realsize") or 0
            pairs, used = self._stored_map(stored)
            stored -= used
        elif b"GNU.sparse.size" in pax:
            real = tar_header.decimal(pax, b"GNU.sparse.size") or 0
            pairs = tar_header.pax_map(pax, records)
        else:
            return stored, None, stored
        return real, tar_header.checked_map(pairs, real, stored), stored

    def _old_map(self, header: Header) -> list[tuple[int, int]]:
        pairs = tar_header.parse_sparse_blocks(header.block, 386, 4)
        is_extended = header.block[482]
        while is_extended:
            block = self._stream.take(BLOCK)
            if len(block) < BLOCK:
                raise TruncatedArchive("it ends within a sparse map")
            pairs += tar_header.parse_sparse_blocks(block, 0, 21)
            is_extended = block[504]
            if len(pairs) * 24 > _EXTENDED_MAX_BYTES:
                raise ArchiveTooLarge("a sparse map without end", member=header.name)
        return pairs

    def _stored_map(self, stored: int) -> tuple[list[tuple[int, int]], int]:
        """The map before the data (GNU sparse format 1.0), and its size with padding."""
        text, position, numbers, wanted = b"", 0, list[int](), 1
        while len(numbers) < wanted:
            found = _DIGITS.match(text, position)
            if found is None:
                block = self._stream.take(BLOCK)
                if len(block) < BLOCK or len(text) >= min(stored, _EXTENDED_MAX_BYTES) or len(text) > position + 20:
                    raise DamagedArchive("a sparse map that is none")
                text += block
                continue
            numbers.append(int(found[1]))
            position = found.end()
            wanted = 1 + 2 * numbers[0]
        return list(zip(numbers[1::2], numbers[2::2], strict=True)), len(text)
