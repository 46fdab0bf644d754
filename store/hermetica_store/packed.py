"""Long values of the index, which are kept as a zstd frame: the first byte says whether they are.

Source: docs/format-store.md, "Packed values".
"""

from __future__ import annotations

from typing import Final

_COMPRESS_FROM: Final = 512
_PLAIN_BYTES_MAX: Final = 1 << 32  # of ten million entries with long paths; a damaged claim would be allocated at once
_PLAIN: Final = b"\x01"
_ZSTD: Final = b"\x02"
_LEVEL: Final = 1


def pack(plain: bytes) -> bytes:
    """The value that keeps some bytes."""
    if len(plain) < _COMPRESS_FROM:
        return _PLAIN + plain
    import zstandard  # noqa: PLC0415 -- small values do without

    return _ZSTD + zstandard.ZstdCompressor(level=_LEVEL).compress(plain)


def unpack(value: bytes) -> bytes:
    """The bytes that a value keeps.

    Raises:
        ValueError: it was never packed.
    """
    plain = value[1:]
    if value[:1] == _ZSTD:
        import zstandard  # noqa: PLC0415 -- small values do without

        try:
            if zstandard.frame_content_size(plain) > _PLAIN_BYTES_MAX:
                raise ValueError("it claims to be longer than anything is")
            plain = zstandard.ZstdDecompressor().decompress(plain)
        except zstandard.ZstdError as error:
            raise ValueError("no whole frame") from error
    elif value[:1] != _PLAIN:
        raise ValueError("of another version")
    return plain
