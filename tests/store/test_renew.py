"""A source that was in the store before: what did not change is linked, and the object is the one a copy would be."""

from __future__ import annotations

import os
import shutil
import threading
import time
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hermetica_store import ObjectStore, SourceChanged, StorePath, TreeChanged, hash_tree
from hermetica_store.dedup import SHARED_FROM_BYTES, can_clone
from hermetica_store.inspection import inspect
from hermetica_store.manifest import decode_manifest, entries_of, split_manifest
from hermetica_store.origins import place_of
from hermetica_store.path import store_path
from hermetica_store.remove import remove_tree
from hermetica_store.renew import Former, renew
from hermetica_store.schema import MANIFESTS, ORIGINS
from hermetica_store.statcache import IndexedStatCache
from hermetica_store.trees import outline_tree
from tests.store.processes import finish, heard, kill, names, start
from tests.store.test_verify import write as change
from tests.store.trees import TREES, File, Link, Tree, read, write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hermetica_store.outline import Outline
    from hermetica_store.shared import Shared
    from hermetica_store.transaction import Transaction

T = TypeVar("T")
LARGE = b"large" * SHARED_FROM_BYTES
SETTLED_S = 0.05  # past the granularity of the clock
DIRECTORIES = TREES.filter(lambda tree: isinstance(tree, dict))


def add(store: ObjectStore, source: Path, name: str = "tree", files: Sequence[str] | None = None) -> StorePath:
    """A durable object of a source that nobody changed just now."""
    time.sleep(SETTLED_S)
    with store.lease() as lease:
        path = store.add_tree(source, name, lease=lease, files=files)
    store.flush()
    return path


def inode(store: ObjectStore, path: StorePath, below: str) -> int:
    return (store.on_disk(path) / below).lstat().st_ino


def source_of(tmp_path: Path) -> Path:
    """Directories in which nothing will change, and some in which something will."""
    tree: Tree = {
        "still": {**{f"f{n}": File(b"still %d" % n) for n in range(6)}, "link": File(b""), "deep": {"g": File(b"g")}},
        "lively": {**{f"f{n}": File(b"lively %d" % n, executable=n % 2 == 0) for n in range(6)}},
        "top": File(b"top"),
    }
    source = write(tree, tmp_path / "source")
    (source / "still" / "link").unlink()
    (source / "still" / "link").symlink_to("f0")
    (source / "lively" / "link").symlink_to("/hermetica/store/hx" + "1" * 30 + "-x/bin")
    return source


def test_what_did_not_change_is_linked_and_the_rest_is_copied(object_store: ObjectStore, tmp_path: Path) -> None:
    source = source_of(tmp_path)
    before = add(object_store, source)
    (source / "lively" / "f1").write_bytes(b"changed")
    (source / "lively" / "new").write_bytes(b"new")
    (source / "lively" / "f2").unlink()
    after = add(object_store, source)
    assert after == store_path("tree", hash_tree(source).tree)
    shared = {"still/f0", "still/f5", "still/deep/g", "lively/f0", "lively/f3", "top"}
    assert {each for each in shared if inode(object_store, before, each) == inode(object_store, after, each)} == shared
    assert inode(object_store, before, "lively/f1") != inode(object_store, after, "lively/f1")
    assert (object_store.on_disk(after) / "lively" / "f1").read_bytes() == b"changed"
    assert read(object_store.on_disk(after) / "still" / "link") == Link("f0")
    assert not object_store.verify().problems


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=DIRECTORIES, new=DIRECTORIES, keeps=st.booleans())
def test_a_renewed_tree_is_the_object_that_a_copy_would_be(
    object_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory, *, old: Tree, new: Tree, keeps: bool
) -> None:
    source = write({"both": old, "one": old}, tmp_path_factory.mktemp("t") / "source")
    add(object_store, source)
    shutil.rmtree(source / "one")
    write(new, source / "one")
    if not keeps:
        shutil.move(source / "both", source / "elsewhere")
    path = add(object_store, source)
    info = object_store.info(path)
    assert info is not None
    assert path == store_path("tree", hash_tree(source).tree)
    assert (info.tree, info.size_bytes) == (info.modulo, hash_tree(source).size_bytes)
    found = inspect(object_store.on_disk(path))
    assert not found.oddities
    assert decode_manifest(manifest_of(object_store, path)) == entries_of(found.content)
    assert not object_store.verify([path]).problems


