"""The values of the index as bytes: compact, and each with its version in the first byte.

Source: docs/format-store.md, "Values".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.digest import DIGEST_SIZE_BYTES, Digest
from hermetica_store.errors import HermeticaError
from hermetica_store.faults import IndexDamaged
from hermetica_store.path import StorePath

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermetica_store.nar import NarDigest

VERSION: Final = 1
_ROW_HEAD: Final = struct.Struct(">BBHI")  # version, length of the owner, milliseconds since the epoch
_STAMP_KEY: Final = struct.Struct(">QQ")
_STAMP: Final = struct.Struct(">QqqI32s")
_LISTING: Final = struct.Struct(">I32s32s32sQQQq")
_DAY: Final = struct.Struct(">I")
_MODULO: Final = 1  # flag: the digest modulo self-references differs and is there
_MICROSECONDS: Final = 1_000_000
_VARINT_BITS_MAX: Final = 70  # ten groups: 64 bits


@attrs.frozen(kw_only=True)
class Listing:
    """What was kept of a directory.

    Attributes:
        facts: of the directory then.
        below: BLAKE3 of the encoded entries of the directories in it.
        digest: of its message, 32 bytes.
        message_bytes: the length of the message.
        size_bytes: of the regular files in the directory itself.
        file_count: how many these are.
        settled_ns: from when on none of its files and links was too young.
    """

    facts: bytes
    below: bytes
    digest: bytes
    message_bytes: int
    size_bytes: int
    file_count: int
    settled_ns: int


@attrs.frozen(kw_only=True)
class ObjectInfo:
    """What the index knows of a registered object.

    Attributes:
        path: the object.
        tree: its true tree digest.
        modulo: its tree digest modulo self-references.
        size_bytes: of all its regular files.
        references: ascending; with its own path if it mentions itself.
        registered_at: seconds since the epoch.
        nar: digest of its NAR; None until somebody asked for it.
    """

    path: StorePath
    tree: Digest
    modulo: Digest
    size_bytes: int
    references: tuple[StorePath, ...]
    registered_at: float
    nar: NarDigest | None = None


@attrs.frozen(kw_only=True)
class RootValue:
    """What the index keeps of a root.

    Attributes:
        path: what it keeps.
        link: the symbolic link it stands and falls with, or None.
        added_ms: milliseconds since the epoch.
    """

    path: StorePath
    link: bytes | None
    added_ms: int


def encode_object(info: ObjectInfo) -> bytes:
    """The value of an object's row; its path is the key, its NAR digest has a row of its own."""
    differs = info.modulo != info.tree
    parts = [
        bytes((VERSION, _MODULO if differs else 0)),
        info.tree.raw,
        info.modulo.raw if differs else b"",
        varint(info.size_bytes),
        varint(round(info.registered_at * _MICROSECONDS)),
    ]
    for reference in info.references:
        base = reference.base.encode()
        parts.append(bytes((len(base),)) + base)
    return b"".join(parts)


def decode_object(base: bytes, value: bytes) -> ObjectInfo:
    """An object's row.

    Raises:
        IndexDamaged: it is none.
    """
    try:
        flags, end = _checked(value), 2 + DIGEST_SIZE_BYTES
        tree = modulo = Digest(value[2:end])
        if flags & _MODULO:
            modulo, end = Digest(value[end : end + DIGEST_SIZE_BYTES]), end + DIGEST_SIZE_BYTES
        size_bytes, end = read_varint(value, end)
        registered, end = read_varint(value, end)
        references = tuple(StorePath.parse_base(each.decode()) for each in _texts(value, end))
        return ObjectInfo(
            path=StorePath.parse_base(base.decode()),
            tree=tree,
            modulo=modulo,
            size_bytes=size_bytes,
            references=references,
            registered_at=registered / _MICROSECONDS,
        )
    except (HermeticaError, ValueError, IndexError) as error:
        raise _damaged("object", base) from error


def path_at(base: bytes) -> StorePath:
    """The path of an object by its key, or by a reference that a row holds.

    Raises:
        IndexDamaged: it is no name of an object.
    """
    try:
        return StorePath.parse_base(base.decode())
    except (HermeticaError, ValueError) as error:
        raise _damaged("name of an object in a", base) from error


