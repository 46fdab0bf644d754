"""What a file is, told from its first bytes. Pure.

Sources: file(1)'s magic numbers; POSIX.1 ``pax`` for the tar header; APPNOTE.TXT for zip; ar(5).
"""

from __future__ import annotations

from typing import Final

__all__ = ["COMPRESSED", "HEAD_BYTES", "guess_kind", "is_tar_header"]

HEAD_BYTES: Final = 512
"""How many bytes are enough to tell."""

COMPRESSED: Final = ("gzip", "xz", "bzip2", "zstd", "lzma")
"""Kinds that hold one stream of other bytes."""

_MAGIC: Final = (
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x5d\x00\x00", "lzma"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"!<arch>\n", "ar"),
    (b"\x7fELF", "ELF program"),
    (b"%PDF", "PDF"),
    (b"\x89PNG", "PNG image"),
    (b"7z\xbc\xaf\x27\x1c", "7-zip"),
    (b"Rar!", "rar"),
    (b"\xed\xab\xee\xdb", "rpm"),
    (b"version https://git-lfs", "git-lfs pointer"),
    (b"-----BEGIN PGP", "PGP text"),
)
_TEXTS: Final = (
    ((b"<!doctype html", b"<html", b"<head"), "html"),
    ((b"<?xml",), "xml"),
    ((b"{", b"["), "json"),
)
_SKIPPABLE_FRAME: Final = b"\x2a\x4d\x18"  # after a byte of 0x50 to 0x5f: RFC 8878, section 3.1.2


def is_tar_header(block: bytes) -> bool:
    """Whether a block of 512 bytes is a tar header: its checksum is right, and it is not all zeros."""
    if len(block) < 512 or not any(block):
        return False
    field = block[148:156].strip(b" \x00")
    if not field or not all(48 <= digit <= 55 for digit in field):
        return False
    rest = block[:148] + block[156:512]
    said, unsigned = int(field, 8), sum(rest) + 8 * 32
    return said == unsigned or said == unsigned - 256 * sum(byte > 127 for byte in rest)  # some added signed bytes


def guess_kind(head: bytes) -> str:
    """A word for what starts with ``head``, such as ``gzip``, ``tar``, ``html``, ``text``, ``empty`` or ``data``."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[1:4] == _SKIPPABLE_FRAME and 0x50 <= head[0] <= 0x5F:
        return "zstd"
    if is_tar_header(head[:512]):
        return "tar"
    return _guess_text(head) if head else "empty"


def _guess_text(head: bytes) -> str:
    start = head.lstrip()[:64].lower()
    for beginnings, kind in _TEXTS:
        if start.startswith(beginnings):
            return kind
    return "text" if _is_text(head) else "data"


def _is_text(head: bytes) -> bool:
    if b"\x00" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 and error.reason == "unexpected end of data"
    return True
