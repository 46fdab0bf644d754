"""Differences are found where they are: in members of archives, in sections, lines and bytes; whatever the input is."""

from __future__ import annotations

import gzip
import io
import lzma
import shutil
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from hermetica.study.comparing import Alike, Print, alike
from hermetica.study.differ import FOUND_MAX, loci
from hermetica.study.forms import form_of
from hermetica.study.observe import located
from hermetica.study.stabilise import stabilised_digest

if TYPE_CHECKING:
    from pathlib import Path


Make = Callable[[Sequence[tuple[str, bytes]]], bytes]


def packed(members: Sequence[tuple[str, bytes]]) -> bytes:
    return lzma.compress(tar(members))


def squeezed(members: Sequence[tuple[str, bytes]]) -> bytes:
    return zstandard.compress(tar(members))


def tar(members: Sequence[tuple[str, bytes]], mtime: int = 1, uid: int = 0) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.uid = len(data), mtime, uid
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def zipped(members: Sequence[tuple[str, bytes]], year: int = 1980, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), data, compress_type=method)
    return made.getvalue()


def ar(members: Sequence[tuple[str, bytes]], mtime: int = 0) -> bytes:
    made = b"!<arch>\n"
    for name, data in members:
        head = f"{name + '/':<16}{mtime:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n"
        made += head.encode() + data + b"\n" * (len(data) % 2)
    return made


