"""Decompression as a stream of bounded pieces: however dense the input, no piece is large.

Several streams behind each other count as one, as their own programs have it; zeros may follow. A stream without its
end is an error, which Python's own readers do not all notice. Sources: RFC 1952, RFC 8878, xz-file-format, bzip2(1).
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import TYPE_CHECKING, Any, Final, Protocol

import zstandard

from hermetica.fetch.archive import DamagedArchive, TruncatedArchive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["decompress"]

PIECE_BYTES: Final = 1 << 18
_XZ_MEMORY_BYTES: Final = 2 << 30
_ZSTD_WINDOW_BYTES: Final = 1 << 31  # --long=31, the most its program makes
_ZSTD_SLICE_BYTES: Final = 2048  # it has no bound on output, and a block of 128 KiB may take 4 bytes


class _Decoder(Protocol):
    """One compressed stream."""

    def feed(self, data: bytes) -> Iterator[bytes]: ...

    @property
    def is_done(self) -> bool: ...

    @property
    def rest(self) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(wbits=31)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            yield self._decoder.decompress(data, PIECE_BYTES)
            data = self._decoder.unconsumed_tail

    @property
    def is_done(self) -> bool:
        return self._decoder.eof

    @property
    def rest(self) -> bytes:
        return self._decoder.unused_data


class _Bounded:
    """xz and bzip2, whose decoders have the same form."""

    def __init__(self, decoder: lzma.LZMADecompressor | bz2.BZ2Decompressor) -> None:
        self._decoder = decoder

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield self._decoder.decompress(data, PIECE_BYTES)
        while not self._decoder.needs_input and not self._decoder.eof:
            yield self._decoder.decompress(b"", PIECE_BYTES)

    @property
    def is_done(self) -> bool:
        return self._decoder.eof

    @property
    def rest(self) -> bytes:
        return self._decoder.unused_data


class _Zstd:
    def __init__(self) -> None:
        self._decoder: Any = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES).decompressobj()
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _ZSTD_SLICE_BYTES):
            yield self._decoder.decompress(data[start : start + _ZSTD_SLICE_BYTES])
            if self._decoder.eof:
                self._rest = self._decoder.unused_data + data[start + _ZSTD_SLICE_BYTES :]
                return

    @property
    def is_done(self) -> bool:
        return bool(self._decoder.eof)

    @property
    def rest(self) -> bytes:
        return self._rest


_DECODERS: Final[dict[str, Callable[[], _Decoder]]] = {
    "gzip": _Gzip,
    "xz": lambda: _Bounded(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)),
    "lzma": lambda: _Bounded(lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_XZ_MEMORY_BYTES)),
    "bzip2": lambda: _Bounded(bz2.BZ2Decompressor()),
    "zstd": _Zstd,
}


def decompress(kind: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes in a compressed file.

    Args:
        kind: one of ``kinds.COMPRESSED``.
        chunks: the file, piece by piece.

    Raises:
        TruncatedArchive: it ends too early.
        DamagedArchive: it is not what it says.
    """
    decoder = _DECODERS[kind]()
    for chunk in chunks:
        data = chunk
        while data:
            if decoder.is_done:
                data = data.lstrip(b"\x00")
                if not data:
                    break
                decoder = _DECODERS[kind]()
            yield from _fed(decoder, kind, data)
            data = decoder.rest if decoder.is_done else b""
    if not decoder.is_done:
        raise TruncatedArchive(f"its {kind} stream ends too early")


def _fed(decoder: _Decoder, kind: str, data: bytes) -> Iterator[bytes]:
    pieces = decoder.feed(data)
    while True:
        try:
            piece = next(pieces, None)
        except (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, ValueError) as error:
            raise DamagedArchive(f"its {kind} stream is damaged: {error}") from error
        if piece is None:
            return
        if piece:
            yield piece
