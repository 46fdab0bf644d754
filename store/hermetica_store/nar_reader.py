"""A strict reader of NARs: one form for each tree, everything else refused, nothing written outside the destination.

Refused are names that are unsorted, repeated, empty, ``.``, ``..`` or hold ``/`` or NUL, over-long words,
padding that is not zero, what is missing and what follows the end. Source: E. Dolstra, "The Purely
Functional Software Deployment Model", figure 5.2.
"""

from __future__ import annotations

import functools
import os
import struct
from typing import TYPE_CHECKING, Final, Protocol

from blake3 import blake3

from hermetica_store.canonicalise import seal_file, write_all
from hermetica_store.content import File
from hermetica_store.descent import Descent
from hermetica_store.digest import Digest
from hermetica_store.errors import StoreError
from hermetica_store.nar import nar_string
from hermetica_store.reading import working_on

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hermetica_store.scan import Scanner

_MAGIC: Final = b"nix-archive-1"
_WORD_MAX: Final = 16  # the longest word of the grammar has 13 bytes
_NAME_MAX: Final = 255
_TARGET_MAX: Final = 4095
_CHUNK_BYTES: Final = 1 << 20
_WORDS_BYTES: Final = 1 << 16  # read at once where words and small files may follow each other
_ALIGNMENT: Final = 8
_LENGTH: Final = struct.Struct("<Q")
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class InvalidNar(StoreError, ValueError):
    """A stream that is no NAR in its one canonical form."""

    code = "HM417"

    def __init__(self, what: str, offset: int) -> None:
        super().__init__(f"not a NAR: {what}", details=(("at byte", str(offset)),))
        self.offset = offset


