"""A published object is whole, durable and one, whoever else publishes it."""

from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from hermetica_store import (
    Candidate,
    Commit,
    InvalidKey,
    NotRegistered,
    ObjectStore,
    Row,
    SourceChanged,
    StorePath,
    StoreUnavailable,
    Table,
    hash_tree,
    nar_digest,
    store_path,
)
from tests.store.processes import add, finish, heard, kill, names, settle, start, tree_candidate

if TYPE_CHECKING:
    from pathlib import Path


def test_a_published_tree_is_registered_canonical_and_usable_at_once(object_store: ObjectStore) -> None:
    with object_store.scratch() as scratch, object_store.lease() as lease:
        (prepared,) = object_store.prepare([tree_candidate(scratch.path)])
        commit = object_store.publish([prepared], lease=lease, rows=[Row(Table.TRACE, b"k", b"v", prepared.path)])
        place = object_store.on_disk(prepared.path)
        info = object_store.info(prepared.path)
        assert info is not None
        assert (info.tree, info.size_bytes, info.references) == (hash_tree(place).tree, 266, ())
        assert object_store.get(Table.TRACE, b"k") == b"v"
        assert stat.S_IMODE(place.stat().st_mode) == 0o555
        commit.wait()
        assert commit.is_durable
        assert object_store.info(prepared.path) == info
        assert not prepared.tree_on_disk.exists()
    assert not object_store.verify().problems


def test_what_is_pending_answers_every_question_as_it_will_when_durable(object_store: ObjectStore) -> None:
    def answers() -> tuple[object, ...]:
        return (
            object_store.has(second),
            object_store.find(second.digest[:10]),
            set(object_store.paths()),
            object_store.references(second),
            object_store.referrers(first),
            object_store.closure([second]),
            object_store.get_many(Table.TRACE, [b"1", b"2", b"3"]),
            list(object_store.items(Table.TRACE)),
            list(object_store.items(Table.TRACE, b"2")),
        )

    with object_store.lease() as lease:
        first = add(object_store, lease, "first", "x", rows=[Row(Table.TRACE, b"2", b"two")])
        object_store.put([Row(Table.TRACE, b"2", b"zwei"), Row(Table.TRACE, b"1", b"one")])
        second = add(object_store, lease, "second", "y", first)
        pending = answers()
        settle(object_store)
        assert answers() == pending
    assert pending[3:6] == ((first,), (second,), tuple(sorted([first, second])))
    assert pending[6:] == ([b"one", b"zwei", None], [(b"1", b"one"), (b"2", b"zwei")], [(b"2", b"zwei")])


