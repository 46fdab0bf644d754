"""Equal files share their bytes, and no damage spreads by it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from hermetica_store import Candidate, ObjectStore, StorePath
from hermetica_store.dedup import SHARED_FROM_BYTES, Key, can_clone
from hermetica_store.digest import Digest
from tests.store.processes import finish, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGE = bytes(range(256)) * (SHARED_FROM_BYTES // 256)
LIMIT_OF_EXT4 = 65_000


def publish(store: ObjectStore, name: str, files: dict[str, bytes], *, executable: bool = False) -> StorePath:
    """An object of these files and one of its own."""
    with store.scratch() as scratch, store.lease() as lease:
        tree = scratch.path / "tree"
        for below, data in {**files, "own": name.encode()}.items():
            place = tree / below
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            place.chmod(0o755 if executable else 0o644)
        (prepared,) = store.prepare([Candidate(tree=tree, name=name)])
        store.publish([prepared], lease=lease).wait()
    return prepared.path


def inode(store: ObjectStore, path: StorePath, below: str = "") -> int:
    place = store.on_disk(path)
    return (place / below if below else place).stat().st_ino


def entries(store: ObjectStore) -> list[Path]:
    return [path for path in (store.root / "links").rglob("*") if path.is_file()]


def damage(path: Path, data: bytes) -> None:
    """Change the bytes of a file in its place, and nothing else about it."""
    mode = path.stat().st_mode
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(10**9, 10**9))
    path.chmod(mode)


@pytest.fixture
def hard_links(object_store: ObjectStore) -> ObjectStore:
    if can_clone(object_store.root / "tmp"):
        pytest.skip("this file system shares blocks, not inodes")
    return object_store


def test_equal_large_files_of_two_objects_are_one_inode(hard_links: ObjectStore) -> None:
    store = hard_links
    first = publish(store, "first", {"deep/er/a": LARGE})
    second = publish(store, "second", {"b": LARGE, "small": b"x" * 99})
    with store.scratch() as scratch, store.lease() as lease:
        lone = scratch.path / "lone"
        lone.write_bytes(LARGE)
        third = store.add_tree(lone, "lone", lease=lease)
    assert inode(store, first, "deep/er/a") == inode(store, second, "b") == inode(store, third)
    assert len(entries(store)) == 1
    assert store.verify().problems == ()


def test_an_executable_file_is_not_shared_with_one_that_is_not(hard_links: ObjectStore) -> None:
    store = hard_links
    plain = publish(store, "plain", {"a": LARGE})
    program = publish(store, "program", {"a": LARGE}, executable=True)
    again = publish(store, "again", {"a": LARGE}, executable=True)
    assert inode(store, plain, "a") != inode(store, program, "a") == inode(store, again, "a")
    assert sorted(path.name.endswith("-x") for path in entries(store)) == [False, True]


def test_small_files_are_left_alone(object_store: ObjectStore) -> None:
    publish(object_store, "first", {"a": LARGE[:-1]})
    publish(object_store, "second", {"a": LARGE[:-1]})
    assert entries(object_store) == []


def test_an_archive_of_one_object_does_not_show_what_else_is_in_the_store(hard_links: ObjectStore) -> None:
    store = hard_links
    publish(store, "other", {"x": LARGE})
    path = publish(store, "twice", {"a": LARGE, "b": LARGE})
    assert inode(store, path, "a") != inode(store, path, "b")
    assert inode(store, publish(store, "linked", {"a": LARGE}), "a") in {
        inode(store, path, "a"),
        inode(store, path, "b"),
    }


def test_names_that_a_builder_linked_stay_one_file(hard_links: ObjectStore) -> None:
    store = hard_links
    other = publish(store, "other", {"x": LARGE})
    with store.scratch() as scratch, store.lease() as lease:
        tree = scratch.path / "tree"
        tree.mkdir()
        (tree / "a").write_bytes(LARGE)
        (tree / "b").hardlink_to(tree / "a")
        (prepared,) = store.prepare([Candidate(tree=tree, name="tree")])
        store.publish([prepared], lease=lease).wait()
    assert inode(store, other, "x") == inode(store, prepared.path, "a") == inode(store, prepared.path, "b")


def test_the_table_ends_empty_when_everything_is_collected(object_store: ObjectStore) -> None:
    kept = publish(object_store, "kept", {"a": LARGE})
    publish(object_store, "dead", {"a": LARGE, "b": LARGE + b"b"})
    object_store.add_root("r", kept)
    assert len(entries(object_store)) == 2
    object_store.collect()
    assert len(entries(object_store)) == 1
    object_store.remove_root("r")
    object_store.collect()
    assert list((object_store.root / "links").iterdir()) == []


def test_deleting_an_object_frees_the_files_that_were_its_alone(object_store: ObjectStore) -> None:
    path = publish(object_store, "x", {"a": LARGE})
    object_store.delete([path])
    assert entries(object_store) == []


def test_a_damaged_file_is_offered_to_nobody(hard_links: ObjectStore) -> None:
    store = hard_links
    first = publish(store, "first", {"a": LARGE})
    damage(store.on_disk(first) / "a", b"!")
    second = publish(store, "second", {"a": LARGE})
    assert (store.on_disk(second) / "a").read_bytes() == LARGE
    assert store.verify().damaged == (first,)
    third = publish(store, "third", {"a": LARGE})
    assert inode(store, second, "a") == inode(store, third, "a") != inode(store, first, "a")


def test_a_file_that_is_damaged_in_several_objects_is_named_in_each(hard_links: ObjectStore) -> None:
    store = hard_links
    paths = [publish(store, name, {"a": LARGE}) for name in ("first", "second", "third")]
    damage(store.on_disk(paths[1]) / "a", b"!")
    assert store.verify().damaged == tuple(sorted(paths))


def test_what_is_no_entry_of_the_table_goes_with_a_collection(object_store: ObjectStore) -> None:
    path = publish(object_store, "x", {"a": LARGE})
    (entry,) = entries(object_store)
    entry.with_name("nonsense").hardlink_to(entry)
    object_store.add_root("r", path)
    object_store.collect()
    assert entries(object_store) == [entry]
    key = Key(Digest.of(LARGE), executable=False)
    assert Key.parse(*key.place.split("/")) == key
    assert Key.parse("ab", "cd") is None


def test_a_file_that_can_have_no_more_names_starts_a_new_one(hard_links: ObjectStore) -> None:
    store = hard_links
    first = publish(store, "first", {"a": LARGE})
    (entry,) = entries(store)
    with store.scratch() as scratch:
        try:
            for number in range(LIMIT_OF_EXT4):
                os.link(entry, scratch.path / str(number))
        except OSError as error:
            assert error.errno == errno.EMLINK  # noqa: PT017 -- the loop is to end of it
        else:
            pytest.skip(f"this file system allows more than {LIMIT_OF_EXT4} names")
        second = publish(store, "second", {"a": LARGE})
        third = publish(store, "third", {"a": LARGE})
    assert inode(store, first, "a") != inode(store, second, "a") == inode(store, third, "a")
    assert store.verify().problems == ()


PUBLISH = """
from tests.store.test_dedup import LARGE, publish
for number in range(20):
    publish(store, f"{sys.argv[2]}-{number}", {"a": LARGE, "b": LARGE + bytes([number])})
    if sys.argv[2] == "0":
        store.collect()
