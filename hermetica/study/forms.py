"""What files are made of: the members of archives, the sections of ELF, what compression hides.

Whatever cannot be read as what it seems to be is a file of bytes; nothing here fails on any input. Sources: APPNOTE of
ZIP, POSIX.1-2017 ustar and pax, RFC 1952, RFC 8878, ar(5), elf(5), PEP 552.
"""

from __future__ import annotations

import bz2
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING, Final

import attrs
import zstandard

from hermetica.study.elf import elf_parts, is_elf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UNPACKED_MAX_BYTES: Final = 256 << 20
_MEMBERS_MAX: Final = 20_000
_FED_BYTES: Final = 4096
"""Of what may unpack to thirty thousand times as much, and is not asked how much before it does."""
_AR: Final = b"!<arch>\n"
_PYC_END: Final = b"\r\n"
_TAR_MAGIC_AT: Final = 257
_Broken = (
    *(ValueError, IndexError, KeyError, EOFError, OverflowError, NotImplementedError, RuntimeError, UnicodeError),
    *(struct.error, zlib.error, lzma.LZMAError, OSError, tarfile.TarError, zipfile.BadZipFile),
    zstandard.ZstdError,
)


@attrs.frozen(kw_only=True)
class Part:
    """One part of a file.

    Attributes:
        name: as the file has it.
        data: its bytes.
        facts: what else the file says of it, such as ``mtime``.
    """

    name: str
    data: bytes = attrs.field(repr=False)
    facts: tuple[tuple[str, str], ...] = ()


@attrs.frozen(kw_only=True)
class Form:
    """What a file is, and its parts in order.

    Attributes:
        kind: ``tar``, ``zip``, ``ar``, ``gzip``, ``bzip2``, ``xz``, ``zstd``, ``elf``, ``pyc``, ``text`` or ``bytes``.
        parts: none of a text and of bytes.
        is_archive: whether order and facts of the parts are what stabilising leaves out.
    """

    kind: str
    parts: tuple[Part, ...] = ()
    is_archive: bool = False


def form_of(data: bytes) -> Form:
    """What a file is, by its first bytes."""
    for kind, is_kind, read, is_archive in _KINDS:
        if is_kind(data):
            try:
                return Form(kind=kind, parts=tuple(read(data)), is_archive=is_archive)
            except _Broken:
                continue
    return Form(kind="text" if _is_text(data) else "bytes")


def _is_text(data: bytes) -> bool:
    if b"\0" in data:
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _tar(data: bytes) -> Iterator[Part]:
    total = 0
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for number, member in enumerate(archive):
            total += member.size  # of a sparse file, with its holes
            if number >= _MEMBERS_MAX or total > UNPACKED_MAX_BYTES:
                raise ValueError("too many members, or too large")
            file = archive.extractfile(member) if member.isreg() else None
            facts = {
                "kind": member.type.decode("latin-1"),
                "mode": oct(member.mode),
                "uid": str(member.uid),
                "gid": str(member.gid),
                "uname": member.uname,
                "gname": member.gname,
                "mtime": str(member.mtime),
                "link": member.linkname,
            }
            yield Part(name=member.name, data=b"" if file is None else file.read(), facts=tuple(facts.items()))


def _zip(data: bytes) -> Iterator[Part]:
    total = 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist():
            total += member.file_size
            if total > UNPACKED_MAX_BYTES:
                raise ValueError("too large")
            facts = {
                "mtime": "-".join(f"{each:02}" for each in member.date_time),
                "mode": oct(member.external_attr >> 16),
                "method": str(member.compress_type),
                "system": str(member.create_system),
                "extra": member.extra.hex(),
                "comment": member.comment.hex(),
            }
            yield Part(name=member.filename, data=archive.read(member), facts=tuple(facts.items()))