def elf(sections: Sequence[tuple[str, bytes]]) -> bytes:
    """A 64-bit file of these sections and of one with their names."""
    names, bodies, rows = b"\0", b"", [(0, 0, 0, 0)]
    for name, data in [*sections, (".shstrtab", b"")]:
        begin = len(names)
        names += name.encode() + b"\0"
        rows.append((begin, 1, 64 + len(bodies), len(data)))
        bodies += data
    rows[-1] = (rows[-1][0], 3, 64 + len(bodies), len(names))
    bodies += names
    table = 64 + len(bodies)
    head = struct.pack("<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, table, 0, 64, 0, 0, 64, len(rows), len(rows) - 1)
    last = b"".join(struct.pack("<IIQQQQIIQQ", name, kind, 0, 0, at, size, 0, 0, 1, 0) for name, kind, at, size in rows)
    return b"\x7fELF\2\1\1" + bytes(9) + head + bodies + last


HEADS: Final = (
    *(
        b"",
        b"!<arch>\n",
        b"PK\x03\x04",
        b"\x1f\x8b\x08",
        b"\x7fELF\2\1",
        b"BZh9",
        b"\xfd7zXZ\0",
        b"\x28\xb5\x2f\xfd",
        b"\xcb\r\r\n",
    ),
)


def pyc(mtime: int) -> bytes:
    return b"\xcb\r\r\n\0\0\0\0" + struct.pack("<II", mtime, 5) + b"code"


FILES = [("d/a", b"one\n"), ("d/b", b"two\n"), ("d/c", b"three\n")]
OTHER = [("d/a", b"one\n"), ("d/b", b"other\n"), ("d/c", b"three\n")]


@pytest.mark.parametrize(
    ("make", "kind"), [(tar, "tar"), (zipped, "zip"), (ar, "ar"), (elf, "elf")], ids=["tar", "zip", "ar", "elf"]
)
def test_the_part_that_differs_is_named_with_what_it_holds(make: Make, kind: str) -> None:
    (found,) = [each for each in loci(make(FILES), make(OTHER)) if each.what == "line"]
    assert found.inside == ((kind, "d/b"),)
    assert (found.place, found.first, found.second) == (1, "two", "other")
    assert str(found) == f"{kind} d/b: line 1: two, then other"


@pytest.mark.parametrize(("pack", "kind"), [(packed, "xz"), (squeezed, "zstd")], ids=["xz", "zstd"])
def test_what_compression_hides_is_looked_into(pack: Make, kind: str) -> None:
    (found,) = loci(pack(FILES), pack(OTHER))
    assert found.inside == ((kind, "content"), ("tar", "d/b"))
    assert form_of(pack(FILES)[:-9]).kind == "bytes"


def test_archives_in_compressed_archives_are_looked_into() -> None:
    first, second = (gzip.compress(tar([("in.zip", zipped(members))]), mtime=0) for members in (FILES, OTHER))
    (found,) = loci(first, second)
    assert found.inside == (("gzip", "content"), ("tar", "in.zip"), ("zip", "d/b"))


@pytest.mark.parametrize(
    ("first", "second", "fact"),
    [
        (tar(FILES), tar(FILES, mtime=2), "mtime"),
        (tar(FILES), tar(FILES, uid=5), "uid"),
        (zipped(FILES), zipped(FILES, year=1999), "mtime"),
        (ar(FILES), ar(FILES, mtime=3), "mtime"),
        (gzip.compress(b"x", mtime=1), gzip.compress(b"x", mtime=2), "mtime"),
        (tar(FILES), tar(FILES[::-1]), "order"),
        (zipped(FILES), zipped(FILES[::-1]), "order"),
        (pyc(1), pyc(2), "mtime"),
    ],
)
def test_what_only_an_archive_says_is_told_and_is_alike_once_stabilised(first: bytes, second: bytes, fact: str) -> None:
    assert {each.what for each in loci(first, second)} == {fact}
    assert stabilised_digest(first) == stabilised_digest(second)


@pytest.mark.parametrize("make", [tar, zipped, ar, elf, packed, squeezed])
def test_what_members_hold_is_no_matter_of_stabilising(make: Make) -> None:
    assert stabilised_digest(make(FILES)) != stabilised_digest(make(OTHER))


def test_compression_is_a_matter_of_stabilising() -> None:
    stored = zipped(FILES, method=zipfile.ZIP_STORED)
    assert stabilised_digest(stored) == stabilised_digest(zipped(FILES))
    assert {each.what for each in loci(stored, zipped(FILES))} == {"method"}


def test_a_member_that_one_lacks_is_told() -> None:
    assert {(each.what, each.inside[-1][1]) for each in loci(tar(FILES), tar(FILES[:2]))} == {("missing", "d/c")}
    assert {(each.what, each.inside[-1][1]) for each in loci(tar(FILES[:2]), tar(FILES))} == {("added", "d/c")}


def test_lines_in_another_order_are_told_as_that() -> None:
    (found,) = loci(b"a\nb\nc\n", b"a\nc\nb\n")
    assert (found.what, found.place, found.first, found.second) == ("order", 2, "b", "c")


def test_one_line_far_down_is_no_matter_of_order() -> None:
    lines = [f"{number}\n" for number in range(30_000)]
    (found,) = loci("".join(lines).encode(), "".join([*lines[:25_000], "other\n", *lines[25_001:]]).encode())
    assert (found.what, found.place, found.first, found.second) == ("line", 25_001, "25000", "other")


def test_members_of_one_name_are_told_by_their_number() -> None:
    (found,) = loci(ar([("m.o", b"x")] * 900), ar([*[("m.o", b"x")] * 899, ("m.o", b"y")]))
    assert found.inside == (("ar", "m.o (900)"),)
    odd = [("m.o", b"1"), ("m.o (2)", b"2"), ("m.o", b"3")]
    (found,) = loci(ar(odd), ar([*odd[:2], ("m.o", b"4")]))
    assert (found.inside, found.first, found.second) == ((("ar", "m.o (2)"),), "3", "4")


def test_a_sparse_file_that_is_larger_than_any_memory_is_not_unpacked() -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("holes")
        holes = {"major": "0", "minor": "1", "name": "holes", "map": "0,0", "size": str(1 << 62)}
        member.pax_headers = {f"GNU.sparse.{key}": value for key, value in holes.items()}
        archive.addfile(member)
    assert form_of(made.getvalue()).kind == "bytes"


def test_bytes_are_told_by_their_place() -> None:
    (found,) = loci(b"\0same\1\2", b"\0same\3\2")
    assert (found.what, found.place) == ("bytes", 5)


def test_a_long_line_is_shown_where_it_begins_to_differ() -> None:
    (found,) = loci(b"x" * 5000 + b"here\n", b"x" * 5000 + b"there\n")
    assert len(found.first) < 200
    (near,) = loci(b"y" * 900 + b"here" + b"z" * 900, b"y" * 900 + b"there" + b"z" * 900)
    assert "here" in near.first
    assert "there" in near.second


def test_only_so_many_are_told() -> None:
    many = [(f"m{number:03}", b"x") for number in range(200)]
    assert len(loci(tar(many), tar(many, mtime=9))) == FOUND_MAX


@given(st.binary(max_size=400), st.binary(max_size=400), st.sampled_from(HEADS))
def test_any_two_files_have_a_difference_exactly_if_they_are_not_equal(one: bytes, other: bytes, head: bytes) -> None:
    first, second = head + one, head + other
    found = loci(first, second)
    assert bool(found) == (first != second)
    assert all(str(each) for each in found)
    assert form_of(first).kind
    assert len(stabilised_digest(first)) == 32


@given(st.integers(0, 600), st.binary(min_size=1, max_size=8))
def test_a_damaged_archive_is_compared_all_the_same(place: int, junk: bytes) -> None:
    for whole in (tar(FILES), zipped(FILES), ar(FILES), elf(FILES), gzip.compress(tar(FILES), mtime=0)):
        damaged = whole[: place % len(whole)] + junk + whole[place % len(whole) + len(junk) :]
        assert bool(loci(whole, damaged)) == (whole != damaged)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no C compiler here")
def test_what_a_compiler_wrote_is_told_by_section(tmp_path: Path) -> None:
    made: list[bytes] = []
    for text in ("one", "two"):
        (tmp_path / "a.c").write_text(f'const char *b = "{text}";\n')
        subprocess.run(["gcc", "-c", "a.c", "-o", "a.o"], cwd=tmp_path, check=True)
        made.append((tmp_path / "a.o").read_bytes())
    (found,) = loci(*made)
    assert found.inside[0][0] == "elf"
    assert found.inside[0][1].startswith(".rodata")


def test_trees_are_as_alike_as_their_least_alike_files() -> None:
    def of(*digests: str) -> Print:
        return Print(bitwise=digests[0], normalised=digests[1], stabilised=digests[2])

    base = {"out": of("1", "2", "3")}
    assert alike(base, {"out": of("1", "2", "3")}) is Alike.BITWISE
    assert alike(base, {"out": of("x", "2", "3")}) is Alike.NORMALISED
    assert alike(base, {"out": of("x", "x", "3")}) is Alike.STABILISED
    assert alike(base, {"out": of("x", "x", "x")}) is Alike.DIFFERENT
    assert alike(base, {}) is Alike.DIFFERENT


def test_an_entry_that_only_one_build_has_is_told_with_what_it_is(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    (first / "gone").write_bytes(b"x\n")
    (second / "empty").mkdir(parents=True)
    (second / "link").symlink_to("gone")
    found = located(["out/gone", "out/empty/", "out/link"], {"out": first}, {"out": second})
    assert {path: list(map(str, each)) for path, each in found.items()} == {
        "out/gone": ["missing: 2 bytes, then nothing"],
        "out/empty/": ["added: nothing, then a directory"],
        "out/link": ["added: nothing, then a link to gone"],
    }


def test_text_among_bytes_is_shown_as_text_and_numbers_are_not() -> None:
    (text,) = loci(b"\x7f\0\1/build/main.c\0argc > 0\2", b"\x7f\0\1/tmp/x/main.c\0argc > 0\2")
    assert (text.first, text.second) == (r"'build/main.c\x00argc > 0\x02'", r"'tmp/x/main.c\x00argc > 0\x02'")
    (number,) = loci(b"\0\1\2\xff\xfe", b"\0\1\3\xff\xfe")
    assert (number.first, number.second) == ("02fffe", "03fffe")