def manifest_of(store: ObjectStore, path: StorePath) -> bytes:
    found = rows(store, lambda tx: tx.get(MANIFESTS, path.base.encode()))
    assert found is not None
    return found


def rows(store: ObjectStore, work: Callable[[Transaction], T]) -> T:
    return shared_of(store).index.read(work)


def shared_of(store: ObjectStore) -> Shared:
    return store._shared  # pyright: ignore[reportPrivateUsage] -- rows that no question is for


def test_a_file_that_became_executable_is_a_file_of_its_own(object_store: ObjectStore, tmp_path: Path) -> None:
    source = source_of(tmp_path)
    before = add(object_store, source)
    (source / "lively" / "f1").chmod(0o755)
    after = add(object_store, source)
    assert inode(object_store, before, "lively/f1") != inode(object_store, after, "lively/f1")
    assert os.access(object_store.on_disk(after) / "lively" / "f1", os.X_OK)
    assert inode(object_store, before, "lively/f3") == inode(object_store, after, "lively/f3")
    assert not object_store.verify().problems


def test_a_fresh_checkout_links_what_the_latest_object_of_that_name_has(
    object_store: ObjectStore, tmp_path: Path
) -> None:
    before = add(object_store, source_of(tmp_path))
    shutil.copytree(tmp_path / "source", tmp_path / "again" / "source", symlinks=True)
    (tmp_path / "again" / "source" / "top").write_bytes(b"changed")
    after = add(object_store, tmp_path / "again" / "source")
    assert inode(object_store, before, "still/f0") == inode(object_store, after, "still/f0")
    assert inode(object_store, before, "top") != inode(object_store, after, "top")
    assert not object_store.verify().problems


def test_chosen_files_are_linked_too_and_others_stay_out(object_store: ObjectStore, tmp_path: Path) -> None:
    source = source_of(tmp_path)
    before = add(object_store, source, files=["still", "lively/f1"])
    (source / "lively" / "f1").write_bytes(b"changed")
    after = add(object_store, source, files=["still", "lively/f1", "top"])
    assert after == store_path("tree", hash_tree(source, ["still", "lively/f1", "top"]).tree)
    assert inode(object_store, before, "still/deep/g") == inode(object_store, after, "still/deep/g")
    assert names(object_store.on_disk(after) / "lively") == ["f1"]
    assert not object_store.verify().problems


def test_what_is_to_become_something_else_is_not_added(object_store: ObjectStore, tmp_path: Path) -> None:
    source = source_of(tmp_path)
    before = add(object_store, source)
    (source / "top").write_bytes(b"changed")
    time.sleep(SETTLED_S)
    with object_store.lease() as lease:
        with pytest.raises(SourceChanged):
            object_store.add_tree(source, "tree", lease=lease, expected=before)
        expected = store_path("tree", hash_tree(source).tree)
        assert object_store.add_tree(source, "tree", lease=lease, expected=expected) == expected
    assert set(object_store.paths()) == {before, expected}
    assert inode(object_store, before, "still/f0") == inode(object_store, expected, "still/f0")


def test_two_entries_of_a_renewed_tree_are_never_one_inode(object_store: ObjectStore, tmp_path: Path) -> None:
    if can_clone(object_store.root / "tmp"):
        pytest.skip("equal files are clones here, each an inode of its own")
    source = write({"a": {"large": File(LARGE)}, "b": {"small": File(b"")}}, tmp_path / "source")
    before = add(object_store, source)
    (source / "b" / "large").write_bytes(LARGE)
    (source / "large").write_bytes(LARGE)
    after = add(object_store, source)
    assert inode(object_store, before, "a/large") == inode(object_store, after, "a/large")
    assert len({inode(object_store, after, each) for each in ("large", "a/large", "b/large")}) == 3
    assert not object_store.verify().problems


def lengthen(root: Path) -> None:
    place = root / "still" / "f0"
    place.chmod(0o644)
    place.write_bytes(b"longer than it was")
    place.chmod(0o444)
    os.utime(place, ns=(10**9, 10**9))


