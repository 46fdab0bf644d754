"""Compressed streams: several in a row, long windows, cut off, damaged, followed by other things."""

from __future__ import annotations

import gzip
import random
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from hermetica.fetch import ArchiveError, DamagedArchive, TruncatedArchive, unpack
from tests.fetch.archives import (
    COMPRESSORS,
    member,
    tar,
    written,
)

if TYPE_CHECKING:
    from pathlib import Path


def noise(size_bytes: int) -> bytes:
    """Bytes that nothing compresses: the same in every run, so that a flipped bit always means the same."""
    return random.Random(size_bytes).randbytes(size_bytes)  # noqa: S311 -- noise, not a secret


@pytest.mark.parametrize("kind", list(COMPRESSORS))
def test_a_compressed_file_that_is_no_archive_becomes_that_file(kind: str, tmp_path: Path) -> None:
    packed = written(tmp_path / "f", COMPRESSORS[kind](b"content" * 1000))
    unpack(packed, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"content" * 1000


@pytest.mark.parametrize("kind", ["gzip", "xz", "bzip2", "zstd"])
def test_several_streams_behind_each_other_are_one(kind: str, tmp_path: Path) -> None:
    compress = COMPRESSORS[kind]
    data = noise(300_000)
    packed = compress(data[:1]) + compress(b"") + compress(data[1:100_000]) + compress(data[100_000:])
    for name, tail in (("plain", b""), ("zeros", bytes(512))):
        unpack(written(tmp_path / f"{name}.in", packed + tail), tmp_path / name)
        assert (tmp_path / name).read_bytes() == data


def test_long_distance_matches_of_zstd_are_found(tmp_path: Path) -> None:
    data = noise(1 << 20) * 3
    library: Any = zstandard  # its stubs leave the arguments open
    parameters = library.ZstdCompressionParameters.from_level(3, window_log=28, enable_ldm=True)
    unpack(
        written(tmp_path / "f", zstandard.ZstdCompressor(compression_params=parameters).compress(data)), tmp_path / "o"
    )
    assert (tmp_path / "o").read_bytes() == data


def test_a_skippable_frame_of_zstd_is_skipped(tmp_path: Path) -> None:
    frame = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"skip!"
    unpack(written(tmp_path / "f", frame + COMPRESSORS["zstd"](b"data")), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"data"


@pytest.mark.parametrize("kind", list(COMPRESSORS))
def test_an_archive_cut_anywhere_is_truncated_or_damaged(kind: str, tmp_path: Path) -> None:
    whole = COMPRESSORS[kind](tar(member(b"a", noise(3000)), member(b"b", noise(500))))
    for cut in range(8, len(whole) - (20 if kind == "lzma" else 4), 97):
        with pytest.raises(ArchiveError):
            unpack(written(tmp_path / "cut", whole[:cut]), tmp_path / f"out-{cut}")


@pytest.mark.parametrize("kind", ["gzip", "xz", "bzip2", "zstd"])
def test_a_compressed_file_without_its_end_is_truncated(kind: str, tmp_path: Path) -> None:
    whole = COMPRESSORS[kind](noise(50_000))
    for missing in (1, 4, 1000):
        with pytest.raises(TruncatedArchive, match="ends too early"):
            unpack(written(tmp_path / "cut", whole[:-missing]), tmp_path / f"out-{missing}")


@pytest.mark.parametrize("kind", ["gzip", "xz", "bzip2"])
def test_a_flipped_bit_is_damage(kind: str, tmp_path: Path) -> None:
    whole = bytearray(COMPRESSORS[kind](noise(5000)))
    whole[2000] ^= 1
    with pytest.raises(DamagedArchive, match=kind):
        unpack(written(tmp_path / "bad", bytes(whole)), tmp_path / "out")


def test_what_follows_a_compressed_stream_is_damage(tmp_path: Path) -> None:
    with pytest.raises(DamagedArchive):
        unpack(written(tmp_path / "f", gzip.compress(b"data") + b"garbage"), tmp_path / "out")


def test_damage_behind_the_last_member_is_found(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(tar(member(b"a", b"a"))))
    whole[-5] ^= 1  # the checksum
    with pytest.raises(DamagedArchive):
        unpack(written(tmp_path / "a.tar.gz", bytes(whole)), tmp_path / "out")
