"""How much room objects take: what they share is counted once, and what is theirs alone is what deleting them frees."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from hermetica_store import NotRegistered, ObjectStore, StorePath
from hermetica_store.move import move
from tests.store.test_dedup import LARGE, cloning_store, entries, publish

if TYPE_CHECKING:
    from hermetica_store import ObjectUsage

__all__ = ["cloning_store"]


def of(store: ObjectStore, path: StorePath, *others: StorePath) -> ObjectUsage:
    return next(each for each in store.usage([path, *others]).objects if each.path == path)


@pytest.fixture
def pair(object_store: ObjectStore) -> tuple[StorePath, StorePath]:
    if object_store.features().sharing != "one inode":
        pytest.skip("this file system shares blocks, not inodes")
    return publish(object_store, "first", {"a": LARGE, "deep/b": b"b"}), publish(object_store, "second", {"a": LARGE})


def test_what_two_objects_share_is_told_from_what_is_theirs(
    object_store: ObjectStore, pair: tuple[StorePath, StorePath]
) -> None:
    first = of(object_store, pair[0])
    assert first.size_bytes == len(LARGE) + len("b") + len("first")
    assert first.shared_bytes == len(LARGE)
    assert 0 < first.exclusive_bytes < len(LARGE)
    assert first.disk_bytes == first.shared_bytes + first.exclusive_bytes


def test_together_objects_take_less_and_own_what_they_share(
    object_store: ObjectStore, pair: tuple[StorePath, StorePath]
) -> None:
    both = object_store.usage(pair)
    assert both.size_bytes == sum(each.size_bytes for each in both.objects)
    assert both.disk_bytes == sum(each.disk_bytes for each in both.objects) - len(LARGE)
    assert both.exclusive_bytes == both.disk_bytes
    assert object_store.usage() == both


def test_a_file_that_only_the_link_table_shares_is_the_objects_own(object_store: ObjectStore) -> None:
    path = publish(object_store, "x", {"a": LARGE})
    assert len(entries(object_store)) == 1
    usage = of(object_store, path)
    assert usage.shared_bytes == 0
    assert usage.exclusive_bytes >= len(LARGE)


def test_files_that_a_builder_linked_are_counted_once(object_store: ObjectStore) -> None:
    with object_store.scratch() as scratch, object_store.lease() as lease:
        tree = scratch.path / "tree"
        tree.mkdir()
        (tree / "a").write_bytes(LARGE)
        (tree / "b").hardlink_to(tree / "a")
        path = object_store.add_tree(tree, "x", lease=lease)
        shutil.rmtree(tree)
    usage = of(object_store, path)
    assert usage.size_bytes == 2 * len(LARGE)
    assert usage.exclusive_bytes == usage.disk_bytes


def test_what_is_not_there_cannot_be_measured(object_store: ObjectStore) -> None:
    path = publish(object_store, "x", {"a": LARGE})
    with pytest.raises(NotRegistered):
        object_store.usage([StorePath(path.digest, "other")])
    move(object_store.on_disk(path), object_store.root / "moved-away")
    assert object_store.usage([path]).objects == ()


def test_cloned_blocks_are_counted_once(cloning_store: ObjectStore) -> None:
    data = os.urandom(4 << 20)
    first = publish(cloning_store, "first", {"a": data})
    second = publish(cloning_store, "second", {"a": data})
    os.sync()
    usage = of(cloning_store, first)
    assert usage.shared_bytes >= len(data)
    assert usage.exclusive_bytes < len(data)
    assert cloning_store.usage([first, second]).disk_bytes < 2 * len(data)
