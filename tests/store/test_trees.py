"""Hashing trees on disk: what counts, what is chosen, and what a stat cache spares."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest
from hypothesis import given

from hermetica_store.copy import copy_tree
from hermetica_store.digest import Digest
from hermetica_store.reading import LARGE_BYTES, TreeError
from hermetica_store.selection import InvalidSelection
from hermetica_store.tree import FileNode, directory_message
from hermetica_store.trees import Inode, Stamp, hash_tree
from tests.store import trees
from tests.store.trees import TREES, File, Link, Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hermetica_store.codec import Listing


class MemoryCache:
    """A stat cache that is a dictionary."""

    def __init__(self) -> None:
        self.known: dict[Stamp, bytes] = {}
        self.listings: dict[Inode, Listing] = {}

    def get_many(self, stamps: Sequence[Stamp]) -> list[bytes | None]:
        return [self.known.get(stamp) for stamp in stamps]

    def put_many(self, digests: Iterable[tuple[Stamp, bytes]]) -> None:
        self.known.update(digests)

    def get_listing(self, inode: Inode) -> Listing | None:
        return self.listings.get(inode)

    def put_listings(self, listings: Iterable[tuple[Inode, Listing]]) -> None:
        self.listings.update(listings)


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


WIDE: Tree = {
    "top": {
        **{f"f{i}": File(b"%d" % i) for i in range(6)},
        "link": Link("f1"),
        "d": {f"g{i}": File(b"%d" % i) for i in range(6)},
        "few": {"x": File(b"x")},
    }
}


def _swapped(root: Path) -> None:
    (root / "f0").rename(root / "f")
    (root / "f1").rename(root / "f0")
    (root / "f").rename(root / "f1")


def _of_equal_time(root: Path) -> None:
    status = (root / "f3").stat()
    (root / "f3").write_bytes(b"z")
    os.utime(root / "f3", ns=(status.st_atime_ns, status.st_mtime_ns))


def _other_target(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").symlink_to("f2")


def _file_for_link(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").write_bytes(b"f1")


CHANGES: dict[str, Callable[[Path], object]] = {
    "other bytes of the same length and time": _of_equal_time,
    "two names exchanged": _swapped,
    "an executable bit": lambda root: (root / "f2").chmod(0o755),
    "another target": _other_target,
    "a file less": lambda root: (root / "f5").unlink(),
    "a file more": lambda root: (root / "new").write_bytes(b"1"),
    "a file in place of a link": _file_for_link,
    "an empty directory more": lambda root: (root / "empty").mkdir(),
    "a directory less": lambda root: shutil.rmtree(root / "few"),
    "a directory renamed": lambda root: (root / "few").rename(root / "many"),
    "a change in a directory of many": lambda root: (root / "d" / "g3").write_bytes(b"y"),
    "a change in a directory of few": lambda root: (root / "few" / "x").write_bytes(b"y"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_kept_of_directories_never_hides_a_change(change: str, tmp_path: Path) -> None:
    root = _settled(trees.write(WIDE, tmp_path / "t"))
    cache = MemoryCache()
    before = hash_tree(root, cache=cache)
    assert len(cache.listings) == 2
    assert hash_tree(root, cache=cache).tree == before.tree
    CHANGES[change](root / "top")
    for _ in range(2):
        _settled(root)
        after = hash_tree(root, cache=cache)
        assert after.tree == hash_tree(root).tree != before.tree
        assert (after.file_count, after.size_bytes) == (hash_tree(root).file_count, hash_tree(root).size_bytes)


def test_what_is_kept_of_directories_answers_without_asking_for_a_single_file(tmp_path: Path) -> None:
    root = _settled(trees.write(WIDE, tmp_path / "t"))
    cache = MemoryCache()
    before = hash_tree(root, cache=cache)
    few = {stamp: digest for stamp, digest in cache.known.items() if digest == Digest.of(b"x").raw}
    cache.known = few
    after = hash_tree(root, cache=cache)
    assert (after.tree, after.size_bytes, after.file_count) == (before.tree, before.size_bytes, before.file_count)
    assert (before.read_count, after.read_count) == (13, 0)


def test_a_directory_with_a_young_file_is_neither_kept_nor_believed(tmp_path: Path) -> None:
    root = _settled(trees.write(WIDE, tmp_path / "t"))
    cache = MemoryCache()
    (root / "top" / "f0").write_bytes(b"young")
    hash_tree(root, cache=cache)
    assert [kept.file_count for kept in cache.listings.values()] == [6]
    _settled(root)
    hash_tree(root, cache=cache)
    for inode, kept in cache.listings.items():
        cache.listings[inode] = attrs.evolve(kept, settled_ns=time.time_ns() + 10**9, digest=bytes(32))
    assert hash_tree(root, cache=cache).tree == hash_tree(root).tree


def test_an_absolute_link_into_the_store_is_kept_for_its_depth_only(tmp_path: Path) -> None:
    target = Link("/hermetica/store/hx" + "1" * 30 + "-zlib/lib")
    folder: Tree = {**{f"f{i}": File(b"%d" % i) for i in range(6)}, "l": target}
    root = _settled(trees.write({"a": {"b": folder}}, tmp_path / "t"))
    cache = MemoryCache()
    for place in (root, root / "a", root / "a" / "b", root):
        assert hash_tree(place, cache=cache).tree == hash_tree(place).tree


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
