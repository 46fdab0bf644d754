"""What a file is, told from its first bytes."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.fetch.hashes import Expected, Hasher
from hermetica.fetch.kinds import guess_kind, is_tar_header
from tests.fetch.archives import header


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "empty"),
        (gzip.compress(b"", mtime=0), "gzip"),
        (b"PK\x03\x04", "zip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\x5a\x2a\x4d\x18", "zstd"),
        (header(b"f"), "tar"),
        (b"\n <!DOCTYPE HTML>", "html"),
        (b"<?xml version='1.0'?>", "xml"),
        (b'{"error": 404}', "json"),
        (b"plain words", "text"),
        ("cut within ü".encode()[:-1], "text"),
        (b"\xff\xfe\x00", "data"),
        (b"\xffwords", "data"),
        (bytes(512), "data"),
    ],
)
def test_a_kind_is_told_from_the_head(head: bytes, kind: str) -> None:
    assert guess_kind(head) == kind


@given(st.binary(max_size=600))
def test_every_head_has_a_kind(head: bytes) -> None:
    assert guess_kind(head)


@given(st.integers(0, 511), st.integers(1, 255))
def test_a_header_with_one_byte_changed_is_none(position: int, change: int) -> None:
    block = bytearray(header(b"name"))
    block[position] ^= change
    assert is_tar_header(header(b"name"))
    if position not in range(148, 156):  # the checksum itself has several ways to be written
        assert not is_tar_header(bytes(block))


@given(st.lists(st.binary(max_size=50)))
def test_hashes_are_those_of_the_pieces_together(pieces: list[bytes]) -> None:
    apart, together = Hasher(("blake3", "sha256", "sha512")), Hasher(("blake3", "sha256", "sha512"))
    for piece in pieces:
        apart.update(piece)
    together.update(b"".join(pieces))
    assert apart.digests() == together.digests()
    assert Expected.parse(apart.digests()).difference(together.digests()) is None
