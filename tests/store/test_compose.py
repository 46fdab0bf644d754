"""Trees made from registered objects by links: the same objects as copies would be, and no byte is read for it."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from hermetica_store import Candidate, DamagedPart, NotRegistered, ObjectStore, Part, SpecialFile, StorePath
from hermetica_store.content import Folder
from hermetica_store.dedup import SHARED_FROM_BYTES, can_clone
from tests.store.processes import tree_candidate
from tests.store.trees import TREES, File, Tree, write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

LIMIT_OF_EXT4 = 65_000
LARGE = b"large" * SHARED_FROM_BYTES


def publish(store: ObjectStore, tree: Tree | Path, name: str = "part", *references: StorePath) -> StorePath:
    """A durable object; of a description, or of a tree that is copied."""
    with store.scratch() as scratch, store.lease() as lease:
        place = scratch.path / "tree"
        if isinstance(tree, os.PathLike):
            shutil.copytree(tree, place, symlinks=True)
        else:
            write(tree, place)
        (prepared,) = store.prepare([Candidate(tree=place, name=name)], references)
        store.publish([prepared], lease=lease).wait()
    return prepared.path


def all_of(part: Part) -> dict[bytes, tuple[Part, bytes] | None]:
    return {path: None if isinstance(each, Folder) else (part, path) for path, each in part.entries.items() if path}


def composed(
    store: ObjectStore,
    entries: Mapping[bytes, tuple[Part, bytes] | None],
    name: str = "whole",
    references: tuple[StorePath, ...] = (),
) -> StorePath:
    """The durable object that `compose` leads to."""
    with store.scratch() as scratch, store.lease() as lease:
        tree = scratch.path / "tree"
        known = store.compose(tree, entries)
        (prepared,) = store.prepare([Candidate(tree=tree, name=name, composed=known)], references)
        store.publish([prepared], lease=lease).wait()
    return prepared.path


def inodes(root: Path) -> list[int]:
    return [each.stat().st_ino for each in sorted(root.iterdir())]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TREES.filter(lambda tree: isinstance(tree, dict)))
def test_a_tree_of_links_is_the_object_that_a_copy_would_be(object_store: ObjectStore, tree: Tree) -> None:
    part = object_store.part(publish(object_store, tree))
    assert composed(object_store, all_of(part)) == publish(object_store, tree, "whole")
    assert not object_store.verify().problems


def test_the_files_of_a_tree_of_links_are_those_of_its_parts_and_are_not_read(object_store: ObjectStore) -> None:
    path = publish(object_store, {"f": File(b"right"), "g": File(LARGE)})
    part = object_store.part(path)
    expected = publish(object_store, {"f": File(b"right"), "h": File(LARGE)}, "whole")
    object_store.delete([expected])
    rot(part.root / "f", b"wrong")
    whole = composed(object_store, {b"f": (part, b"f"), b"h": (part, b"g")})
    assert whole == expected  # what was read would have led elsewhere
    assert inodes(object_store.on_disk(whole)) == inodes(part.root)
    problems = object_store.verify().problems
    assert {(problem.path, problem.file) for problem in problems} == {(path, "f"), (whole, "f")}


def rot(place: Path, data: bytes) -> None:
    """Changes the bytes of a registered file, which nothing but reading them can tell."""
    place.chmod(0o644)
    place.write_bytes(data)
    place.chmod(0o444)
    os.utime(place, ns=(10**9, 10**9))


def lengthen(root: Path) -> None:
    rot(root / "f", b"longer than it was")


def touch(root: Path) -> None:
    os.utime(root / "f")


def open_up(root: Path) -> None:
    (root / "f").chmod(0o666)


def remove(root: Path) -> None:
    root.chmod(0o755)
    (root / "f").unlink()


def add(root: Path) -> None:
    root.chmod(0o755)
    (root / "more").write_bytes(b"")
    (root / "more").chmod(0o444)
    os.utime(root / "more", ns=(10**9, 10**9))


def replace_by_link(root: Path) -> None:
    remove(root)
    (root / "f").symlink_to("/etc/passwd")


def remove_all(root: Path) -> None:
    root.chmod(0o755)
    shutil.rmtree(root)


@pytest.mark.parametrize("damage", [lengthen, touch, open_up, remove, add, replace_by_link, remove_all])
def test_nothing_is_made_from_an_object_that_is_not_as_it_was(
    object_store: ObjectStore, damage: Callable[[Path], None]
) -> None:
    path = publish(object_store, {"f": File(b"right")})
    damage(object_store.on_disk(path))
    with pytest.raises(DamagedPart, match="is damaged") as caught:
        object_store.part(path)
    assert caught.value.code == "HM480"


def test_an_object_that_is_pending_can_be_linked_already(object_store: ObjectStore) -> None:
    with object_store.scratch() as scratch, object_store.lease() as lease:
        (prepared,) = object_store.prepare([tree_candidate(scratch.path)])
        commit = object_store.publish([prepared], lease=lease)
        whole = composed(object_store, all_of(object_store.part(prepared.path)), "tree")
        commit.wait()
    assert whole == prepared.path


def test_what_is_not_there_is_no_part(object_store: ObjectStore) -> None:
    with pytest.raises(NotRegistered):
        object_store.part(StorePath.parse_base(f"hx{'1' * 30}-gone"))


def test_a_directory_is_no_file_to_link(object_store: ObjectStore) -> None:
    part = object_store.part(publish(object_store, {"d": {}}))
    with object_store.scratch() as scratch, pytest.raises(SpecialFile):
        object_store.compose(scratch.path / "tree", {b"f": (part, b"d")})


def test_two_entries_of_a_tree_of_links_are_never_one_inode(object_store: ObjectStore) -> None:
    if can_clone(object_store.root / "tmp"):
        pytest.skip("equal files are clones here, each an inode of its own")
    one, other = (
        object_store.part(publish(object_store, {"f": File(LARGE), own: File(b"")})) for own in ("own", "other")
    )
    assert one.inodes[b"f"] == other.inodes[b"f"]
    whole = composed(object_store, {b"a": (one, b"f"), b"b": (other, b"f"), b"c": (one, b"f")})
    assert len(set(inodes(object_store.on_disk(whole)))) == 3
    assert whole == publish(object_store, {name: File(LARGE) for name in "abc"}, "whole")
    assert not object_store.verify().problems


def test_a_tree_refers_to_what_the_objects_refer_to_whose_files_it_has(object_store: ObjectStore) -> None:
    library = publish(object_store, {"f": File(b"")}, "library")
    uses = object_store.part(publish(object_store, {"u": File(str(library).encode())}, "uses", library))
    plain = object_store.part(publish(object_store, {"p": File(b"")}, "plain"))
    both = composed(object_store, {b"u": (uses, b"u"), b"p": (plain, b"p")}, references=(library,))
    assert object_store.references(both) == (library,)
    assert object_store.references(composed(object_store, {b"p": (plain, b"p")}, references=(library,))) == ()


def test_an_object_of_a_lower_store_is_copied(tmp_path: Path) -> None:
    with ObjectStore.open(tmp_path / "lower") as lower:
        path = publish(lower, {"f": File(b"below")})
        place = lower.on_disk(path) / "f"
    before = place.stat()
    with ObjectStore.open(tmp_path / "upper", lower=[tmp_path / "lower"]) as upper:
        whole = composed(upper, all_of(upper.part(path)))
        assert (upper.on_disk(whole) / "f").read_bytes() == b"below"
        assert not upper.verify().problems
    after = place.stat()
    assert (after.st_nlink, after.st_ctime_ns) == (before.st_nlink, before.st_ctime_ns)


@pytest.mark.slow
def test_a_file_that_has_as_many_names_as_it_may_have_is_copied(object_store: ObjectStore, tmp_path: Path) -> None:
    part = object_store.part(publish(object_store, {"f": File(b"popular")}))
    names = object_store.root / "tmp" / "names"
    names.mkdir()
    for number in range(LIMIT_OF_EXT4 + 1):
        try:
            os.link(part.root / "f", names / str(number))
        except OSError as error:
            assert error.errno == errno.EMLINK  # noqa: PT017 -- the loop is to end of it
            break
    else:
        pytest.skip("this file system counts more names than ext4 does")
    whole = composed(object_store, {b"f": (part, b"f")})
    shutil.rmtree(names)
    assert inodes(object_store.on_disk(whole)) != inodes(part.root)
    assert not object_store.verify().problems