class ByteStream(Protocol):
    """What a NAR is read from."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""
        ...


def restore_nar(stream: ByteStream, destination: Path, scanner: Scanner | None = None) -> dict[tuple[int, int], File]:
    """Write the tree of a NAR to a place where nothing is yet.

    Args:
        stream: one NAR and nothing else.
        destination: created; files are 0444 or 0555, directories 0755 until prepared. A failure leaves what was
            written so far.
        scanner: searches the bytes of files as they are written; they are hashed and made canonical then, too.

    Returns:
        The regular files by (device, inode), so that a preparation need not read them again; none without a scanner.

    Raises:
        InvalidNar: the stream is not a canonical NAR.
        TreeError: the system refused.
    """
    reader = _Reader(stream, scanner)
    with working_on(destination):
        reader.expect(_MAGIC)
        _restore(reader, os.fsencode(destination))
        reader.expect_end()
    return reader.files


def _restore(reader: _Reader, root: bytes) -> None:
    if _restore_leaf_or_begin(reader, root, None):
        with Descent(root) as descent:
            last_names = [b""]
            while last_names:
                word = reader.word(_WORD_MAX)
                if word == b")":
                    last_names.pop()
                    if last_names:
                        descent.up()
                        reader.expect(b")")
                    continue
                if word != b"entry":
                    raise reader.error(f"expected entry or ), got {word!r}")
                name = last_names[-1] = _entry_name(reader, last_names[-1])
                if _restore_leaf_or_begin(reader, name, descent.fd):
                    descent.down(name)
                    last_names.append(b"")
                else:
                    reader.expect(b")")


def _entry_name(reader: _Reader, last: bytes) -> bytes:
    """The name of the next entry, up to where its node begins."""
    reader.expect(b"(", b"name")
    name = reader.word(_NAME_MAX)
    if name in {b"", b".", b".."} or b"/" in name or b"\0" in name:
        raise reader.error(f"{name!r} is no file name")
    if name <= last:
        raise reader.error(f"{name!r} follows {last!r}: names ascend")
    reader.expect(b"node")
    return name


def _restore_leaf_or_begin(reader: _Reader, name: bytes, dir_fd: int | None) -> bool:
    """Write a whole file or link, or make a directory and give True."""
    reader.expect(b"(", b"type")
    kind = reader.word(_WORD_MAX)
    if kind == b"directory":
        os.mkdir(name, 0o755, dir_fd=dir_fd)
        return True
    if kind == b"symlink":
        reader.expect(b"target")
        target = reader.word(_TARGET_MAX)
        if not target or b"\0" in target:
            raise reader.error(f"{target!r} is no link target")
        os.symlink(target, name, dir_fd=dir_fd)
        reader.expect(b")")
    elif kind == b"regular":
        _restore_file(reader, name, dir_fd)
    else:
        raise reader.error(f"unknown type {kind!r}")
    return False


def _restore_file(reader: _Reader, name: bytes, dir_fd: int | None) -> None:
    word = reader.word(_WORD_MAX)
    executable = word == b"executable"
    if executable:
        reader.expect(b"", b"contents")
    elif word != b"contents":
        raise reader.error(f"expected executable or contents, got {word!r}")
    fd = os.open(name, _NEW, 0o555 if executable else 0o444, dir_fd=dir_fd)
    try:
        if reader.scanner is None:
            for chunk in reader.long_word():
                write_all(fd, chunk)
        else:
            _take_down(reader, reader.scanner, fd, executable=executable)
    finally:
        os.close(fd)
    reader.expect(b")")


def _take_down(reader: _Reader, scanner: Scanner, fd: int, *, executable: bool) -> None:
    """Write a file, and know it."""
    hasher, size_bytes = blake3(), 0
    for chunk in reader.long_word():
        write_all(fd, chunk)
        hasher.update(chunk)
        scanner.feed(chunk)
        size_bytes += len(chunk)
    status = os.fstat(fd)
    seal_file(fd, status)
    file = File(Digest(hasher.digest()), size_bytes, executable, scanner.end())
    reader.files[status.st_dev, status.st_ino] = file


@functools.cache
def _written(word: bytes) -> bytes:
    """A word of the grammar, of which there are a dozen, as it stands in a NAR."""
    return nar_string(word)


class _Reader:
    """Words of a NAR, one after the other, out of large reads."""

    def __init__(self, stream: ByteStream, scanner: Scanner | None) -> None:
        self.scanner = scanner
        self.files: dict[tuple[int, int], File] = {}
        self._stream = stream
        self._buffer = b""
        self._at = 0  # in the buffer
        self._before = 0  # how much of the stream precedes it

    def error(self, what: str) -> InvalidNar:
        return InvalidNar(what, self._before + self._at)

    def word(self, limit_bytes: int) -> bytes:
        """The next word."""
        (size_bytes,) = _LENGTH.unpack(self._exactly(8))
        if size_bytes > limit_bytes:
            raise self.error(f"a word of {size_bytes} bytes where at most {limit_bytes} may be")
        word = self._exactly(size_bytes)
        self._padding(size_bytes)
        return word

    def long_word(self) -> Iterator[bytes]:
        """The next word in chunks, however long it is."""
        (size_bytes,) = _LENGTH.unpack(self._exactly(8))
        left = size_bytes
        while left:
            chunk = self._some(left)
            left -= len(chunk)
            yield chunk
        self._padding(size_bytes)

    def expect(self, *words: bytes) -> None:
        for expected in words:
            written = _written(expected)
            if self._buffer.startswith(written, self._at):
                self._at += len(written)
                continue
            word = self.word(_WORD_MAX)
            if word != expected:
                raise self.error(f"expected {expected!r}, got {word!r}")

    def expect_end(self) -> None:
        if self._at < len(self._buffer) or self._stream.read(1):
            raise self.error("something follows its end")

    def _padding(self, size_bytes: int) -> None:
        if size_bytes % _ALIGNMENT and any(self._exactly(-size_bytes % _ALIGNMENT)):
            raise self.error("padding that is not zero")

    def _some(self, size_bytes: int) -> bytes:
        """The next bytes, at least one and at most as many as asked."""
        if self._at == len(self._buffer):
            self._refill(size_bytes)
        data = self._buffer[self._at : self._at + size_bytes]  # all of it, and then no copy, in the midst of a file
        self._at += len(data)
        return data

    def _exactly(self, size_bytes: int) -> bytes:
        end = self._at + size_bytes
        if end <= len(self._buffer):
            data = self._buffer[self._at : end]
            self._at = end
            return data
        parts: list[bytes] = []
        while size_bytes:
            parts.append(self._some(size_bytes))
            size_bytes -= len(parts[-1])
        return b"".join(parts)

    def _refill(self, wanted: int) -> None:
        self._before += len(self._buffer)
        large = wanted > _WORDS_BYTES  # of one file, and so not cut again
        self._buffer, self._at = self._stream.read(min(wanted, _CHUNK_BYTES) if large else _WORDS_BYTES), 0
        if not self._buffer:
            raise self.error(f"it ends {wanted} bytes too early")
