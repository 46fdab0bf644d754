"""NARs are Nix's, byte for byte; reading accepts nothing but them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica_store.nar import MAGIC, nar_chunks, nar_digest, nar_string
from hermetica_store.nar_reader import InvalidNar, restore_nar
from hermetica_store.reading import SpecialFile, TreeChanged, TreeError
from tests.store import trees
from tests.store.trees import TREES, File, Link, Tree

GOLDEN: list[dict[str, Any]] = json.loads((Path(__file__).parent.parent / "golden" / "nar.json").read_text("utf-8"))


def _described(value: Any) -> Tree:
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        return {name: _described(entry) for name, entry in entries.items()}
    return File(value[1].encode(), value[2]) if value[0] == "file" else Link(value[1])


@pytest.mark.parametrize("case", GOLDEN, ids=[case["title"] for case in GOLDEN])
def test_the_nar_is_the_one_that_nix_writes(case: dict[str, Any], tmp_path: Path) -> None:
    path = trees.write(_described(case["tree"]), tmp_path / "tree")
    digest = nar_digest(path)
    assert (digest.sha256.hex(), digest.size_bytes) == (case["sha256"], case["size_bytes"])
    if case["nar"] is not None:
        assert b"".join(nar_chunks(path)).hex() == case["nar"]


@given(TREES)
def test_a_tree_survives_its_nar(tree: Tree) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = trees.write(tree, Path(name) / "tree")
        nar = b"".join(nar_chunks(path))
        assert nar_digest(path).sha256 == hashlib.sha256(nar).digest()
        restore_nar(io.BytesIO(nar), Path(name) / "again")
        assert trees.read(Path(name) / "again") == tree


@pytest.mark.skipif(shutil.which("nix-hash") is None, reason="Nix is not installed")
def test_nix_agrees_on_a_tree_of_this_machine() -> None:
    python = Path(json.__file__).parent
    command = ["nix-hash", "--type", "sha256", os.fspath(python)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert nar_digest(python).sha256.hex() == printed.strip()


def test_modes_other_than_executable_do_not_count(tmp_path: Path) -> None:
    path = trees.write({"f": File(b"x", executable=True)}, tmp_path / "t")
    before = nar_digest(path)
    (path / "f").chmod(0o511)
    os.utime(path / "f", ns=(5, 5))
    assert nar_digest(path) == before


def test_special_files_changed_files_and_missing_ones_are_errors(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(SpecialFile, match="fifo"):
        nar_digest(tmp_path)
    with pytest.raises(TreeChanged, match="status"):
        nar_digest(Path("/proc/self/status"))
    with pytest.raises(TreeError, match="gone"):
        nar_digest(tmp_path / "gone")


def _entry(name: bytes, node: bytes) -> bytes:
    words = b"".join(map(nar_string, (b"entry", b"(", b"name", name, b"node")))
    return words + node + nar_string(b")")


def _directory(*entries: bytes) -> bytes:
    return b"".join([*map(nar_string, (b"(", b"type", b"directory")), *entries, nar_string(b")")])


FILE = b"".join(map(nar_string, (b"(", b"type", b"regular", b"contents", b"data", b")")))
BAD = {
    "nothing": b"",
    "another magic": nar_string(b"nix-archive-2") + FILE,
    "trailing bytes": MAGIC + FILE + b"\0",
    "names that descend": MAGIC + _directory(_entry(b"b", FILE), _entry(b"a", FILE)),
    "a repeated name": MAGIC + _directory(_entry(b"a", FILE), _entry(b"a", FILE)),
    "an empty name": MAGIC + _directory(_entry(b"", FILE)),
    "dot": MAGIC + _directory(_entry(b".", FILE)),
    "dot dot": MAGIC + _directory(_entry(b"..", FILE)),
    "a slash": MAGIC + _directory(_entry(b"a/b", FILE)),
    "an absolute name": MAGIC + _directory(_entry(b"/tmp/x", FILE)),
    "a NUL": MAGIC + _directory(_entry(b"a\0b", FILE)),
    "a long name": MAGIC + _directory(_entry(b"a" * 256, FILE)),
    "a huge word": MAGIC + struct.pack("<Q", 2**63) + b"(",
    "dirty padding": MAGIC + FILE.replace(b"data\0\0\0\0", b"data\0\0\0x"),
    "dirty padding of contents": MAGIC + FILE.replace(b"contents", b"contents").replace(b"data\0", b"data\1"),
    "an unknown type": MAGIC + b"".join(map(nar_string, (b"(", b"type", b"device", b")"))),
    "an empty target": MAGIC + b"".join(map(nar_string, (b"(", b"type", b"symlink", b"target", b"", b")"))),
    "another word": MAGIC + b"".join(map(nar_string, (b"(", b"type", b"regular", b"content", b"", b")"))),
    "no entry": MAGIC + b"".join(map(nar_string, (b"(", b"type", b"directory", b"entries", b")"))),
    "a file as a directory": MAGIC + _directory(_entry(b"a", FILE), _entry(b"a/b", FILE)),
}


@pytest.mark.parametrize("title", BAD)
def test_what_is_no_nar_is_refused_and_writes_nothing_outside(title: str, tmp_path: Path) -> None:
    destination = tmp_path / "inside" / "destination"
    destination.parent.mkdir()
    with pytest.raises(InvalidNar, match="not a NAR"):
        restore_nar(io.BytesIO(BAD[title]), destination)
    assert [entry.name for entry in tmp_path.iterdir()] == ["inside"]
    assert {entry.name for entry in (tmp_path / "inside").iterdir()} <= {"destination"}


NAR = MAGIC + _directory(_entry(b"a", FILE), _entry(b"b", _directory(_entry(b"c", FILE))))


@given(st.integers(0, len(NAR) - 1))
def test_a_truncated_nar_is_refused(length: int) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.raises(InvalidNar, match="too early"):
        restore_nar(io.BytesIO(NAR[:length]), Path(name) / "d")


@given(st.integers(0, len(NAR) - 1), st.integers(1, 255))
def test_a_nar_with_one_byte_changed_is_refused_or_another_tree(at: int, change: int) -> None:
    changed = bytearray(NAR)
    changed[at] ^= change
    with tempfile.TemporaryDirectory() as name:
        destination = Path(name) / "d"
        try:
            restore_nar(io.BytesIO(bytes(changed)), destination)
        except InvalidNar:
            return
        assert b"".join(nar_chunks(destination)) == bytes(changed)


def test_a_nar_does_not_go_where_something_is(tmp_path: Path) -> None:
    (tmp_path / "d").symlink_to("elsewhere")
    with pytest.raises(TreeError):
        restore_nar(io.BytesIO(MAGIC + FILE), tmp_path / "d")
    assert not (tmp_path / "elsewhere").exists()
