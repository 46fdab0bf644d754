"""Hostile samples in every format that is fetched: what a plain tar may not do, none of them may.

Tar in each compression, as npm, Cargo and sdists have it, and within Debian packages; zip as wheels and Go modules
have it; ar.
"""

from __future__ import annotations

import io
import os
import stat
import zipfile
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.fetch import ArchiveError, ArchiveTooLarge, DamagedArchive, Limits, UnknownArchive, UnsafeArchive, unpack
from hermetica.fetch.locking.go import zip_h1
from tests.fetch.archives import COMPRESSORS, SMALL, deb_of, header, member, pax, tar, tree, written, zip_of
from tests.fetch.test_unpack_hostile import DAMAGED, UNSAFE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE = 0o100644
LINK = stat.S_IFLNK | 0o777


def deb(inner: str, compress: Callable[[bytes], bytes] = bytes) -> Callable[[bytes], bytes]:
    return lambda data: deb_of((b"debian-binary", b"2.0\n"), (b"control.tar", b""), (inner.encode(), compress(data)))


TARS: dict[str, Callable[[bytes], bytes]] = {
    "a.tar": bytes,
    "a.tar.gz": COMPRESSORS["gzip"],
    "a.tgz": COMPRESSORS["gzip"],  # as npm has it
    "a-1.0.0.crate": COMPRESSORS["gzip"],
    "a.tar.xz": COMPRESSORS["xz"],
    "a.tar.lzma": COMPRESSORS["lzma"],
    "a.tar.bz2": COMPRESSORS["bzip2"],
    "a.tar.zst": COMPRESSORS["zstd"],
    "plain.deb": deb("data.tar"),
    "gz.deb": deb("data.tar.gz", COMPRESSORS["gzip"]),
    "xz.deb": deb("data.tar.xz", COMPRESSORS["xz"]),
    "zst.deb": deb("data.tar.zst", COMPRESSORS["zstd"]),
}
ZIPS = ("a.zip", "a-1.0-py3-none-any.whl", "v1.0.0.zip")
MORE_UNSAFE = {
    "up by a sparse name": pax({b"GNU.sparse.name": b"../x"}) + member(b"x", b"x"),
    "a hard link out by a long target": member(b"K", b"../../etc/passwd\x00", kind=b"K") + header(b"h", kind=b"1"),
    "a global name": pax({b"path": b"/x"}, kind=b"g") + member(b"x", b"x"),
    "an old tar's name": member(b"../x", b"x", magic=b"\x00" * 8),
    "a GNU tar's name": member(b"../x", b"x", magic=b"ustar  \x00"),
}
every_tar = pytest.mark.parametrize("name", list(TARS))
every_zip = pytest.mark.parametrize("name", ZIPS)


def outcome(where: Path, name: str, data: bytes, limits: Limits = SMALL) -> ArchiveError | None:
    """What becomes of an archive, in a directory of its own with something to lose beside it."""
    where.mkdir()
    (where / "x").write_bytes(b"mine")
    try:
        unpack(written(where / name, data), where / "deep", limits=limits)
    except ArchiveError as error:
        found: ArchiveError | None = error
    else:
        found = None
    assert {path.name for path in where.iterdir()} <= {"x", name, "deep"}
    assert (where / "x").read_bytes() == b"mine"
    for path in (where / "deep").rglob("*"):
        mode = path.lstat().st_mode
        assert stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
        assert not mode & 0o7000
    return found


@every_tar
def test_no_tar_leaves_its_destination_or_makes_what_it_may_not(name: str, tmp_path: Path) -> None:
    for number, entry in enumerate((*UNSAFE.values(), *MORE_UNSAFE.values())):
        error = outcome(tmp_path / str(number), name, TARS[name](tar(member(b"first", b"f"), entry)))
        assert type(error) is UnsafeArchive, list({**UNSAFE, **MORE_UNSAFE})[number]
        assert name in error.message


@every_tar
def test_no_tar_that_contradicts_itself_is_taken(name: str, tmp_path: Path) -> None:
    for number, entry in enumerate(DAMAGED.values()):
        error = outcome(tmp_path / str(number), name, TARS[name](tar(member(b"first", b"f"), entry)))
        assert type(error) is DamagedArchive, list(DAMAGED)[number]