def object_facts(base: bytes, value: bytes) -> tuple[int, tuple[bytes, ...]]:
    """Size and references of an object's row, without making values of them.

    Raises:
        IndexDamaged: it is none.
    """
    try:
        end = 2 + DIGEST_SIZE_BYTES * (2 if _checked(value) & _MODULO else 1)
        size_bytes, end = read_varint(value, end)
        while value[end] >= 0x80:  # when it was registered
            end += 1
        return size_bytes, tuple(_texts(value, end + 1)) if end + 1 < len(value) else ()
    except (ValueError, IndexError) as error:
        raise _damaged("object", base) from error


def row_head(owner: bytes, written_ms: int) -> bytes:
    """What precedes the value of another room's row: its owner (or nothing) and when it was written."""
    return _ROW_HEAD.pack(VERSION, len(owner), written_ms >> 32, written_ms & 0xFFFFFFFF) + owner


def row_value(stored: bytes) -> bytes:
    """The value that another room gave.

    Raises:
        IndexDamaged: it is no row.
    """
    try:
        return stored[_ROW_HEAD.size + stored[1] :]
    except IndexError as error:
        raise _damaged("row", stored) from error


def row_owner(stored: bytes) -> bytes:
    """The base name of the object that owns a row; empty where none does.

    Raises:
        IndexDamaged: it is no row.
    """
    try:
        return stored[_ROW_HEAD.size : _ROW_HEAD.size + stored[1]]
    except IndexError as error:
        raise _damaged("row", stored) from error


def row_written_ms(stored: bytes) -> int:
    """When a row was written, in milliseconds since the epoch.

    Raises:
        IndexDamaged: it is no row.
    """
    try:
        _, _, high, low = _ROW_HEAD.unpack_from(stored)
    except struct.error as error:
        raise _damaged("row", stored) from error
    return int(high << 32 | low)


def encode_root(root: RootValue) -> bytes:
    """The value of a root's row; its name is the key."""
    base = root.path.base.encode()
    link = b"\x01" + root.link if root.link is not None else b""
    return bytes((VERSION, len(base))) + base + varint(root.added_ms) + link


def decode_root(name: bytes, value: bytes) -> RootValue:
    """A root's row.

    Raises:
        IndexDamaged: it is none.
    """
    try:
        length = _checked(value)
        path = StorePath.parse_base(value[2 : 2 + length].decode())
        added_ms, end = read_varint(value, 2 + length)
        return RootValue(path=path, link=value[end + 1 :] if len(value) > end else None, added_ms=added_ms)
    except (HermeticaError, ValueError, IndexError) as error:
        raise _damaged("root", name) from error


def root_facts(name: bytes, value: bytes) -> tuple[bytes, bool]:
    """The base name of the object that a root's row keeps, and whether it has a link; no values are made of it.

    Raises:
        IndexDamaged: it is no root.
    """
    try:
        end = 2 + _checked(value)
        base = value[2:end]
        while value[end] & 0x80:  # when it was added
            end += 1
        return base, len(value) > end + 1
    except (ValueError, IndexError) as error:
        raise _damaged("root", name) from error


def encode_nar(nar: NarDigest) -> bytes:
    """The value of a NAR digest's row."""
    return bytes((VERSION,)) + nar.sha256 + varint(nar.size_bytes)


def decode_nar(base: bytes, value: bytes) -> tuple[bytes, int]:
    """SHA-256 and size of a NAR digest's row.

    Raises:
        IndexDamaged: it is none.
    """
    try:
        _checked(value)
        return value[1:33], read_varint(value, 33)[0]
    except (ValueError, IndexError) as error:
        raise _damaged("NAR digest", base) from error


def stamp_key(device: int, inode: int) -> bytes:
    """The key of a file in the stat cache."""
    return _STAMP_KEY.pack(device, inode)


def encode_stamp(stamp: tuple[int, int, int, int, int], digest: bytes, day: int) -> bytes:
    """The value of a file in the stat cache; ``day`` is the day since the epoch on which it was last put."""
    return _STAMP.pack(*stamp[2:], day, digest)


