"""Zips and Debian packages are held to the same rules as tar archives."""

from __future__ import annotations

import gzip
import os
import stat
import zipfile
from typing import TYPE_CHECKING

import pytest

from hermetica.fetch import (
    ArchiveError,
    ArchiveTooLarge,
    DamagedArchive,
    TruncatedArchive,
    UnknownArchive,
    UnsafeArchive,
    unpack,
)
from tests.fetch.archives import (
    deb_of,
    member,
    refused,
    tar,
    written,
    zip_of,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "entries",
    [
        [("../x", b"x", 0o100644)],
        [("/x", b"x", 0o100644)],
        [("l", b"/tmp", stat.S_IFLNK | 0o777), ("l/x", b"x", 0o100644)],
        [("s", b"x", stat.S_IFREG | 0o4755)],
        [("p", b"", stat.S_IFIFO | 0o644)],
        [("c", b"", stat.S_IFCHR | 0o644)],
    ],
    ids=["up", "absolute", "through a link", "setuid", "a fifo", "a device"],
)
def test_a_zip_is_held_to_the_same_rules(entries: list[tuple[str, bytes, int]], tmp_path: Path) -> None:
    refused(UnsafeArchive, zip_of(*entries), tmp_path, name="a.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "out"]


def test_a_zip_that_is_cut_damaged_dense_or_secret_is_refused(tmp_path: Path) -> None:
    whole = zip_of(("f", os.urandom(1000), 0o100644), ("g", bytes(4 << 20), 0o100644))
    flipped = bytearray(whole)
    flipped[500] ^= 1
    secret = bytearray(zip_of(("f", b"x", 0o100644)))
    secret[6] |= 1
    secret[secret.index(b"PK\x01\x02") + 8] |= 1
    long_link = zip_of(("l", b"x" * 5000, stat.S_IFLNK | 0o777))
    for number, (kind, data) in enumerate(
        [
            (TruncatedArchive, whole[:-30]),
            (DamagedArchive, bytes(flipped)),
            (ArchiveTooLarge, whole),
            (UnknownArchive, bytes(secret)),
            (DamagedArchive, long_link),
        ]
    ):
        where = tmp_path / str(number)
        where.mkdir()
        refused(kind, data, where, name="a.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_of_any_method_unpacks_and_its_damage_is_found(method: int, tmp_path: Path) -> None:
    content = bytes(range(256)) * 2000
    whole = zip_of(("f", content, 0o100644), method=method)
    unpack(written(tmp_path / "a.zip", whole), tmp_path / "fine")
    assert (tmp_path / "fine" / "f").read_bytes() == content
    damaged = bytearray(whole)
    damaged[90:120] = bytes(30)
    refused(DamagedArchive, bytes(damaged), tmp_path, name="a.zip")


def test_a_zip_that_lies_about_sizes_is_damaged(tmp_path: Path) -> None:
    data = bytearray(zip_of(("f", b"x" * 1000, 0o100644)))
    entry = data.index(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (10).to_bytes(4, "little")
    refused(DamagedArchive, bytes(data), tmp_path, name="a.zip")


def test_a_debian_package_is_held_to_the_same_rules(tmp_path: Path) -> None:
    version = (b"debian-binary", b"2.0\n")
    cases: list[tuple[type[ArchiveError], bytes]] = [
        (UnsafeArchive, deb_of(version, (b"data.tar.gz", gzip.compress(tar(member(b"../x", b"x")))))),
        (UnknownArchive, deb_of(version, (b"control.tar.gz", b""))),
        (UnknownArchive, deb_of(version, (b"data.tar.gz", gzip.compress(b"no tar")))),
        (UnknownArchive, deb_of(version, (b"data.tar", zip_of(("f", b"f", 0o100644))))),
        (TruncatedArchive, deb_of(version, (b"data.tar.gz", gzip.compress(tar(member(b"f", b"f")))))[:-9]),
        (DamagedArchive, deb_of(version).replace(b"`\n", b"xx")),
        (UnsafeArchive, deb_of((b"../x", b"x"))),
        (DamagedArchive, deb_of((b"/99", b"x"))),
    ]
    for number, (kind, data) in enumerate(cases):
        where = tmp_path / str(number)
        where.mkdir()
        refused(kind, data, where, name="p.deb")