@every_tar
def test_of_a_name_that_comes_twice_the_later_member_counts(name: str, tmp_path: Path) -> None:
    assert outcome(tmp_path / "a", name, TARS[name](tar(member(b"f", b"one"), member(b"./f", b"two")))) is None
    assert tree(tmp_path / "a" / "deep") == {b"f": ("file", b"two")}


@every_tar
def test_bombs_of_bytes_holes_and_entries_end(name: str, tmp_path: Path) -> None:
    hole = pax({b"GNU.sparse.size": b"99999999999", b"GNU.sparse.map": b"0,1"}) + member(b"f", b"1")
    entries = tar(*(member(b"%d" % index) for index in range(SMALL.entries + 1)))
    for number, data in enumerate((tar(member(b"f", bytes(4 << 20))), tar(hole), entries)):
        assert type(outcome(tmp_path / str(number), name, TARS[name](data))) is ArchiveTooLarge


def test_no_compressed_tar_may_be_denser_than_its_ratio(tmp_path: Path) -> None:
    zeros = tar(member(b"f", bytes(1 << 20)))
    dense = Limits(ratio=10, ratio_floor_bytes=1000)
    for name in set(TARS) - {"a.tar", "plain.deb"}:
        assert type(outcome(tmp_path / name, name, TARS[name](zeros), dense)) is ArchiveTooLarge


@every_tar
def test_a_tar_cut_at_any_boundary_is_refused(name: str, tmp_path: Path) -> None:
    content = tar(pax({b"path": b"name"}), member(b"f", bytes(range(200)) * 4), header(b"d", kind=b"5"))
    whole = TARS[name](content)
    end = len(whole) - 2 * 512 if name in {"a.tar", "plain.deb"} else len(whole)  # its end may be marked once or twice
    end -= name.endswith(".deb") and whole.endswith(b"\n")  # which only makes a member's size even
    boundaries = {*range(1, min(end, 20)), *range(max(1, end - 20), end), *range(0, end, 512), *range(60, end, 130)}
    assert outcome(tmp_path / "whole", name, whole) is None
    for cut in sorted(boundaries):
        error = outcome(tmp_path / str(cut), name, whole[:cut])
        assert error is not None, f"cut at {cut} of {len(whole)}"


@every_tar
def test_what_follows_the_end_is_refused_or_left_out(name: str, tmp_path: Path) -> None:
    honest = TARS[name](tar(member(b"f", b"f")))
    for number, garbage in enumerate((b"garbage", os.urandom(700), tar(member(b"g", b"g")), b"PK\x03\x04")):
        if outcome(tmp_path / str(number), name, honest + garbage) is None:
            assert tree(tmp_path / str(number) / "deep") == {b"f": ("file", b"f")}


def test_names_that_are_no_text_are_refused_by_the_store_and_not_mangled(tmp_path: Path) -> None:
    data = tar(member(b"caf\xe9", b"latin"))
    unpack(written(tmp_path / "a.tar", data), tmp_path / "out")
    assert os.listdir(os.fsencode(tmp_path / "out")) == [b"caf\xe9"]  # noqa: PTH208 -- as bytes
    with hm.evaluation(), hm.Store.open(tmp_path / "store") as store, pytest.raises(hm.HermeticaError) as caught:
        store.realize(hm.unpack(hm.source(tmp_path / "a.tar")))
    assert "UTF-8" in str(caught.value)
    assert "caf" in str(caught.value)


# Zip


def zip_unsafe() -> dict[str, bytes]:
    nul = zip_of(("a_b", b"x", FILE)).replace(b"a_b", b"a\x00b")
    return {
        "up": zip_of(("../x", b"x", FILE)),
        "up within": zip_of(("a/../../x", b"x", FILE)),
        "absolute": zip_of(("/x", b"x", FILE)),
        "through a link": zip_of(("l", b"..", LINK), ("l/x", b"x", FILE)),
        "a directory through a link": zip_of(("l", b"/tmp", LINK), ("l/d/", b"", 0o040755)),
        "a link through a link": zip_of(("l", b"/tmp", LINK), ("l/x", b"y", LINK)),
        "setuid": zip_of(("s", b"x", 0o104755)),
        "setgid": zip_of(("s", b"x", 0o102755)),
        "a character device": zip_of(("c", b"", stat.S_IFCHR | 0o644)),
        "a block device": zip_of(("b", b"", stat.S_IFBLK | 0o644)),
        "a fifo": zip_of(("p", b"", stat.S_IFIFO | 0o644)),
        "a socket": zip_of(("p", b"", stat.S_IFSOCK | 0o644)),
        "a NUL": nul,
    }


