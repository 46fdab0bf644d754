"""The Merkle digest of trees: ``Directory`` messages of the Remote Execution API, written by hand.

A directory is the wire bytes of a ``build.bazel.remote.execution.v2.Directory``: files (field 1),
directories (2) and symbolic links (3), each sorted by name, no node properties. Its digest is BLAKE3 of
these bytes, so a local digest is the digest a BLAKE3 server uses. An object that is a lone file or link is
the message with that one entry under the empty name, which no directory can hold. Source: docs/format.md,
"Trees"; remote_execution.proto, message Directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.digest import Digest
from hermetica_store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

_FILES: Final = b"\x0a"  # field 1, length-delimited; also `name` and `hash` in the inner messages
_DIRECTORIES: Final = b"\x12"  # field 2, length-delimited; also `digest` and `target`
_SYMLINKS: Final = b"\x1a"  # field 3, length-delimited
_SIZE: Final = b"\x10"  # field 2, varint, of Digest
_EXECUTABLE: Final = b"\x20\x01"  # field 4, varint, true
_SHORT: Final = 0x80  # lengths below it are one byte


class UnrepresentableName(StoreError, ValueError):
    """A file name or link target that no tree digest can carry: it is not UTF-8."""

    code = "HM411"

    def __init__(self, path: bytes, what: str) -> None:
        shown = path.decode("utf-8", "backslashreplace")
        super().__init__(f"{what} is not UTF-8: {shown}", hint="rename it, or leave it out of the tree")
        self.path = path


@attrs.frozen(kw_only=True)
class FileNode:
    """A regular file in a directory.

    Attributes:
        name: one path component.
        digest: BLAKE3 of its bytes.
        size_bytes: how many.
        executable: whether any executable bit is set.
    """

    name: str
    digest: Digest
    size_bytes: int
    executable: bool = False


@attrs.frozen
class SymlinkNode:
    """A symbolic link in a directory, with its target as written."""

    name: str
    target: str


@attrs.frozen(kw_only=True)
class DirectoryNode:
    """A directory in a directory.

    Attributes:
        name: one path component.
        digest: BLAKE3 of its ``Directory`` message.
        size_bytes: the length of that message.
    """

    name: str
    digest: Digest
    size_bytes: int


def directory_message(
    files: Iterable[FileNode] = (), directories: Iterable[DirectoryNode] = (), symlinks: Iterable[SymlinkNode] = ()
) -> bytes:
    """The canonical ``Directory`` message of these entries, given in any order.

    Raises:
        UnrepresentableName: a name or target holds a lone surrogate.
    """
    return join_entries(
        [
            (
                name := _utf8(node.name),
                encode_file(name, node.digest.hex.encode(), node.size_bytes, executable=node.executable),
            )
            for node in files
        ],
        [
            (name := _utf8(node.name), encode_directory(name, node.digest.hex.encode(), node.size_bytes))
            for node in directories
        ],
        [(name := _utf8(node.name), encode_symlink(name, _utf8(node.target))) for node in symlinks],
    )


def join_entries(
    files: list[tuple[bytes, bytes]], directories: list[tuple[bytes, bytes]], symlinks: list[tuple[bytes, bytes]]
) -> bytes:
    """The message of (name, encoded entry) pairs; sorts the lists in place."""
    files.sort()
    directories.sort()
    symlinks.sort()
    return b"".join([entry for group in (files, directories, symlinks) for _, entry in group])


def encode_file(name: bytes, digest_hex: bytes, size_bytes: int, *, executable: bool) -> bytes:
    """A ``files`` field: tag, length, and the ``FileNode``."""
    body = _text(_FILES, name) + _digest(digest_hex, size_bytes) + (_EXECUTABLE if executable else b"")
    return _FILES + _varint(len(body)) + body


def encode_directory(name: bytes, digest_hex: bytes, size_bytes: int) -> bytes:
    """A ``directories`` field: tag, length, and the ``DirectoryNode``."""
    body = _text(_FILES, name) + _digest(digest_hex, size_bytes)
    return _DIRECTORIES + _varint(len(body)) + body


def encode_symlink(name: bytes, target: bytes) -> bytes:
    """A ``symlinks`` field: tag, length, and the ``SymlinkNode``."""
    body = _text(_FILES, name) + _text(_DIRECTORIES, target)
    return _SYMLINKS + _varint(len(body)) + body


def lone_file_digest(digest: Digest, size_bytes: int, *, executable: bool) -> Digest:
    """The tree digest of an object that is one regular file."""
    return Digest.of(encode_file(b"", digest.hex.encode(), size_bytes, executable=executable))


def lone_symlink_digest(target: bytes) -> Digest:
    """The tree digest of an object that is one symbolic link."""
    return Digest.of(encode_symlink(b"", target))


def require_utf8(text: bytes, path: bytes, what: str) -> None:
    """Refuse a name or link target that is not UTF-8.

    Raises:
        UnrepresentableName: it is not; ``path`` and ``what`` say which.
    """
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError as error:
            raise UnrepresentableName(path, what) from error


def _digest(digest_hex: bytes, size_bytes: int) -> bytes:
    """A ``digest`` field: field 2 with the hash as text and the size, which is left out when it is zero."""
    size = _SIZE + _varint(size_bytes) if size_bytes else b""
    return b"%b%c\x0a\x40%b%b" % (_DIRECTORIES, 66 + len(size), digest_hex, size)


def _text(tag: bytes, text: bytes) -> bytes:
    """A string field; the empty string is the default and is left out."""
    return tag + _varint(len(text)) + text if text else b""


def _varint(number: int) -> bytes:
    """``number`` in groups of seven bits, least significant first."""
    if number < _SHORT:
        return b"%c" % number
    groups = bytearray()
    while number >= _SHORT:
        groups.append(number & 0x7F | _SHORT)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise UnrepresentableName(text.encode("utf-8", "surrogateescape"), "the name") from error