def match_stamp(stamp: tuple[int, int, int, int, int], value: bytes) -> bytes | None:
    """The digest, if ``value`` is of the file with this very stamp."""
    if len(value) != _STAMP.size:
        return None
    size_bytes, mtime_ns, ctime_ns, _, digest = _STAMP.unpack(value)
    return digest if (size_bytes, mtime_ns, ctime_ns) == stamp[2:] else None


def encode_listing(listing: Listing, day: int) -> bytes:
    """The value of a directory in the stat cache; ``day`` as for a file."""
    return _LISTING.pack(
        *(day, listing.facts, listing.below, listing.digest, listing.message_bytes),
        *(listing.size_bytes, listing.file_count, listing.settled_ns),
    )


def decode_listing(value: bytes) -> Listing | None:
    """What was kept of a directory; None if ``value`` is about none."""
    if len(value) != _LISTING.size:
        return None
    _, facts, below, digest, message_bytes, size_bytes, file_count, settled_ns = _LISTING.unpack(value)
    return Listing(
        facts=facts,
        below=below,
        digest=digest,
        message_bytes=message_bytes,
        size_bytes=size_bytes,
        file_count=file_count,
        settled_ns=settled_ns,
    )


def stamp_day(value: bytes) -> int:
    """The day since the epoch on which a row of the stat cache was put; long ago if it is none."""
    if len(value) == _LISTING.size:
        return int(_LISTING.unpack(value)[0])
    return int(_STAMP.unpack(value)[3]) if len(value) == _STAMP.size else 0


def encode_origin(base: bytes, folders: Mapping[bytes, bytes], day: int) -> bytes:
    """The value of a source's row; ``folders`` has the 32 bytes of digest of each directory, by its path."""
    head = bytes((VERSION, len(base))) + base + _DAY.pack(day)
    return head + b"".join([varint(len(path)) + path + digest for path, digest in folders.items()])


def decode_origin(value: bytes) -> tuple[bytes, dict[bytes, bytes]] | None:
    """The base name of an object, and its directories; None if ``value`` is no such row."""
    folders: dict[bytes, bytes] = {}
    try:
        at = 2 + _checked(value)
        base, at = value[2:at], at + _DAY.size
        while at < len(value):
            length, at = read_varint(value, at)
            path, digest = value[at : at + length], value[at + length : at + length + DIGEST_SIZE_BYTES]
            at += length + DIGEST_SIZE_BYTES
            folders[path] = digest
    except (ValueError, IndexError):
        return None
    return (base, folders) if at == len(value) else None


def origin_day(value: bytes) -> int:
    """The day since the epoch on which a source's row, which can be read, was put."""
    return int(_DAY.unpack_from(value, 2 + value[1])[0])


def varint(number: int) -> bytes:
    """``number`` in groups of seven bits, least significant first."""
    groups = bytearray()
    while number >= 0x80:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def read_varint(data: bytes, start: int) -> tuple[int, int]:
    """The number at ``start``, and where what follows it begins.

    Raises:
        IndexError: the data ends within it.
        ValueError: it is larger than anything that is ever written.
    """
    number = shift = 0
    while shift < _VARINT_BITS_MAX:
        group = data[start]
        start += 1
        number |= (group & 0x7F) << shift
        if group < 0x80:
            return number, start
        shift += 7
    raise ValueError("a number without end")


def _texts(value: bytes, start: int) -> list[bytes]:
    texts: list[bytes] = []
    while start < len(value):
        end = start + 1 + value[start]
        if end > len(value):
            raise ValueError("a text is cut short")
        texts.append(value[start + 1 : end])
        start = end
    return texts


def _checked(value: bytes) -> int:
    if value[0] != VERSION:
        raise ValueError(f"version {value[0]}")
    return value[1]


def _damaged(kind: str, key: bytes) -> IndexDamaged:
    return IndexDamaged(
        f"the index holds a damaged {kind} row: {key.decode(errors='backslashreplace')}",
        hint="hermetica store verify says what else is wrong",
    )
