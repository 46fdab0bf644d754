"""The NAR serialisation of trees on disk, as Nix writes it, and its SHA-256.

Strings are a little-endian 64-bit length, the bytes, and zeros up to a multiple of eight; entries are
sorted by the bytes of their names. Source: E. Dolstra, "The Purely Functional Software Deployment Model",
figure 5.2.
"""

from __future__ import annotations

import os
import stat
import struct
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.descent import Descent, listing
from hermetica_store.reading import FILE_FLAGS, SpecialFile, TreeChanged, chunks_of, working_on

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def nar_string(text: bytes) -> bytes:
    """A length, the bytes, and their padding."""
    return struct.pack("<Q", len(text)) + text + bytes(-len(text) % 8)


def _words(*words: bytes) -> bytes:
    return b"".join(map(nar_string, words))


MAGIC: Final = nar_string(b"nix-archive-1")
_REGULAR: Final = _words(b"(", b"type", b"regular")
_EXECUTABLE: Final = _words(b"executable", b"")
_CONTENTS: Final = _words(b"contents")
_SYMLINK: Final = _words(b"(", b"type", b"symlink", b"target")
_DIRECTORY: Final = _words(b"(", b"type", b"directory")
_ENTRY: Final = _words(b"entry", b"(", b"name")
_NODE: Final = _words(b"node")
_CLOSE: Final = _words(b")")


@attrs.frozen
class NarDigest:
    """The SHA-256 of a NAR (32 bytes), and the NAR's length."""

    sha256: bytes = attrs.field(repr=bytes.hex)
    size_bytes: int


def nar_digest(path: Path) -> NarDigest:
    """The digest of the NAR of a tree; `nix hash path` agrees.

    Raises:
        SpecialFile: it holds a socket, fifo or device.
        TreeChanged: a file was written to while it was read.
        TreeError: the system refused.
    """
    from hashlib import sha256  # noqa: PLC0415 -- most commands need no such digest

    hasher = sha256()
    size_bytes = 0
    for chunk in nar_chunks(path):
        hasher.update(chunk)
        size_bytes += len(chunk)
    return NarDigest(hasher.digest(), size_bytes)


def nar_chunks(path: Path) -> Iterator[bytes]:
    """The NAR of a tree, in chunks of at most a little over one MiB.

    Raises:
        SpecialFile: it holds a socket, fifo or device.
        TreeChanged: a file was written to while it was read.
        TreeError: the system refused.
    """
    with working_on(path):
        root = os.fsencode(path)
        status = os.lstat(root)
        yield MAGIC
        if stat.S_ISDIR(status.st_mode):
            with Descent(root) as descent:
                yield from _directory(descent, root)
        else:
            yield from _leaf(root, status, None, root)


def _directory(descent: Descent, root: bytes) -> Iterator[bytes]:
    frames = [_listing(descent.fd)]
    yield _DIRECTORY
    while frames:
        if not frames[-1]:
            frames.pop()
            if frames:
                descent.up()
                yield _CLOSE + _CLOSE
            continue
        name, status = frames[-1].pop()
        yield _ENTRY + nar_string(name) + _NODE
        if stat.S_ISDIR(status.st_mode):
            descent.down(name)
            frames.append(_listing(descent.fd))
            yield _DIRECTORY
        else:
            yield from _leaf(name, status, descent.fd, root + b"/" + descent.path_of(name))
            yield _CLOSE
    yield _CLOSE


def _leaf(name: bytes, status: os.stat_result, dir_fd: int | None, path: bytes) -> Iterator[bytes]:
    if stat.S_ISLNK(status.st_mode):
        yield _SYMLINK + nar_string(os.readlink(name, dir_fd=dir_fd)) + _CLOSE
    elif stat.S_ISREG(status.st_mode):
        yield from _regular(name, status, dir_fd, path)
    else:
        raise SpecialFile(path, status.st_mode)


def _regular(name: bytes, status: os.stat_result, dir_fd: int | None, path: bytes) -> Iterator[bytes]:
    executable = _EXECUTABLE if status.st_mode & 0o111 else b""
    yield _REGULAR + executable + _CONTENTS + struct.pack("<Q", status.st_size)
    written = 0
    fd = os.open(name, FILE_FLAGS, dir_fd=dir_fd)
    try:
        for chunk in chunks_of(fd):
            yield chunk
            written += len(chunk)
    finally:
        os.close(fd)
    if written != status.st_size:
        raise TreeChanged(path)
    yield bytes(-written % 8) + _CLOSE


def _listing(fd: int) -> list[tuple[bytes, os.stat_result]]:
    """The entries of an open directory, last name first."""
    return sorted(listing(fd), reverse=True)