def _ar(data: bytes) -> Iterator[Part]:
    place, names = len(_AR), b""
    while place + 60 <= len(data):
        head = data[place : place + 60]
        if head[58:] != b"`\n":
            raise ValueError("no header of a member")
        size = int(head[48:58])
        body = data[place + 60 : place + 60 + size]
        raw = head[:16].rstrip()
        if raw == b"//":
            names = body
        elif raw.startswith(b"/") and raw[1:].isdigit():
            begin = int(raw[1:])
            raw = names[begin : names.index(b"\n", begin)]
        facts = {"mtime": head[16:28], "uid": head[28:34], "gid": head[34:40], "mode": head[40:48]}
        told = tuple((key, value.decode("latin-1").strip()) for key, value in facts.items())
        yield Part(name=raw.decode("utf-8", "backslashreplace").rstrip("/") or "/", data=body, facts=told)
        place += 60 + size + size % 2
    if place < len(data):
        raise ValueError("trailing bytes")


def _gzip(data: bytes) -> Iterator[Part]:
    flags, mtime, extra, system = data[3], *struct.unpack_from("<IBB", data, 4)
    place, name = 10, b""
    if flags & 4:
        place += 2 + int(struct.unpack_from("<H", data, place)[0])
    if flags & 8:
        name = data[place : data.index(b"\0", place)]
        place += len(name) + 1
    if flags & 16:
        place = data.index(b"\0", place) + 1
    place += 2 if flags & 2 else 0
    unpacker = zlib.decompressobj(-15)
    unpacked = unpacker.decompress(data[place:], UNPACKED_MAX_BYTES)
    if not unpacker.eof or len(unpacker.unused_data) != 8:
        raise ValueError("cut short, too large, or several members")
    facts = {"mtime": str(mtime), "level": str(extra), "system": str(system), "name": name.decode("latin-1")}
    yield Part(name="content", data=unpacked, facts=tuple(facts.items()))


def _bzip2(data: bytes) -> Iterator[Part]:
    yield Part(name="content", data=_limited(bz2.BZ2Decompressor(), data))


def _xz(data: bytes) -> Iterator[Part]:
    yield Part(name="content", data=_limited(lzma.LZMADecompressor(), data))


def _zstd(data: bytes) -> Iterator[Part]:
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    unpacked = bytearray()
    for place in range(0, len(data), _FED_BYTES):
        unpacked += unpacker.decompress(data[place : place + _FED_BYTES])
        if len(unpacked) > UNPACKED_MAX_BYTES:
            raise ValueError("too large")
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("cut short, or several frames")
    yield Part(name="content", data=bytes(unpacked))


def _limited(unpacker: bz2.BZ2Decompressor | lzma.LZMADecompressor, data: bytes) -> bytes:
    unpacked = unpacker.decompress(data, UNPACKED_MAX_BYTES)
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("cut short, too large, or several streams")
    return unpacked


def _pyc(data: bytes) -> Iterator[Part]:
    flags = int(struct.unpack_from("<I", data, 4)[0])
    facts: dict[str, str] = {}
    if not flags & 1:
        mtime, size = struct.unpack_from("<II", data, 8)
        facts = {"mtime": str(mtime), "size": str(size)}
    else:
        facts = {"source hash": data[8:16].hex()}
    yield Part(name="code", data=data[:8] + data[16:], facts=tuple(facts.items()))


def _elf(data: bytes) -> Iterator[Part]:
    for name, body, address in elf_parts(data):
        yield Part(name=name, data=body, facts=(("address", hex(address)),))


_KINDS: Final[tuple[tuple[str, Callable[[bytes], bool], Callable[[bytes], Iterator[Part]], bool], ...]] = (
    ("elf", is_elf, _elf, False),
    ("ar", lambda data: data.startswith(_AR), _ar, True),
    ("gzip", lambda data: data.startswith(b"\x1f\x8b\x08"), _gzip, True),
    ("zip", lambda data: data.startswith((b"PK\x03\x04", b"PK\x05\x06")), _zip, True),
    ("xz", lambda data: data.startswith(b"\xfd7zXZ\0"), _xz, True),
    ("zstd", lambda data: data.startswith(b"\x28\xb5\x2f\xfd"), _zstd, True),
    ("bzip2", lambda data: data.startswith(b"BZh"), _bzip2, True),
    ("tar", lambda data: data[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar", _tar, True),
    ("pyc", lambda data: len(data) > 16 and data[2:4] == _PYC_END and data[5:8] == b"\0\0\0", _pyc, True),
)