"""


def test_processes_share_and_collect_side_by_side(object_store: ObjectStore) -> None:
    processes = [start(object_store.root, PUBLISH, number) for number in range(3)]
    for process in processes:
        finish(process)
    assert object_store.verify().problems == ()
    object_store.collect()
    assert entries(object_store) == []


@pytest.fixture(params=["btrfs", "xfs"])
def cloning_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    """A store on a file system that can share blocks."""
    make = shutil.which(f"mkfs.{request.param}", path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin")
    if os.geteuid() != 0 or make is None:
        pytest.skip(f"needs root and mkfs.{request.param}")
    image, mount = tmp_path / "image", tmp_path / "mount"
    mount.mkdir()
    with image.open("wb") as file:
        file.truncate(400 << 20)
    subprocess.run([make, "-q", image], check=True, capture_output=True)
    if subprocess.run(["mount", "-o", "loop", image, mount], check=False, capture_output=True).returncode:
        pytest.skip(f"{request.param} cannot be mounted here")
    try:
        with ObjectStore.open(mount / "store") as store:
            yield store
    finally:
        subprocess.run(["umount", mount], check=True)


def taken(root: Path, free_blocks: int) -> int:
    """How many bytes of room went since there were so many free blocks."""
    os.sync()
    space = os.statvfs(root)
    return (free_blocks - space.f_bfree) * space.f_frsize


def test_where_blocks_can_be_shared_files_stay_apart_and_take_no_room(cloning_store: ObjectStore) -> None:
    store = cloning_store
    assert can_clone(store.root / "tmp")
    data = os.urandom(8 << 20)
    first = publish(store, "first", {"a": data})
    before = os.statvfs(store.root).f_bfree
    second = publish(store, "second", {"a": data, "b": data})
    deadline = time.monotonic() + 30
    while taken(store.root, before) > len(data) // 2:  # xfs frees what was unlinked a little later
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len({inode(store, first, "a"), inode(store, second, "a"), inode(store, second, "b")}) == 3
    assert store.verify().problems == ()
    damage(store.on_disk(first) / "a", b"!")
    assert store.verify().damaged == (first,)
    store.collect()
    assert entries(store) == []


@pytest.fixture
def few_inodes(tmp_path: Path) -> Iterator[ObjectStore]:
    """A store on a file system that can have few files; a further name of a file counts as one."""
    mount = tmp_path / "mount"
    mount.mkdir()
    options = ["-t", "tmpfs", "-o", "size=64m,nr_inodes=100", "tmpfs", os.fspath(mount)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], check=False, capture_output=True).returncode:
        pytest.skip("needs root, and to mount a tmpfs")
    try:
        with ObjectStore.open(mount / "store") as store:
            yield store
    finally:
        subprocess.run(["umount", mount], check=True)


def test_where_no_name_can_be_added_files_stay_apart_and_are_published(few_inodes: ObjectStore) -> None:
    store = few_inodes
    publish(store, "first", {"a": LARGE})
    assert len(entries(store)) == 1
    with store.scratch() as scratch, store.lease() as lease:
        for data, number in ((LARGE, 1), (LARGE + b"new", 2)):
            tree = scratch.path / f"tree-{number}"
            tree.mkdir()
            (tree / "a").write_bytes(data)
        candidates = [Candidate(tree=scratch.path / f"tree-{number}", name=f"{number}") for number in (1, 2)]
        prepared = store.prepare(candidates)
        with contextlib.suppress(OSError):
            for number in range(100):
                (scratch.path / f"filler-{number}").touch()
        assert os.statvfs(store.root).f_ffree == 0
        store.publish(prepared, lease=lease).wait()
    assert len(entries(store)) == 1
    assert store.verify().problems == ()
