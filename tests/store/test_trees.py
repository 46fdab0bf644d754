"""Hashing trees on disk: what counts, what is chosen, and what a stat cache spares."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from hermetica_store.copy import copy_tree
from hermetica_store.digest import Digest
from hermetica_store.reading import LARGE_BYTES, TreeError
from hermetica_store.selection import InvalidSelection
from hermetica_store.tree import FileNode, directory_message
from hermetica_store.trees import Stamp, hash_tree
from tests.store import trees
from tests.store.trees import TREES, File, Link, Tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class MemoryCache:
    """A stat cache that is a dictionary."""

    def __init__(self) -> None:
        self.known: dict[Stamp, bytes] = {}

    def get_many(self, stamps: Sequence[Stamp]) -> list[bytes | None]:
        return [self.known.get(stamp) for stamp in stamps]

    def put_many(self, digests: Iterable[tuple[Stamp, bytes]]) -> None:
        self.known.update(digests)


def _settled(path: Path) -> Path:
    """Wait until the files are older than the clock's granularity."""
    time.sleep(0.05)
    return path


@given(TREES)
def test_equal_trees_have_equal_digests_and_a_change_of_any_file_shows(tree: Tree) -> None:
    with tempfile.TemporaryDirectory() as name:
        one, two = (trees.write(tree, Path(name) / which) for which in ("one", "two"))
        assert hash_tree(one) == hash_tree(two)
        for path in trees.walk(two):
            if path.is_file() and not path.is_symlink():
                before = path.read_bytes()
                path.write_bytes(before + b"!")
                assert hash_tree(two).tree != hash_tree(one).tree
                path.write_bytes(before)


def test_names_bytes_kind_executable_bit_and_targets_count(tmp_path: Path) -> None:
    variants: list[Tree] = [
        {"a": File(b"x")},
        {"b": File(b"x")},
        {"a": File(b"y")},
        {"a": File(b"x", executable=True)},
        {"a": Link("x")},
        {"a": Link("y")},
        {"a": {}},
        {},
        File(b"x"),
        File(b"x", executable=True),
        Link("x"),
    ]
    digests = {hash_tree(trees.write(tree, tmp_path / str(i))).tree for i, tree in enumerate(variants)}
    assert len(digests) == len(variants)


def test_times_other_mode_bits_and_hard_links_do_not_count(tmp_path: Path) -> None:
    root = trees.write({"a": File(b"x"), "d": {}}, tmp_path / "t")
    (root / "b").hardlink_to(root / "a")
    before = hash_tree(root)
    (root / "b").unlink()
    (root / "b").write_bytes(b"x")
    (root / "a").chmod(0o640)
    (root / "d").chmod(0o700)
    os.utime(root / "a", ns=(1, 1))
    assert hash_tree(root) == before


def test_any_executable_bit_makes_a_file_executable(tmp_path: Path) -> None:
    file = trees.write(File(b"x", executable=True), tmp_path / "f")
    expected = hash_tree(file)
    for mode in (0o645, 0o654, 0o744):
        file.chmod(mode)
        assert hash_tree(file) == expected


def test_the_counts_are_of_regular_files(tmp_path: Path) -> None:
    found = hash_tree(trees.write({"a": File(b"123"), "d": {"b": File(b"45"), "l": Link("x")}}, tmp_path / "t"))
    assert (found.size_bytes, found.file_count, found.read_count) == (5, 2, 2)


def test_a_large_file_hashes_like_its_bytes(tmp_path: Path) -> None:
    data = os.urandom(LARGE_BYTES + 12345)
    tree = hash_tree(trees.write({"f": File(data)}, tmp_path / "t")).tree
    message = directory_message([FileNode(name="f", digest=Digest.of(data), size_bytes=len(data))])
    assert tree == Digest.of(message)


def test_absolute_links_into_the_store_hash_as_they_will_be_kept(tmp_path: Path) -> None:
    base = "hx" + "1" * 30 + "-zlib"
    absolute = trees.write({"d": {"l": Link(f"/hermetica/store/{base}/lib")}}, tmp_path / "a")
    relative = trees.write({"d": {"l": Link(f"../../{base}/lib")}}, tmp_path / "r")
    assert hash_tree(absolute) == hash_tree(relative)