def test_an_object_that_is_there_wins_and_ours_is_dropped(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        path = add(object_store, lease, "same")
        inode = object_store.on_disk(path).stat().st_ino
        assert add(object_store, lease, "same", rows=[Row(Table.TRACE, b"k", b"v")]) == path
        settle(object_store)
        assert add(object_store, lease, "same") == path
    assert object_store.on_disk(path).stat().st_ino == inode
    assert object_store.get(Table.TRACE, b"k") == b"v"
    assert names(object_store.root / "tmp") == []


def test_what_a_crash_left_unregistered_is_replaced(object_store: ObjectStore) -> None:
    with object_store.scratch() as scratch, object_store.lease() as lease:
        (prepared,) = object_store.prepare([tree_candidate(scratch.path)])
        leftover = object_store.on_disk(prepared.path)
        leftover.mkdir()
        (leftover / "half").write_text("writ")
        leftover.chmod(0o555)
        object_store.publish([prepared], lease=lease).wait()
    assert names(leftover) == ["bin", "data", "empty", "link"]
    assert not object_store.verify().problems


def test_a_crash_between_files_and_index_registers_nothing(object_store: ObjectStore) -> None:
    code = """
import hermetica_store.index as index
def die(self, work):
    say("renamed")
    time.sleep(60)
index.Index.write = die
with store.lease() as lease:
    store.add_bytes(b"lost", "x", lease=lease)
    time.sleep(60)
"""
    process = start(object_store.root, code)
    assert heard(process) == "renamed"
    kill(process)
    assert list(object_store.paths()) == []
    assert [problem.kind for problem in object_store.verify().problems] == ["unregistered"]
    with object_store.lease() as lease:
        path = add(object_store, lease, "lost")
        settle(object_store)
        assert not object_store.verify().problems
        assert object_store.on_disk(path).read_bytes() == b"lost"


PUBLISH_MANY = """
say("ready")
sys.stdin.readline()
with store.lease() as lease:
    for number in range(60):
        store.add_bytes(b"object %d" % number, "x", lease=lease,
                        rows=[Row(Table.RECORDS, b"%d-%d" % (os.getpid(), number), b"")])
store.close()
say("done")
"""


def test_several_processes_and_threads_publish_the_same_objects_at_once(object_store: ObjectStore) -> None:
    processes = [start(object_store.root, PUBLISH_MANY) for _ in range(3)]
    assert [heard(process) for process in processes] == ["ready"] * 3

    def publish() -> None:
        with object_store.lease() as lease:
            for number in range(60):
                add(object_store, lease, f"object {number}")

    threads = [threading.Thread(target=publish) for _ in range(2)]
    for thread in threads:
        thread.start()
    ends = [finish(process, "\n") for process in processes]
    for thread in threads:
        thread.join()
    assert ends == ["done"] * 3
    settle(object_store)
    assert len(list(object_store.paths())) == 60
    assert len(list(object_store.items(Table.RECORDS))) == 180
    assert not object_store.verify().problems
    assert names(object_store.root / "tmp") == []


def test_a_reference_that_is_not_there_is_refused_and_nothing_stays(object_store: ObjectStore) -> None:
    absent = store_path("absent", hash_tree(object_store.root / "locks").tree)
    with object_store.scratch() as scratch, object_store.lease() as lease:
        tree = scratch.path / "x"
        tree.write_text(str(absent))
        (prepared,) = object_store.prepare([Candidate(tree=tree, name="x")], [absent])
        row = Row(Table.TRACE, b"k", b"v", prepared.path)
        commit = object_store.publish([prepared], lease=lease, rows=[row])
        with pytest.raises(NotRegistered, match="absent") as raised:
            commit.wait()
    assert raised.value.details == (("needed by", str(prepared.path)),)
    assert not object_store.has(prepared.path)
    assert object_store.get(Table.TRACE, b"k") is None
    assert names(object_store.root / "store") == []


def test_a_failure_that_nobody_waited_for_is_raised_on_closing(tmp_path: Path) -> None:
    store = ObjectStore.open(tmp_path / "root")
    absent = store_path("absent", hash_tree(tmp_path).tree)
    with store.lease() as lease:
        add(store, lease, "x", "x", absent)
    with pytest.raises(NotRegistered):
        store.close()
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        store.has(absent)


def test_one_bad_publication_does_not_take_others_with_it(object_store: ObjectStore) -> None:
    absent = store_path("absent", hash_tree(object_store.root / "locks").tree)
    with object_store.scratch() as scratch, object_store.lease() as lease:
        commits: list[Commit] = []
        for number in range(20):
            tree = scratch.path / str(number)
            tree.write_text(f"{number} {absent if number % 5 == 0 else ''}")
            prepared = object_store.prepare([Candidate(tree=tree, name="x")], [absent])
            commits.append(object_store.publish(prepared, lease=lease))
        for number, commit in enumerate(commits):
            if number % 5:
                commit.wait()
            else:
                with pytest.raises(NotRegistered):
                    commit.wait()
    assert len(list(object_store.paths())) == 16
    assert not object_store.verify().problems


def test_outputs_that_refer_to_each_other_are_published_together(object_store: ObjectStore) -> None:
    first, second = "hx" + "1" * 30, "hx" + "2" * 30
    with object_store.scratch() as scratch, object_store.lease() as lease:
        for name, text in ((first, "leaf"), (second, f"/hermetica/store/{first}-a /hermetica/store/{second}-b")):
            (scratch.path / name).write_text(text)
        candidates = [
            Candidate(tree=scratch.path / digest, name=name, scratch_digest=digest, output=name)
            for digest, name in ((second, "b"), (first, "a"))
        ]
        user, leaf = object_store.prepare(candidates)
        object_store.publish([user, leaf], lease=lease).wait()
    assert object_store.references(user.path) == tuple(sorted([leaf.path, user.path]))
    assert set(object_store.referrers(user.path)) == {user.path}
    assert not object_store.verify().problems


def test_a_source_that_changed_after_it_was_hashed_is_refused(object_store: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("before")
    expected = store_path("source", object_store.hash_source(source).tree)
    with object_store.lease() as lease:
        assert object_store.add_tree(source, "source", lease=lease, expected=expected) == expected
        source.write_text("after!")
        with pytest.raises(SourceChanged, match="source") as raised:
            object_store.add_tree(source, "source", lease=lease, expected=expected)
    assert raised.value.expected == expected
    assert list(object_store.paths()) == [expected]
    assert names(object_store.root / "tmp") == []


def test_adding_an_unchanged_tree_again_reads_none_of_it(object_store: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(b"content")
    threading.Event().wait(0.1)  # past the granularity of the clock: a younger file is always read
    with object_store.lease() as lease:
        path = object_store.add_tree(source, "source", lease=lease)
        settle(object_store)
        assert object_store.hash_source(source).read_count == 0
        assert object_store.add_tree(source, "source", lease=lease) == path
        (source / "file").write_bytes(b"CONTENT")
        changed = object_store.add_tree(source, "source", lease=lease)
    assert changed != path
    assert (object_store.on_disk(changed) / "file").read_bytes() == b"CONTENT"


def test_a_tree_is_added_as_far_as_it_was_chosen_and_the_source_stays(
    object_store: ObjectStore, tmp_path: Path
) -> None:
    source = tree_candidate(tmp_path).tree
    before = {path: path.lstat() for path in source.rglob("*")}
    with object_store.lease() as lease:
        path = object_store.add_tree(source, "part", lease=lease, files=["bin", "link"])
    assert path == store_path("part", hash_tree(source, ["bin", "link"]).tree)
    assert names(object_store.on_disk(path)) == ["bin", "link"]
    assert all(path.lstat().st_mtime_ns == was.st_mtime_ns for path, was in before.items())


def test_an_unchanged_source_is_not_read_again(object_store: ObjectStore, tmp_path: Path) -> None:
    source = tree_candidate(tmp_path).tree
    for path in source.rglob("*"):
        os.utime(path, ns=(10**9, 10**9), follow_symlinks=False)
    threading.Event().wait(0.05)  # older than the clock's granularity
    first = object_store.hash_source(source)
    settle(object_store)
    again = object_store.hash_source(source)
    assert (first.read_count, again.read_count) == (2, 0)
    assert first.tree == again.tree == hash_tree(source).tree


def test_the_nar_digest_is_computed_once_and_kept(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        path = add(object_store, lease, "x")
    info = object_store.info(path)
    assert info is not None
    assert info.nar is None
    digest = object_store.nar(path)
    assert digest == nar_digest(object_store.on_disk(path))
    settle(object_store)
    info = object_store.info(path)
    assert info is not None
    assert info.nar == digest
    with pytest.raises(NotRegistered):
        object_store.nar(StorePath(path.digest, "other"))


def test_rows_of_an_object_that_is_not_there_are_left_out(object_store: ObjectStore) -> None:
    absent = store_path("absent", hash_tree(object_store.root / "locks").tree)
    object_store.put([Row(Table.TRACE, b"k", b"v", absent), Row(Table.TRACE, b"l", b"v")]).wait()
    assert list(object_store.items(Table.TRACE)) == [(b"l", b"v")]


@pytest.mark.parametrize("key", [b"", b"x" * 481])
def test_a_key_that_cannot_be_one_is_refused(object_store: ObjectStore, key: bytes) -> None:
    with pytest.raises(InvalidKey):
        object_store.put([Row(Table.TRACE, key, b"v")])


def test_many_rows_are_listed_in_order_and_by_prefix(object_store: ObjectStore) -> None:
    keys = [b"%05d" % number for number in range(3000)]
    object_store.put([Row(Table.DERIVATIONS, key, key[::-1]) for key in reversed(keys)]).wait()
    assert list(object_store.items(Table.DERIVATIONS)) == [(key, key[::-1]) for key in keys]
    assert [key for key, _ in object_store.items(Table.DERIVATIONS, b"012")] == keys[1200:1300]
    assert object_store.get_many(Table.DERIVATIONS, [keys[7], b"none"]) == [keys[7][::-1], None]


def test_the_first_row_of_each_prefix_is_found_whether_or_not_it_is_durable(object_store: ObjectStore) -> None:
    object_store.put([Row(Table.DERIVATIONS, key, key + b"!") for key in (b"aa", b"ac", b"ba")]).wait()
    pending = object_store.put([Row(Table.DERIVATIONS, key, key + b"?") for key in (b"ab", b"ba", b"ca")])
    prefixes = [b"a", b"ab", b"b", b"c", b"d", b"aaa"]
    found = [b"aa!", b"ab?", b"ba?", b"ca?", None, None]
    assert object_store.first_many(Table.DERIVATIONS, prefixes) == found
    pending.wait()
    assert object_store.first_many(Table.DERIVATIONS, prefixes) == found
    assert object_store.first_many(Table.DERIVATIONS, []) == []
