"""Copies share nothing with their source; removing takes whatever there is."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from hermetica_store.copy import copy_tree
from hermetica_store.reading import SpecialFile, TreeError
from hermetica_store.remove import remove_tree
from hermetica_store.trees import hash_tree
from tests.store import trees
from tests.store.processes import settle
from tests.store.trees import TREES, File, Link, Tree

if TYPE_CHECKING:
    from hermetica_store import ObjectStore


@given(TREES)
def test_a_copy_is_equal_and_its_own(tree: Tree) -> None:
    with tempfile.TemporaryDirectory() as name:
        source, copy = trees.write(tree, Path(name) / "source"), Path(name) / "copy"
        copy_tree(source, copy)
        assert trees.read(copy) == tree
        assert not {path.lstat().st_ino for path in trees.walk(source)} & {p.lstat().st_ino for p in trees.walk(copy)}
        remove_tree(copy)
        assert not os.path.lexists(copy)
        assert trees.read(source) == tree


@pytest.mark.parametrize("size", [0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 3 << 20])
def test_files_of_all_sizes_are_copied(size: int, tmp_path: Path) -> None:
    data = os.urandom(size)
    (tmp_path / "f").write_bytes(data)
    copy_tree(tmp_path / "f", tmp_path / "g")
    assert (tmp_path / "g").read_bytes() == data


def test_a_copy_of_what_the_kernel_gives_no_size_for_is_whole(tmp_path: Path) -> None:
    copy_tree(Path("/proc/self/status"), tmp_path / "status")
    assert (tmp_path / "status").read_bytes().startswith(b"Name:")


def test_chosen_files_are_copied_as_they_are_hashed(tmp_path: Path) -> None:
    tree: Tree = {"a": File(b"a"), "d": {"b": File(b"b"), "c": Link("x")}, "e": {"f": File(b"")}}
    root = trees.write(tree, tmp_path / "t")
    files = ["d/c", "e"]
    copy_tree(root, tmp_path / "copy", files)
    assert trees.read(tmp_path / "copy") == {"d": {"c": Link("x")}, "e": {"f": File(b"")}}
    assert hash_tree(tmp_path / "copy") == hash_tree(root, files)


def test_a_readonly_source_gives_a_copy_that_can_be_prepared(tmp_path: Path) -> None:
    root = trees.write({"d": {"f": File(b"x")}}, tmp_path / "t")
    (root / "d" / "f").chmod(0o444)
    (root / "d").chmod(0o555)
    copy_tree(root, tmp_path / "copy")
    assert trees.read(tmp_path / "copy") == {"d": {"f": File(b"x")}}


def test_special_files_and_taken_places_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    os.mkfifo(tmp_path / "t" / "fifo")
    with pytest.raises(SpecialFile, match="fifo"):
        copy_tree(tmp_path / "t", tmp_path / "copy")
    trees.write(File(b"mine"), tmp_path / "taken")
    with pytest.raises(TreeError):
        copy_tree(trees.write(File(b""), tmp_path / "f"), tmp_path / "taken")
    assert (tmp_path / "taken").read_bytes() == b"mine"


def test_closed_directories_special_files_and_odd_names_are_removed(tmp_path: Path) -> None:
    root = trees.write({"closed": {"in": {"f": File(b"")}}, "ro": {"f": File(b"")}, "l": Link("/etc")}, tmp_path / "t")
    os.mkfifo(root / "fifo")
    Path(os.fsdecode(os.fsencode(root) + b"/\xff\n")).mkdir()
    (root / "closed" / "in").chmod(0)
    (root / "closed").chmod(0)
    (root / "ro").chmod(0o555)
    root.chmod(0)
    remove_tree(root)
    assert not root.exists()
    assert Path("/etc/passwd").exists()


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nothing")


def test_a_socket_or_link_by_itself_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
    (tmp_path / "l").symlink_to("/etc")
    for name in ("s", "l"):
        remove_tree(tmp_path / name)
    assert not list(tmp_path.iterdir())
    assert Path("/etc").exists()


def test_what_the_system_will_not_remove_is_an_error_that_names_it() -> None:
    with pytest.raises(TreeError, match="/proc/self"):
        remove_tree(Path("/proc/self/status"))


def test_what_was_added_is_known_from_the_copy_and_not_read_again(object_store: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    for name, size in (("small", 10), ("empty", 0), ("deep/program", 70), ("deep/large", 1 << 17)):
        (source / name).write_bytes(os.urandom(size))
    (source / "deep" / "program").chmod(0o711)
    (source / "deep" / "link").symlink_to("../small")
    expected = hash_tree(source)
    time.sleep(0.05)
    with object_store.lease() as lease:
        path = object_store.add_tree(source, "source", lease=lease)
        info = object_store.info(path)
        assert info is not None
        assert info.tree == expected.tree
        settle(object_store)
        again = object_store.hash_source(source)
        assert (again.tree, again.read_count) == (expected.tree, 0)
        (source / "small").write_bytes(b"changed")
        changed = object_store.add_tree(source, "source", lease=lease)
        assert object_store.on_disk(changed).joinpath("small").read_bytes() == b"changed"
        assert changed != path
    assert not object_store.verify().problems
