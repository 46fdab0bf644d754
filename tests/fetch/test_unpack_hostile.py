"""Hostile tar archives and bombs: nothing is made outside the destination, nothing without end."""

from __future__ import annotations

import gzip
import lzma
import os
import stat
import struct
from typing import TYPE_CHECKING

import pytest
import zstandard

from hermetica.fetch import (
    ArchiveTooLarge,
    DamagedArchive,
    Limits,
    TruncatedArchive,
    UnknownArchive,
    UnsafeArchive,
    unpack,
)
from tests.fetch.archives import (
    header,
    member,
    names,
    pax,
    refused,
    sealed,
    tar,
    tree,
    written,
)

if TYPE_CHECKING:
    from pathlib import Path


UNSAFE = {
    "absolute": member(b"/etc/passwd", b"x"),
    "up": member(b"../x", b"x"),
    "up within": member(b"a/../../x", b"x"),
    "up that stays": member(b"a/../x", b"x"),
    "absolute by pax": pax({b"path": b"/x"}) + member(b"x", b"x"),
    "up by a long name": member(b"L", b"../x\x00", kind=b"L") + member(b"x", b"x"),
    "up by its prefix": member(b"x", b"x", prefix=b".."),
    "through a link": header(b"l", kind=b"2", target=b"/tmp") + member(b"l/x", b"x"),
    "through a link that stays": header(b"l", kind=b"2", target=b".") + member(b"l/x", b"x"),
    "a directory through a link": header(b"l", kind=b"2", target=b"/tmp") + header(b"l/d", kind=b"5"),
    "a link through a link": header(b"l", kind=b"2", target=b"/tmp") + header(b"l/x", kind=b"2", target=b"y"),
    "a hard link out": header(b"h", kind=b"1", target=b"/etc/passwd"),
    "a hard link up": header(b"h", kind=b"1", target=b"../../etc/passwd"),
    "a hard link out by pax": pax({b"linkpath": b"/etc/passwd"}) + header(b"h", kind=b"1", target=b"x"),
    "a character device": header(b"c", kind=b"3"),
    "a block device": header(b"b", kind=b"4"),
    "a fifo": header(b"p", kind=b"6"),
    "setuid": member(b"s", b"x", mode=0o4755),
    "setgid": member(b"s", b"x", mode=0o2755),
    "a NUL": pax({b"path": b"a\x00b"}) + member(b"x", b"x"),
}


@pytest.mark.parametrize("entry", list(UNSAFE.values()), ids=list(UNSAFE))
def test_a_member_that_may_not_be_made_is_refused_by_name(entry: bytes, tmp_path: Path) -> None:
    error = refused(UnsafeArchive, tar(member(b"first", b"f"), entry), tmp_path)
    assert error.member is not None
    assert "member" in error.message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "out"]


DAMAGED = {
    "a hard link to nothing": header(b"h", kind=b"1", target=b"absent"),
    "a hard link to what comes later": header(b"h", kind=b"1", target=b"f") + member(b"f", b"f"),
    "a hard link to a directory": header(b"d", kind=b"5") + header(b"h", kind=b"1", target=b"d"),
    "a hard link through a link": header(b"d/f")
    + header(b"l", kind=b"2", target=b"d")
    + header(b"h", kind=b"1", target=b"l/f"),
    "a file below a file": member(b"f", b"f") + member(b"f/g", b"g"),
    "a file in place of a directory": member(b"d/f", b"f") + member(b"d", b"d"),
    "a link in place of a directory": member(b"d/f", b"f") + header(b"d", kind=b"2", target=b"/tmp"),
    "an empty link": header(b"l", kind=b"2"),
    "a wrong checksum": b"x" + member(b"f", b"f")[1:],
    "a size that is no number": sealed(bytearray(header(b"f")[:124] + b"nonsense    " + header(b"f")[136:])),
    "a negative size": sealed(bytearray(header(b"f")[:124] + b"\xff" * 12 + header(b"f")[136:])),
    "pax records that do not add up": member(b"x", b"9999 path=x\n", kind=b"x"),
    "pax records without lengths": member(b"x", b"path=x\n", kind=b"x"),
    "pax records without values": member(b"x", b"7 path\n", kind=b"x"),
    "a pax size that is no number": pax({b"size": b"-1"}) + member(b"f", b"f"),
    "a pax size beyond numbers": pax({b"size": b"9" * 5000}) + member(b"f", b"f"),
    "a sparse map that overlaps": pax({b"GNU.sparse.size": b"10", b"GNU.sparse.map": b"0,5,3,2"})
    + member(b"f", b"1234567"),
    "a sparse map past the end": pax({b"GNU.sparse.size": b"10", b"GNU.sparse.map": b"8,7"}) + member(b"f", b"1234567"),
    "a sparse map of more than there is": pax({b"GNU.sparse.size": b"10", b"GNU.sparse.map": b"0,9"})
    + member(b"f", b"1"),
    "a sparse map of half a pair": pax({b"GNU.sparse.size": b"10", b"GNU.sparse.map": b"0"}) + member(b"f", b"1"),
    "a stored sparse map that is none": pax({b"GNU.sparse.major": b"1", b"GNU.sparse.realsize": b"9"})
    + member(b"f", b"nonsense" * 200),
}


