"""Honest archives, unpacked as the real programs unpack them."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hermetica.fetch import ArchiveError, CannotWrite, TruncatedArchive, single_directory, unpack
from tests.fetch.archives import (
    COMPRESSORS,
    header,
    make_honest_tree,
    member,
    names,
    padded,
    pax,
    run,
    sealed,
    tar,
    tree,
    written,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_honest_tree(tmp_path_factory.mktemp("honest") / "package-1.0")


@pytest.mark.parametrize("form", ["gnu", "oldgnu", "pax", "posix"])
@pytest.mark.parametrize("sparse", ["", "0.0", "0.1", "1.0", "old"])
def test_tars_of_every_form_unpack_as_gnu_tar_does(form: str, sparse: str, honest: Path, tmp_path: Path) -> None:
    options = [f"--format={form}"]
    if sparse:
        options.append("--sparse")
    if sparse not in {"", "old"} and form in {"pax", "posix"}:
        options.append(f"--sparse-version={sparse}")
    archive = tmp_path / "a.tar"
    run("tar", "-C", honest.parent, *options, "-cf", archive, honest.name)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    run("tar", "-C", theirs, "-xf", archive)
    unpack(archive, tmp_path / "ours")
    assert tree(tmp_path / "ours") == tree(theirs)
    run("chmod", "-R", "u+w", theirs)


@pytest.mark.parametrize("form", ["ustar", "v7"])
def test_tars_of_the_old_forms_unpack_as_gnu_tar_does(form: str, tmp_path: Path) -> None:
    source = tmp_path / "source" / "x"
    (source / "d" / ("long" * 20)).mkdir(parents=True)
    (source / "d" / ("long" * 20) / "f").write_bytes(b"f" * 1000)
    (source / "run").write_bytes(b"r")
    (source / "run").chmod(0o755)
    (source / "l").symlink_to("run")
    archive = tmp_path / "a.tar"
    run("tar", "-C", source.parent, f"--format={form}", "-cf", archive, source.name)
    unpack(archive, tmp_path / "ours")
    assert tree(tmp_path / "ours") == tree(source.parent)


@pytest.mark.parametrize("kind", list(COMPRESSORS))
def test_every_compression_is_told_from_the_bytes(kind: str, honest: Path, tmp_path: Path) -> None:
    run("tar", "-C", honest.parent, "-cf", tmp_path / "a.tar", honest.name)
    packed = written(tmp_path / "no-ending", COMPRESSORS[kind]((tmp_path / "a.tar").read_bytes()))
    unpack(packed, tmp_path / "ours")
    unpack(tmp_path / "a.tar", tmp_path / "plain")
    assert tree(tmp_path / "ours") == tree(tmp_path / "plain")


def test_a_zip_unpacks_as_unzip_does(honest: Path, tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    run("zip", "-q", "-r", "-y", archive, honest.name, cwd=honest.parent)
    run("unzip", "-q", archive, "-d", tmp_path / "theirs")
    unpack(archive, tmp_path / "ours")
    assert tree(tmp_path / "ours") == tree(tmp_path / "theirs")
    run("chmod", "-R", "u+w", tmp_path / "theirs")


def test_a_debian_package_gives_what_dpkg_gives(honest: Path, tmp_path: Path) -> None:
    package = tmp_path / "package"
    shutil.copytree(honest, package / "usr", symlinks=True)
    (package / "DEBIAN").mkdir()
    (package / "DEBIAN" / "control").write_text(
        "Package: p\nVersion: 1\nArchitecture: all\nMaintainer: m <m@example.org>\nDescription: d\n"
    )
    for compression in ("none", "gzip", "xz", "zstd"):
        deb = tmp_path / f"{compression}.deb"
        run("dpkg-deb", f"-Z{compression}", "-b", package, deb)
        theirs, ours = tmp_path / f"{compression}-theirs", tmp_path / f"{compression}-ours"
        run("dpkg-deb", "-x", deb, theirs)
        unpack(deb, ours)
        assert tree(ours) == tree(theirs)
        run("chmod", "-R", "u+w", theirs)


def test_a_static_library_unpacks_as_ar_does(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    files = {"a.o": b"a", "odd": b"123", "a-name-of-more-than-sixteen-bytes.o": b"l" * 100}
    for name, data in files.items():
        (work / name).write_bytes(data)
    run("ar", "qc", tmp_path / "lib.a", *files, cwd=work)
    unpack(tmp_path / "lib.a", tmp_path / "ours")
    assert tree(tmp_path / "ours") == tree(work)


def test_an_ar_of_bsd_has_its_long_names_before_the_content(tmp_path: Path) -> None:
    name = b"a-name-of-more-than-sixteen-bytes.o\x00"
    entry = b"%-16s%-12d%-6d%-6d%-8o%-10d`\n" % (b"#1/%d" % len(name), 0, 0, 0, 0o644, len(name) + 4)
    unpack(written(tmp_path / "l.a", b"!<arch>\n" + entry + name + b"data"), tmp_path / "out")
    assert tree(tmp_path / "out") == {name.rstrip(b"\x00"): ("file", b"data")}


def test_a_plain_tar_must_say_where_it_ends_and_a_compressed_one_need_not(tmp_path: Path) -> None:
    data = tar(member(b"a", b"a"), ends=False)
    with pytest.raises(TruncatedArchive):
        unpack(written(tmp_path / "a.tar", data), tmp_path / "plain")
    unpack(written(tmp_path / "a.tgz", gzip.compress(data)), tmp_path / "packed")
    assert names(tmp_path / "packed") == {"a"}


def test_an_empty_tar_is_an_empty_directory(tmp_path: Path) -> None:
    unpack(written(tmp_path / "a.tar", tar()), tmp_path / "plain")
    unpack(written(tmp_path / "a.tar.gz", gzip.compress(tar())), tmp_path / "packed")
    assert names(tmp_path / "plain") == names(tmp_path / "packed") == set()


def test_an_empty_zip_is_an_empty_directory(tmp_path: Path) -> None:
    zipfile.ZipFile(tmp_path / "a.zip", "w").close()
    unpack(tmp_path / "a.zip", tmp_path / "out")
    assert names(tmp_path / "out") == set()


def test_modes_are_ordinary_whatever_the_archive_and_the_umask_say(tmp_path: Path) -> None:
    data = tar(
        header(b"d", kind=b"5", mode=0o2000),
        member(b"d/x", b"x", mode=0o100),
        member(b"d/f", b"f", mode=0o000),
        header(b"sticky", kind=b"5", mode=0o1777),
    )
    before = os.umask(0o077)
    try:
        unpack(written_with_umask(tmp_path / "a.tar", data), tmp_path / "out")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").rglob("*")}
    assert modes == {"d": 0o755, "x": 0o755, "f": 0o644, "sticky": 0o755}


def written_with_umask(path: Path, data: bytes) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(descriptor, data)
    os.fchmod(descriptor, 0o600)
    os.close(descriptor)
    return path


def test_the_later_of_two_members_counts(tmp_path: Path) -> None:
    data = tar(
        member(b"f", b"first"),
        header(b"hard", kind=b"1", target=b"f"),
        header(b"l", kind=b"2", target=b"f"),
        header(b"d", kind=b"5"),
        member(b"d/x", b"x"),
        member(b"./f", b"second"),
        member(b"l", b"no link now"),
        header(b"d/", kind=b"5"),
    )
    unpack(written(tmp_path / "a.tar", data), tmp_path / "out")
    assert tree(tmp_path / "out") == {
        b"f": ("file", b"second"),
        b"hard": ("file", b"first"),
        b"l": ("file", b"no link now"),
        b"d": ("directory", None),
        b"d/x": ("file", b"x"),
    }


def test_components_are_stripped_as_gnu_tar_strips_them(tmp_path: Path) -> None:
    data = tar(
        member(b"top", b"gone"),
        member(b"a/f", b"f"),
        header(b"a/b/", kind=b"5", mode=0o755),
        member(b"a/b/c/g", b"g"),
        header(b"a/b/hard", kind=b"1", target=b"a/b/c/g"),
        header(b"a/b/soft", kind=b"2", target=b"../f"),
    )
    archive = written(tmp_path / "a.tar", data)
    for count in (1, 2):
        theirs = tmp_path / f"theirs-{count}"
        theirs.mkdir()
        run("tar", "-C", theirs, f"--strip-components={count}", "-xf", archive)
        unpack(archive, tmp_path / f"ours-{count}", strip_components=count)
        assert names(theirs)
        assert tree(tmp_path / f"ours-{count}") == tree(theirs)


def test_a_single_directory_at_the_top_is_dropped_when_asked(tmp_path: Path) -> None:
    single = written(tmp_path / "a.tar", tar(member(b"p-1/f", b"f"), header(b"p-1/l", kind=b"1", target=b"p-1/f")))
    double = written(tmp_path / "b.tar", tar(member(b"p-1/f", b"f"), member(b"g", b"g")))
    file = written(tmp_path / "c.tar", tar(member(b"f", b"f")))
    same = written(tmp_path / "d.tar", tar(member(b"s/s/f", b"f")))
    packed = written(tmp_path / "e.gz", gzip.compress(b"no archive"))
    expected = {"a": {"f", "l"}, "b": {"p-1", "p-1/f", "g"}, "c": {"f"}, "d": {"s", "s/f"}}
    for archive in (single, double, file, same):
        unpack(archive, tmp_path / archive.stem, strip_components=None)
        assert names(tmp_path / archive.stem) == expected[archive.stem]
    unpack(packed, tmp_path / "e", strip_components=None)
    assert (tmp_path / "e").read_bytes() == b"no archive"
    assert single_directory(tmp_path / "d") == "s"
    assert single_directory(tmp_path / "e") is None
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_link_to_a_directory_at_the_top_is_not_dropped(tmp_path: Path) -> None:
    unpack(
        written(tmp_path / "a.tar", tar(header(b"l", kind=b"2", target=b"/usr"))), tmp_path / "o", strip_components=None
    )
    assert tree(tmp_path / "o") == {b"l": ("symlink", b"/usr")}


def test_a_destination_that_is_taken_is_refused_and_kept(tmp_path: Path) -> None:
    archive = written(tmp_path / "a.tar", tar(member(b"f", b"f")))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_bytes(b"m")
    (tmp_path / "file").write_bytes(b"m")
    for name in ("full", "file"):
        with pytest.raises(CannotWrite):
            unpack(archive, tmp_path / name)
    assert names(tmp_path / "full") == {"mine"}
    packed = written(tmp_path / "a.gz", gzip.compress(b"x"))
    with pytest.raises(CannotWrite):
        unpack(packed, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"m"


def test_an_archive_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="No such file"):
        unpack(tmp_path / "absent", tmp_path / "out")
    with pytest.raises(ArchiveError, match="directory"):
        unpack(tmp_path, tmp_path / "out")


def test_names_of_any_bytes_are_kept(tmp_path: Path) -> None:
    name = b"not utf-8 \xff\xfe \n \x01"
    unpack(written(tmp_path / "a.tar", tar(member(name, b"f"))), tmp_path / "out")
    assert tree(tmp_path / "out") == {name: ("file", b"f")}


def test_extended_headers_have_the_last_word(tmp_path: Path) -> None:
    data = tar(
        pax({b"comment": b"of all", b"path": b"everybody"}, kind=b"g"),
        member(b"short", b"1"),
        pax({b"path": "ünïcode".encode() * 12, b"size": b"3"}),
        header(b"other", size=0) + padded(b"abc"),
        member(b"././@LongLink", b"n" * 150 + b"\x00", kind=b"L"),
        member(b"././@LongLink", b"t" * 150 + b"\x00", kind=b"K"),
        pax({b"path": b"l" * 150}),
        header(b"n", kind=b"2", target=b"t"),
    )
    unpack(written(tmp_path / "a.tar", data), tmp_path / "out")
    assert tree(tmp_path / "out") == {
        b"everybody": ("file", b"1"),
        "ünïcode".encode() * 12: ("file", b"abc"),
        b"l" * 150: ("symlink", b"t" * 150),
    }


def test_large_numbers_are_read_in_base_256(tmp_path: Path) -> None:
    block = bytearray(header(b"f"))
    block[124:136] = bytes([0x80]) + (700).to_bytes(11, "big")
    unpack(written(tmp_path / "a.tar", tar(sealed(block) + padded(b"x" * 700))), tmp_path / "out")
    assert (tmp_path / "out" / "f").stat().st_size == 700


def test_a_checksum_of_signed_bytes_is_accepted(tmp_path: Path) -> None:
    block = bytearray(header("ü".encode()))
    block[148:156] = b" " * 8
    total = sum(byte - 256 if byte > 127 else byte for byte in block)
    block[148:156] = b"%06o\x00 " % total
    unpack(written(tmp_path / "a.tar", tar(bytes(block))), tmp_path / "out")
    assert names(tmp_path / "out") == {"ü"}


def test_holes_stay_holes(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with (source / "f").open("wb") as file:
        file.seek(64 << 20)
        file.write(b"end")
    run("tar", "-C", source, "--sparse", "-cf", tmp_path / "a.tar", "f")
    unpack(tmp_path / "a.tar", tmp_path / "out")
    status = (tmp_path / "out" / "f").stat()
    assert status.st_size == (64 << 20) + 3
    assert status.st_blocks * 512 < 1 << 20


CONTENTS = st.binary(max_size=2000)
NAMES = st.lists(
    st.text("abcü .-_", min_size=1, max_size=30).filter(lambda n: n not in {".", ".."}), min_size=1, max_size=4
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    entries=st.dictionaries(NAMES.map("/".join), st.tuples(CONTENTS, st.booleans()), max_size=8),
    form=st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    kind=st.sampled_from([None, *COMPRESSORS]),
)
def test_what_python_packs_unpacks_to_the_same(
    entries: dict[str, tuple[bytes, bool]], form: int, kind: str | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    where = tmp_path_factory.mktemp("case")
    chosen = {
        name: value for name, value in entries.items() if not any(other.startswith(f"{name}/") for other in entries)
    }
    with tarfile.open(where / "a.tar", "w", format=form) as archive:
        for name, (data, is_executable) in chosen.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755 if is_executable else 0o644
            archive.addfile(info, io.BytesIO(data))
    packed = where / "a.tar"
    if kind is not None:
        packed = written(where / "a.tar.packed", COMPRESSORS[kind](packed.read_bytes()))
    unpack(packed, where / "out")
    files = {name: value for name, value in tree(where / "out").items() if value[0] != "directory"}
    assert files == {
        name.encode(): ("executable" if is_executable else "file", data)
        for name, (data, is_executable) in chosen.items()
    }


def test_no_thread_outlives_the_unpacking(tmp_path: Path) -> None:
    bomb = written(tmp_path / "a.tar.gz", gzip.compress(tar(member(b"../x", os.urandom(20 << 20))), 1))
    script = (
        "import sys, threading; from pathlib import Path; from hermetica.fetch import unpack, UnsafeArchive\n"
        "try: unpack(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except UnsafeArchive: print(threading.active_count())\n"
    )
    command = [sys.executable, "-c", script, str(bomb), str(tmp_path / "out")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout == "1\n"