@every_zip
def test_no_zip_leaves_its_destination_or_makes_what_it_may_not(name: str, tmp_path: Path) -> None:
    for number, (case, data) in enumerate(zip_unsafe().items()):
        error = outcome(tmp_path / str(number), name, data)
        assert type(error) is UnsafeArchive, case


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
@every_zip
def test_of_a_name_that_comes_twice_in_a_zip_the_later_member_counts(name: str, tmp_path: Path) -> None:
    assert outcome(tmp_path / "a", name, zip_of(("f", b"one", FILE), ("f", b"two", FILE))) is None
    assert tree(tmp_path / "a" / "deep") == {b"f": ("file", b"two")}


@every_zip
def test_a_zip_cut_anywhere_is_refused(name: str, tmp_path: Path) -> None:
    whole = zip_of(("f", b"hello" * 50, FILE), ("d/", b"", 0o040755), ("d/g", b"g", FILE))
    for cut in range(len(whole)):
        assert outcome(tmp_path / str(cut), name, whole[:cut]) is not None, f"cut at {cut} of {len(whole)}"


def large_zip(data: bytes = b"x" * 1000) -> bytes:
    """A zip whose sizes are in the fields of zip64."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, archive.open(zipfile.ZipInfo("f"), "w", force_zip64=True) as file:
        file.write(data)
    whole = bytearray(buffer.getvalue())
    entry = whole.index(b"PK\x01\x02")
    extra = (1).to_bytes(2, "little") + (16).to_bytes(2, "little") + len(data).to_bytes(8, "little") * 2
    whole[entry + 20 : entry + 28] = b"\xff" * 8
    whole[entry + 30 : entry + 32] = len(extra).to_bytes(2, "little")
    name_end = entry + 46 + 1
    whole[name_end:name_end] = extra
    end = whole.index(b"PK\x05\x06")
    size = int.from_bytes(whole[end + 12 : end + 16], "little") + len(extra)
    whole[end + 12 : end + 16] = size.to_bytes(4, "little")
    return bytes(whole)


def test_sizes_of_zip64_are_read_and_those_beyond_everything_are_refused(tmp_path: Path) -> None:
    honest = large_zip()
    assert outcome(tmp_path / "honest", "a.zip", honest) is None
    assert tree(tmp_path / "honest" / "deep") == {b"f": ("file", b"x" * 1000)}
    real = (1000).to_bytes(8, "little")
    for number, size in enumerate((2**63 - 1, 2**64 - 1, 1001, 999, 0)):
        said = honest.replace(real * 2, size.to_bytes(8, "little") + real)
        error = outcome(tmp_path / str(number), "a.zip", said)
        assert isinstance(error, ArchiveError), size
        both = honest.replace(real * 2, size.to_bytes(8, "little") * 2)
        assert isinstance(outcome(tmp_path / f"both-{number}", "a.zip", both), ArchiveError), size


def test_members_of_a_zip_that_share_their_bytes_are_damaged(tmp_path: Path) -> None:
    """Of a zip with two members the second is said to be where the first is, or within it."""
    whole = zip_of(("f", b"a" * 300, FILE), ("g", b"b" * 300, FILE), method=zipfile.ZIP_STORED)
    second = whole.index(b"PK\x01\x02", whole.index(b"PK\x01\x02") + 1)
    same = bytearray(whole)
    same[second + 42 : second + 46] = bytes(4)
    same[second + 46 : second + 47] = b"f"
    assert type(outcome(tmp_path / "same", "a.zip", bytes(same))) is DamagedArchive
    inner = zip_of(("g", b"b" * 100, FILE), method=zipfile.ZIP_STORED)
    nested = bytearray(zip_of(("f", inner, FILE), ("g", b"b" * 100, FILE), method=zipfile.ZIP_STORED))
    second = nested.rindex(b"PK\x01\x02")
    nested[second + 42 : second + 46] = nested.index(b"PK\x03\x04", 10).to_bytes(4, "little")
    error = outcome(tmp_path / "within", "a.zip", bytes(nested))
    assert type(error) is DamagedArchive
    assert "shares its bytes" in error.message


def test_a_zip_bomb_ends_and_so_does_one_of_entries(tmp_path: Path) -> None:
    for number, method in enumerate((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)):
        bomb = zip_of(("f", bytes(4 << 20), FILE), method=method)
        assert type(outcome(tmp_path / str(number), "a.zip", bomb)) is ArchiveTooLarge
    entries = zip_of(*((str(index), b"", FILE) for index in range(SMALL.entries + 1)))
    assert type(outcome(tmp_path / "entries", "a.zip", entries)) is ArchiveTooLarge


def test_a_zip_that_asks_for_a_password_or_a_rare_method_is_unknown(tmp_path: Path) -> None:
    honest = zip_of(("f", b"x" * 50, FILE))
    entry = honest.index(b"PK\x01\x02")
    secret, rare = bytearray(honest), bytearray(honest)
    secret[6] |= 1
    secret[entry + 8] |= 1
    rare[8:10] = rare[entry + 10 : entry + 12] = (97).to_bytes(2, "little")
    for number, data in enumerate((secret, rare)):
        assert type(outcome(tmp_path / str(number), "a.zip", bytes(data))) is UnknownArchive


def test_a_name_that_two_headers_give_differently_is_damaged(tmp_path: Path) -> None:
    data = bytearray(zip_of(("good", b"x", FILE)))
    data[30:34] = b"evil"
    assert type(outcome(tmp_path / "a", "a.zip", bytes(data))) is DamagedArchive


def test_what_is_before_or_behind_a_zip_is_refused_or_left_out(tmp_path: Path) -> None:
    honest = zip_of(("f", b"f", FILE))
    for number, data in enumerate((honest + b"garbage", honest + honest, honest + bytes(70_000))):
        if outcome(tmp_path / str(number), "a.zip", data) is None:
            assert tree(tmp_path / str(number) / "deep") == {b"f": ("file", b"f")}


def test_go_s_hash_of_a_hostile_zip_is_refused_or_a_hash_and_nothing_is_written(tmp_path: Path) -> None:
    for number, data in enumerate(zip_unsafe().values()):
        file = written(tmp_path / f"{number}.zip", data)
        try:
            assert zip_h1(file).startswith("h1:")
        except ValueError:
            continue
    assert {path.suffix for path in tmp_path.iterdir()} == {".zip"}


# ar


def test_an_ar_is_held_to_the_same_rules(tmp_path: Path) -> None:
    version = (b"debian-binary", b"2.0\n")
    twice = (b"data.tar", tar(member(b"f", b"f")))
    cases: dict[str, tuple[type[ArchiveError], bytes]] = {
        "up": (UnsafeArchive, deb_of((b"../x", b"x"))),
        "absolute": (UnsafeArchive, deb_of((b"#1/4", b"/etcx"))),
        "a long name up": (UnsafeArchive, deb_of((b"//", b"../../x/\n"), (b"/0", b"x"))),
        "no such long name": (DamagedArchive, deb_of((b"//", b"a/\n"), (b"/99", b"x"))),
        "a name longer than its member": (DamagedArchive, deb_of((b"#1/99", b"x"))),
        "no data": (UnknownArchive, deb_of(version, (b"control.tar", b""))),
        "two data": (UnknownArchive, deb_of(version, twice, (b"data.tar.gz", b""))),
        "data that are no tar": (UnknownArchive, deb_of(version, (b"data.tar", b"no tar"))),
        "a negative size": (DamagedArchive, deb_of((b"f", b"x")).replace(b"1         `", b"-1        `")),
    }
    for number, (case, (kind, data)) in enumerate(cases.items()):
        assert type(outcome(tmp_path / str(number), "p.deb", data)) is kind, case
    assert outcome(tmp_path / "twice", "a.a", deb_of((b"f/", b"one"), (b"f/", b"two"))) is None
    assert tree(tmp_path / "twice" / "deep") == {b"f": ("file", b"two")}


def test_an_ar_of_more_entries_or_bytes_than_it_may_have_ends(tmp_path: Path) -> None:
    many = deb_of(*((b"%d/" % index, b"") for index in range(SMALL.entries + 1)))
    large = deb_of((b"f/", bytes(2 << 20)))
    for number, data in enumerate((many, large)):
        assert type(outcome(tmp_path / str(number), "a.a", data)) is ArchiveTooLarge