def test_an_unchanged_tree_is_not_read_again(tmp_path: Path) -> None:
    root = _settled(trees.write({"a": File(b"x"), "d": {"b": File(b"y")}}, tmp_path / "t"))
    cache = MemoryCache()
    first, second = hash_tree(root, cache=cache), hash_tree(root, cache=cache)
    assert (first.read_count, second.read_count) == (2, 0)
    assert first.tree == second.tree == hash_tree(root).tree


def test_a_change_of_equal_length_and_time_is_noticed(tmp_path: Path) -> None:
    root = _settled(trees.write({"a": File(b"x"), "b": File(b"z")}, tmp_path / "t"))
    cache = MemoryCache()
    before = hash_tree(root, cache=cache)
    status = (root / "a").stat()
    (root / "a").write_bytes(b"y")
    os.utime(root / "a", ns=(status.st_atime_ns, status.st_mtime_ns))
    after = hash_tree(root, cache=cache)
    assert after.tree != before.tree
    assert after.read_count == 1


def test_young_files_are_never_trusted(tmp_path: Path) -> None:
    """A file written again within one tick of the clock may keep its stamp."""
    cache = MemoryCache()
    for round_number in range(200):
        data = b"%03d" % round_number
        (tmp_path / "f").write_bytes(data)
        found = hash_tree(tmp_path / "f", cache=cache)
        assert found.tree == hash_tree(tmp_path / "f").tree
        assert found.read_count == 1


def test_a_young_file_is_read_even_where_the_cache_claims_to_know_it(tmp_path: Path) -> None:
    file = trees.write(File(b"new"), tmp_path / "f")
    status = file.stat()
    cache = MemoryCache()
    stamp = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    cache.known[stamp] = Digest.of(b"old").raw
    assert hash_tree(file, cache=cache).tree == hash_tree(file).tree


SOURCE: Tree = {
    "src": {"a.c": File(b"a"), "b.c": File(b"b"), "sub": {"c.c": File(b"c")}},
    "README": File(b"r"),
    "empty": {},
}


def test_only_chosen_files_count(tmp_path: Path) -> None:
    root = trees.write(SOURCE, tmp_path / "t")
    chosen = trees.write({"src": {"a.c": File(b"a"), "sub": {"c.c": File(b"c")}}}, tmp_path / "chosen")
    assert hash_tree(root, ["src/sub/c.c", "src/a.c"]) == hash_tree(chosen)
    assert hash_tree(root, []).tree == hash_tree(trees.write({}, tmp_path / "nothing")).tree


@pytest.mark.parametrize("files", [["src"], ["src", "src/a.c"], ["src/a.c", "src"], ["src/sub/c.c", "src"]])
def test_choosing_a_directory_chooses_all_of_it(files: list[str], tmp_path: Path) -> None:
    root = trees.write(SOURCE, tmp_path / "t")
    assert isinstance(SOURCE, dict)
    expected = trees.write({"src": SOURCE["src"]}, tmp_path / "expected")
    assert hash_tree(root, files) == hash_tree(expected)


@pytest.mark.parametrize("file", ["/etc/passwd", "../x", "a/../b", "./a", "", "a//b", "a/"])
def test_paths_that_are_not_plain_are_refused(file: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSelection, match="not a plain relative path"):
        hash_tree(tmp_path, [file])


def test_a_chosen_file_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(TreeError, match=r"missing\.c"):
        hash_tree(tmp_path, ["missing.c"])


def test_choosing_does_not_follow_a_link_to_a_directory(tmp_path: Path) -> None:
    trees.write({"real": {"f": File(b"")}, "link": Link("real")}, tmp_path / "t")
    for act in (
        lambda: hash_tree(tmp_path / "t", ["link/f"]),
        lambda: copy_tree(tmp_path / "t", tmp_path / "c", ["link/f"]),
    ):
        with pytest.raises(TreeError, match="link") as caught:
            act()
        assert caught.value.details == (("cause", "Not a directory"),)