@pytest.mark.parametrize("entry", list(DAMAGED.values()), ids=list(DAMAGED))
def test_an_archive_that_contradicts_itself_is_damaged(entry: bytes, tmp_path: Path) -> None:
    refused(DamagedArchive, tar(member(b"first", b"f"), entry), tmp_path)


def test_a_link_may_lead_anywhere_since_nothing_follows_it(tmp_path: Path) -> None:
    data = tar(
        header(b"out", kind=b"2", target=b"/etc"),
        header(b"up", kind=b"2", target=b"../.."),
        header(b"hard", kind=b"1", target=b"out"),
    )
    unpack(written(tmp_path / "a.tar", data), tmp_path / "out")
    assert tree(tmp_path / "out") == {
        b"out": ("symlink", b"/etc"),
        b"up": ("symlink", b"../.."),
        b"hard": ("symlink", b"/etc"),
    }


def test_a_file_in_place_of_a_link_does_not_write_through_it(tmp_path: Path) -> None:
    victim = written(tmp_path / "victim", b"mine")
    data = tar(header(b"l", kind=b"2", target=os.fsencode(victim)), member(b"l", b"theirs"))
    unpack(written(tmp_path / "a.tar", data), tmp_path / "out")
    assert victim.read_bytes() == b"mine"
    assert tree(tmp_path / "out") == {b"l": ("file", b"theirs")}


