"""Compressed streams that end where they must: cut short or followed by anything, they are refused.

The zstd library takes a frame that is cut short for one that is still to come, and says nothing at the end of a file.
So the reader appends a frame of its own to what it reads: only if the stream ends at the end of a frame does that
come out again. Nothing is ever held but a window and a buffer, whatever a stream claims to expand to.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

import zstandard
from blake3 import blake3

from hermetica_store.errors import StoreError
from hermetica_store.exchange.ahead import Ahead
from hermetica_store.exchange.transfer import transferring

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from hermetica_store.exchange.transfer import Sink
    from hermetica_store.nar_reader import ByteStream

WINDOW_BYTES_MAX: Final = 1 << 27  # what every zstd program accepts
LEVEL: Final = 3
LEVEL_MAX: Final = 19  # beyond, the window grows past what other programs accept unasked
_MARK: Final = b"the end"
_READ_BYTES: Final = 1 << 18
_SEAL_CONTEXT: Final = "hermetica 2026-11 archive v1"
_SEAL_HEAD: Final = struct.pack("<II", 0x184D2A50, 32)  # a skippable frame of 32 bytes: RFC 8878, section 3.1.2
_SEAL_BYTES: Final = len(_SEAL_HEAD) + 32
_DAMAGED: Final = (zstandard.ZstdError, lzma.LZMAError, zlib.error, EOFError, OSError)  # of which bz2 has no kind


class InvalidArchive(StoreError, ValueError):
    """An archive or a file of a cache that is not what it has to be: cut short, altered, or never one."""

    code = "HM430"

    def __init__(self, where: str, what: str) -> None:
        super().__init__(
            f"{where} is damaged: {what}", hint="fetch or export it again; nothing of it was taken into the store"
        )


class Source(Protocol):
    """A decompressed stream."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end, or none as long as ``size`` is 0."""
        ...


class Decompressed:
    """What a compressed stream holds. Errors name ``where`` it comes from.

    Args:
        raw: the compressed stream.
        method: ``zstd``, ``xz``, ``gzip``, ``bzip2`` or ``none``.
        where: what to call it.
        ahead: whether a thread of its own reads and decompresses, ahead of who wants it; to be closed then.
    """

    METHODS: Final = ("zstd", "xz", "gzip", "bzip2", "none")

    def __init__(self, raw: ByteStream, method: str, where: str, *, ahead: bool = False) -> None:
        self._where = where
        self._is_zstd = method == "zstd"
        self._ahead: Ahead | None = None
        tail = zstandard.ZstdCompressor(write_checksum=True).compress(_MARK) if self._is_zstd else b""
        self._source = _open(io.BufferedReader(_Appended(raw, tail), _READ_BYTES), method)
        if ahead:
            self._source = self._ahead = Ahead(self._source)

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""
        try:
            return self._source.read(size)
        except _DAMAGED as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise InvalidArchive(self._where, "it cannot be decompressed") from error

    def close(self) -> None:
        """Ends the thread, if there is one."""
        if self._ahead is not None:
            self._ahead.close()

    def finish(self) -> None:
        """Refuses a stream that does not end here.

        Raises:
            InvalidArchive: something follows, or the end is missing.
        """
        expected = _MARK if self._is_zstd else b""
        found = b""
        while len(found) <= len(expected) and (more := self.read(len(expected) + 1 - len(found))):
            found += more
        if found != expected:
            raise InvalidArchive(
                self._where, "something follows its end" if len(found) > len(expected) else "its end is missing"
            )


class _Appended(io.RawIOBase):
    """A stream with ``tail`` after its end."""

    def __init__(self, raw: ByteStream, tail: bytes) -> None:
        super().__init__()
        self._raw = raw
        self._tail = tail

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        room = memoryview(buffer)
        data = self._raw.read(len(room))
        if not data:
            data, self._tail = self._tail[: len(room)], self._tail[len(room) :]
        room[: len(data)] = data
        return len(data)


class _Xz:
    """Streams of xz, one after the other, none of which gets more memory than its window may take."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._decompressor = self._fresh()
        self._rest = b""

    def read(self, size: int, /) -> bytes:
        while size:
            if self._decompressor.eof:
                self._rest = self._decompressor.unused_data or self._raw.read(_READ_BYTES)
                if not self._rest:
                    break
                self._decompressor = self._fresh()
            elif self._decompressor.needs_input and not self._rest:
                self._rest = self._raw.read(_READ_BYTES)
                if not self._rest:
                    raise EOFError
            data, self._rest = self._decompressor.decompress(self._rest, size), b""
            if data:
                return data
        return b""

    @staticmethod
    def _fresh() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=2 * WINDOW_BYTES_MAX)


def _open(raw: BinaryIO, method: str) -> Source:
    if method == "zstd":
        decompressor = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES_MAX)
        return decompressor.stream_reader(raw, read_size=_READ_BYTES, read_across_frames=True)
    if method == "xz":
        return _Xz(raw)
    if method == "gzip":
        return gzip.GzipFile(fileobj=raw)
    return bz2.BZ2File(raw) if method == "bzip2" else raw


class Sealer:
    """Writes bytes on, and at the end a seal over all of them: a frame that every zstd program passes over."""

    def __init__(self, sink: Sink, where: str) -> None:
        self._sink = sink
        self._where = where
        self._hasher = blake3(derive_key_context=_SEAL_CONTEXT)
        self.written_bytes = 0

    def write(self, data: bytes) -> None:
        """Writes all of ``data``."""
        self._hasher.update(data)
        self._write(data)

    def seal(self) -> None:
        """Ends the stream."""
        self._write(_SEAL_HEAD + self._hasher.digest())

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        with transferring(self._where):
            while rest:
                taken = self._sink.write(rest)  # an unbuffered file may take less
                rest = rest[len(rest) if taken is None else taken :]
        self.written_bytes += len(data)


class Sealed:
    """What a sealed stream holds before its seal."""

    def __init__(self, raw: ByteStream, where: str) -> None:
        self._raw = raw
        self._where = where
        self._hasher = blake3(derive_key_context=_SEAL_CONTEXT)
        self._held = b""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""
        while len(self._held) < size + _SEAL_BYTES:
            more = self._raw.read(size + _SEAL_BYTES - len(self._held))
            if not more:
                break
            self._held += more
        cut = max(0, min(size, len(self._held) - _SEAL_BYTES))
        data, self._held = self._held[:cut], self._held[cut:]
        self._hasher.update(data)
        return data

    def check(self) -> None:
        """Refuses a stream whose seal is not that of what was read, once all was read.

        Raises:
            InvalidArchive: a byte of it is missing or another.
        """
        if self._held != _SEAL_HEAD + self._hasher.digest():
            raise InvalidArchive(self._where, "its digest is not that of its content")


def compressor(level: int, *, threads: int, size_bytes: int = -1) -> zstandard.ZstdCompressionObj:
    """What compresses one stream into one frame with a checksum; with ``threads`` of 0 in the caller's own."""
    making = zstandard.ZstdCompressor(level=level, threads=threads, write_checksum=True, write_content_size=True)
    return making.compressobj(size=size_bytes)


class Part:
    """The next ``size_bytes`` of a stream as a stream of their own."""

    def __init__(self, stream: ByteStream, size_bytes: int) -> None:
        self._stream = stream
        self.left = size_bytes

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end of the part."""
        data = self._stream.read(min(size, self.left)) if self.left else b""
        self.left -= len(data)
        return data

    def skip(self) -> None:
        """Reads to the end of the part, or of the stream."""
        while self.read(_READ_BYTES):
            pass