def touch(root: Path) -> None:
    os.utime(root / "still" / "f0")


def open_up(root: Path) -> None:
    (root / "still" / "f0").chmod(0o666)


def remove(root: Path) -> None:
    (root / "still").chmod(0o755)
    (root / "still" / "f0").unlink()


def relink(root: Path) -> None:
    (root / "still").chmod(0o755)
    (root / "still" / "link").unlink()
    (root / "still" / "link").symlink_to("elsewhere")


def remove_below(root: Path) -> None:
    (root / "still").chmod(0o755)
    remove_tree(root / "still" / "deep")


def replace_all(root: Path) -> None:
    remove_tree(root)
    root.symlink_to("/etc")


@pytest.mark.parametrize("damage", [lengthen, touch, open_up, remove, relink, remove_below, remove_tree, replace_all])
def test_what_can_be_seen_to_be_damaged_is_not_linked(
    object_store: ObjectStore, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    source = source_of(tmp_path)
    before = add(object_store, source)
    damage(object_store.on_disk(before))
    (source / "top").write_bytes(b"changed")
    after = add(object_store, source)
    assert after == store_path("tree", hash_tree(source).tree)
    assert {problem.path for problem in object_store.verify().problems} == {before}


def test_a_file_that_rots_unseen_is_named_in_every_object_that_shares_it(
    object_store: ObjectStore, tmp_path: Path
) -> None:
    source = source_of(tmp_path)
    before = add(object_store, source)
    rotten = object_store.on_disk(before) / "still" / "f0"
    data = rotten.read_bytes()
    rotten.chmod(0o644)
    rotten.write_bytes(bytes(len(data)))
    rotten.chmod(0o444)
    os.utime(rotten, ns=(10**9, 10**9))
    (source / "top").write_bytes(b"changed")
    after = add(object_store, source)
    found = {(problem.path, problem.file) for problem in object_store.verify().problems}
    assert found == {(before, "still/f0"), (after, "still/f0")}
    good = write({"same": File(data)}, tmp_path / "good")
    add(object_store, good, "good")
    report = object_store.repair()
    assert {each.path for each in report.repaired} == {before, after}
    assert inode(object_store, before, "still/f0") != inode(object_store, after, "still/f0")
    assert not object_store.verify().problems


def test_a_change_while_the_tree_is_made_is_noticed(object_store: ObjectStore, tmp_path: Path) -> None:
    source = source_of(tmp_path)
    path = add(object_store, source)
    cache = IndexedStatCache(shared_of(object_store), writable=True)
    found, outline = outline_tree(source, cache=cache)
    assert outline is not None
    lengthen(object_store.on_disk(path))  # so that the source is looked at
    (source / "still" / "f0").write_bytes(b"another")
    former = Former(root=object_store.on_disk(path), entries=entries_in(object_store, path), folders=digests(outline))
    with pytest.raises(TreeChanged, match="still/f0"), object_store.scratch() as room:
        renew(source, None, outline, former, room.path / "tree", cache)
    assert found.tree != hash_tree(source).tree


def digests(outline: Outline, path: bytes = b"") -> dict[bytes, bytes]:
    found = {path: outline.digest.raw}
    for name, folder in outline.folders.items():
        found.update(digests(folder, path + b"/" + name if path else name))
    return found


def entries_in(store: ObjectStore, path: StorePath) -> dict[bytes, bytes]:
    return split_manifest(manifest_of(store, path))


@pytest.mark.parametrize("table", [MANIFESTS, ORIGINS])
def test_damaged_rows_only_cost_the_links(object_store: ObjectStore, tmp_path: Path, table: bytes) -> None:
    source = source_of(tmp_path)
    before = add(object_store, source)
    place = place_of(source, "tree")
    assert place is not None
    key = place.key if table == ORIGINS else before.base.encode()
    change(object_store, lambda tx: tx.put(table, key, b"\x01\x05nonsense"))
    (source / "top").write_bytes(b"changed")
    after = add(object_store, source)
    assert after == store_path("tree", hash_tree(source).tree)
    assert not object_store.verify([after]).problems
    change(object_store, lambda tx: tx.put(table, key, b"\x01\x05nonsense"))
    assert object_store.repair().unrepaired == ()
    assert object_store.verify().problems == ()


def test_what_is_known_of_a_source_goes_with_its_object(object_store: ObjectStore, tmp_path: Path) -> None:
    source = source_of(tmp_path)
    path = add(object_store, source)
    other = add(object_store, write(File(b"other"), tmp_path / "other"), "other")
    object_store.add_root("other", other)
    object_store.collect()
    assert (object_store.has(path), object_store.has(other)) == (False, True)
    assert not rows(object_store, lambda tx: tx.items(ORIGINS))
    assert add(object_store, source) == path
    assert not object_store.verify().problems


def test_an_object_of_a_lower_store_is_never_linked(tmp_path: Path) -> None:
    source = source_of(tmp_path)
    with ObjectStore.open(tmp_path / "lower") as lower:
        below = add(lower, source)
        links = (lower.on_disk(below) / "still" / "f0").stat().st_nlink
    (source / "top").write_bytes(b"changed")
    (source / "lively" / "link").unlink()
    with ObjectStore.open(tmp_path / "upper", lower=[tmp_path / "lower"]) as upper:
        path = add(upper, source)
        assert (upper.on_disk(below) / "still" / "f0").stat().st_nlink == links
        assert read(upper.on_disk(path)) == read(source)
        assert not upper.verify().problems


def test_links_count_once_in_what_objects_take(object_store: ObjectStore, tmp_path: Path) -> None:
    source = write({"d": {"f": File(os.urandom(1 << 20))}, "g": File(b"")}, tmp_path / "source")
    before = add(object_store, source)
    (source / "g").write_bytes(b"changed")
    after = add(object_store, source)
    usage = object_store.usage([before, after])
    assert usage.size_bytes > 2 << 20
    assert usage.disk_bytes < (1 << 20) + (1 << 17)
    assert min(each.shared_bytes for each in usage.objects) >= 1 << 20
    object_store.delete([before])
    assert not object_store.verify().problems


COLLECT = """
say("ready")
while not Path(sys.argv[2]).exists():
    store.collect()
"""
ADD = """
with store.lease() as lease:
    say("adding")
    while True:
        (Path(sys.argv[2]) / "top").write_text(str(time.monotonic_ns()))
        store.add_tree(Path(sys.argv[2]), "tree", lease=lease)
"""


def test_a_collection_beside_it_takes_nothing_that_is_being_linked(object_store: ObjectStore, tmp_path: Path) -> None:
    source = source_of(tmp_path)
    collecting = start(object_store.root, COLLECT, tmp_path / "end")
    assert heard(collecting) == "ready"
    try:
        for number in range(25):
            (source / "top").write_text(str(number))
            with object_store.lease() as lease:
                path = object_store.add_tree(source, "tree", lease=lease)
                object_store.flush()
                assert not object_store.verify([path]).problems
    finally:
        (tmp_path / "end").touch()
    finish(collecting)
    assert not object_store.verify().problems


def test_a_process_that_dies_while_it_links_harms_no_object(object_store: ObjectStore, tmp_path: Path) -> None:
    source = write({f"d{n}": {f"f{m}": File(b"%d" % m) for m in range(40)} for n in range(20)}, tmp_path / "source")
    before = add(object_store, source)
    for delay_s in (0.0, 0.02, 0.05, 0.1):
        process = start(object_store.root, ADD, source)
        assert heard(process) == "adding"
        time.sleep(delay_s)
        kill(process)
    after = add(object_store, source)
    assert inode(object_store, before, "d3/f3") == inode(object_store, after, "d3/f3")
    assert {problem.kind for problem in object_store.verify().problems} <= {"unregistered"}  # left by a crash
    with ObjectStore.open(object_store.root) as store:
        store.collect()
        assert not store.verify().problems
        assert names(store.root / "tmp") == []


def test_two_threads_may_renew_one_source(object_store: ObjectStore, tmp_path: Path) -> None:
    source = source_of(tmp_path)
    add(object_store, source)
    (source / "top").write_bytes(b"changed")
    time.sleep(SETTLED_S)
    found: list[StorePath] = []
    threads = [threading.Thread(target=lambda: found.append(add(object_store, source))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [store_path("tree", hash_tree(source).tree)] * 4
    assert not object_store.verify().problems