def test_a_directory_in_place_of_a_link_is_a_directory(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    target = os.fsencode(tmp_path / "victim")
    data = tar(header(b"l", kind=b"2", target=target), header(b"l", kind=b"5"), member(b"l/x", b"x"))
    unpack(written(tmp_path / "a.tar", data), tmp_path / "out")
    assert list((tmp_path / "victim").iterdir()) == []
    assert names(tmp_path / "out") == {"l", "l/x"}


def test_writing_over_a_hard_link_leaves_its_other_name_alone(tmp_path: Path) -> None:
    data = tar(member(b"a", b"a"), header(b"b", kind=b"1", target=b"a"), member(b"b", b"changed"))
    unpack(written(tmp_path / "a.tar", data), tmp_path / "out")
    assert tree(tmp_path / "out") == {b"a": ("file", b"a"), b"b": ("file", b"changed")}


def test_setuid_bits_can_be_dropped_on_request(tmp_path: Path) -> None:
    archive = written(tmp_path / "a.tar", tar(member(b"s", b"x", mode=0o6755)))
    unpack(archive, tmp_path / "out", special_bits="drop")
    assert stat.S_IMODE((tmp_path / "out" / "s").stat().st_mode) == 0o755


def test_bombs_end_at_their_limits(tmp_path: Path) -> None:
    zeros = tar(member(b"f", bytes(4 << 20)))
    for name, data in {
        "gzip": gzip.compress(zeros),
        "xz": lzma.compress(zeros),
        "zstd": zstandard.ZstdCompressor().compress(zeros),
        "plain": zeros,
    }.items():
        (tmp_path / name).mkdir()
        error = refused(ArchiveTooLarge, data, tmp_path / name)
        assert "1,048,576 bytes" in error.message


def test_density_is_limited_once_it_comes_to_something(tmp_path: Path) -> None:
    dense = gzip.compress(bytes(1 << 20))
    unpack(written(tmp_path / "f", dense), tmp_path / "fine")
    error = refused(ArchiveTooLarge, dense, tmp_path, limits=Limits(ratio=10, ratio_floor_bytes=1000))
    assert "10 times" in error.message


@pytest.mark.parametrize(
    "entry",
    [
        header(b"f", size=8 << 30),
        pax({b"GNU.sparse.size": b"99999999999", b"GNU.sparse.map": b"0,1"}) + member(b"f", b"1"),
        pax({b"size": b"99999999999"}) + header(b"f"),
    ],
    ids=["a size", "holes", "a pax size"],
)
def test_a_size_alone_is_refused_before_anything_is_written(entry: bytes, tmp_path: Path) -> None:
    refused(ArchiveTooLarge, tar(entry), tmp_path)
    assert names(tmp_path / "out") == set()


def test_a_file_with_many_names_counts_as_often(tmp_path: Path) -> None:
    links = [header(b"h%d" % index, kind=b"1", target=b"f") for index in range(50)]
    refused(ArchiveTooLarge, tar(member(b"f", bytes(100_000)), *links), tmp_path)


def test_entries_are_limited_and_implied_ones_count(tmp_path: Path) -> None:
    for name, data in {
        "many": tar(*(member(b"%d" % index) for index in range(20))),
        "deep": tar(pax({b"path": b"a/" * 20}) + header(b"x", kind=b"5")),
    }.items():
        (tmp_path / name).mkdir()
        refused(ArchiveTooLarge, data, tmp_path / name, limits=Limits(entries=10))


@pytest.mark.parametrize("name", [b"n" * 256, b"/".join([b"d" * 200] * 30)], ids=["a part", "a path"])
def test_names_that_no_file_system_takes_are_too_large(name: bytes, tmp_path: Path) -> None:
    refused(ArchiveTooLarge, tar(pax({b"path": name}), member(b"x", b"x")), tmp_path)


def test_headers_without_end_are_too_large(tmp_path: Path) -> None:
    refused(ArchiveTooLarge, tar(header(b"x", kind=b"x", size=1 << 30)), tmp_path)
    (tmp_path / "2").mkdir()
    block = bytearray(header(b"f", kind=b"S"))
    block[482] = 1
    more = struct.pack("12s12s", b"00000000001\x00", b"00000000001\x00") * 21
    endless = (more + b"\x01").ljust(512, b"\x00") * 3000
    refused(ArchiveTooLarge, tar(sealed(block) + endless), tmp_path / "2", limits=Limits())


def test_an_archive_of_several_volumes_is_unknown(tmp_path: Path) -> None:
    refused(UnknownArchive, tar(member(b"f", b"x", kind=b"M")), tmp_path)


@pytest.mark.parametrize("cut", range(0, 4 * 512, 113))
def test_a_tar_cut_anywhere_is_refused(cut: int, tmp_path: Path) -> None:
    whole = tar(pax({b"path": b"name"}), member(b"f", os.urandom(600)), ends=False)
    with pytest.raises((TruncatedArchive, UnknownArchive)):
        unpack(written(tmp_path / "a.tar", whole[:cut]), tmp_path / "out")


@pytest.mark.parametrize(
    ("data", "kind"), [(b"<html>", "html"), (b"hello\n", "text"), (b"\x7fELF\x02", "ELF"), (b"Rar!\x1a", "rar")]
)
def test_what_is_no_archive_is_said_with_what_it_is(data: bytes, kind: str, tmp_path: Path) -> None:
    error = refused(UnknownArchive, data, tmp_path)
    assert kind in error.message
    assert error.hint is not None


def test_an_empty_file_is_a_truncated_archive(tmp_path: Path) -> None:
    refused(TruncatedArchive, b"", tmp_path)
