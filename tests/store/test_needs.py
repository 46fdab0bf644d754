"""Rows that other rows need: there once, as long as one of those is, whoever writes, collects or dies meanwhile."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import lmdb
import pytest

from hermetica_store import IndexDamaged, ObjectStore, Policy, Row, StorePath, Table
from hermetica_store.schema import NEEDED
from hermetica_store.selection import KeptSelection, read_selection, selection_text
from tests.campaign import checker
from tests.store.processes import add, finish, heard, settle, start
from tests.store.test_collect import is_empty
from tests.store.test_verify import write

if TYPE_CHECKING:
    from pathlib import Path

FILES = tuple(f"package/module_{number:03d}.py" for number in range(200))
KEPT = KeptSelection.of(FILES)
OTHER = KeptSelection.of(FILES[1:])


def of_a_derivation(key: bytes, owner: StorePath | None = None, *kept: KeptSelection) -> Row:
    """A row that needs lists of files."""
    needs = tuple(Row(Table.SELECTIONS, each.digest.raw, each.value) for each in kept or (KEPT,))
    return Row(Table.DERIVATIONS, key, b"{}", owner, needs)


def lists(store: ObjectStore) -> list[bytes]:
    """The keys of the lists that are there."""
    return [key for key, _ in store.items(Table.SELECTIONS)]


def entries(store: ObjectStore) -> list[tuple[bytes, bytes]]:
    """Which row needs which, as the index has it."""
    return store._shared.index.read(lambda tx: tx.items(NEEDED))  # pyright: ignore[reportPrivateUsage] -- nobody asks


def test_a_list_is_there_once_for_all_that_need_it_at_once_and_ever_after(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        owner = add(object_store, lease, "owner")
    pending = object_store.put([of_a_derivation(b"%03d" % number, owner) for number in range(50)])
    assert lists(object_store) == [KEPT.digest.raw]
    pending.wait()
    object_store.put([of_a_derivation(b"free %03d" % number) for number in range(50)]).wait()
    value = object_store.get(Table.SELECTIONS, KEPT.digest.raw)
    assert value is not None
    assert read_selection(KEPT.digest.raw, value) == FILES
    assert (len(lists(object_store)), len(entries(object_store))) == (1, 100)
    assert object_store.verify().problems == ()


def test_a_list_goes_with_the_last_row_that_needs_it_and_a_dry_run_says_so(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        first, second = add(object_store, lease, "first"), add(object_store, lease, "second")
    object_store.add_root("second", second)
    rows = [of_a_derivation(b"1", first), of_a_derivation(b"2", second, KEPT, OTHER), of_a_derivation(b"free")]
    object_store.put(rows).wait()
    dry = object_store.collect(dry_run=True)
    assert (dry.paths, dry.rows) == ((first,), 1)
    assert object_store.collect() == dry
    assert lists(object_store) == sorted([KEPT.digest.raw, OTHER.digest.raw])
    assert {by for _, by in entries(object_store)} == {b"d2"}
    bare = Policy(keep_derivations=False)
    dry = object_store.collect(bare, dry_run=True)
    assert (dry.paths, dry.rows) == ((), 3)
    assert object_store.collect(bare) == dry
    assert (lists(object_store), entries(object_store)) == ([], [])
    object_store.remove_root("second")
    object_store.collect()
    assert is_empty(object_store)


def test_a_young_row_keeps_an_old_list(object_store: ObjectStore) -> None:
    object_store.put([of_a_derivation(b"free")]).wait()
    assert object_store.collect(Policy(keep_rows_s=60)).rows == 0
    assert lists(object_store) == [KEPT.digest.raw]
    assert object_store.collect().rows == 2
    assert is_empty(object_store)


def test_a_row_whose_owner_is_not_there_brings_no_list(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        gone = add(object_store, lease, "gone")
    object_store.delete([gone])
    object_store.put([of_a_derivation(b"1", gone)]).wait()
    assert is_empty(object_store)


def test_what_was_deleted_by_hand_leaves_a_list_for_the_next_collection(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        path = add(object_store, lease, "x")
    object_store.put([of_a_derivation(b"1", path)]).wait()
    object_store.delete([path])
    assert lists(object_store) == [KEPT.digest.raw]
    assert object_store.verify().problems == ()
    assert object_store.collect().rows == 1
    assert is_empty(object_store)


def test_a_list_below_is_found_from_above_and_one_above_is_its_own(tmp_path: Path) -> None:
    with ObjectStore.open(tmp_path / "lower") as lower:
        lower.put([of_a_derivation(b"1")]).wait()
    with ObjectStore.open(tmp_path / "upper", lower=[tmp_path / "lower"]) as upper:
        assert upper.get(Table.SELECTIONS, KEPT.digest.raw) is not None
        with upper.lease() as lease:
            upper.put([of_a_derivation(b"2", add(upper, lease, "x"))]).wait()
            upper.collect()
    with ObjectStore.open(tmp_path / "upper", lower=[]) as alone:
        assert lists(alone) == [KEPT.digest.raw]


COLLECTOR = """
def paused(self, work):
    if getattr(work, "args", [None])[0] is Table.SELECTIONS:
        say("decides")
        sys.stdin.readline()
    return run(self, work)
from hermetica_store.writer import Writer
run, Writer.run = Writer.run, paused
collected = store.collect()
say(collected.rows)
store.close()
"""


def test_a_row_that_comes_while_a_collection_is_about_to_take_its_list_keeps_it(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        owner = add(object_store, lease, "owner")
        settle(object_store)
        object_store.put([of_a_derivation(b"free", None, KEPT, OTHER)]).wait()
        process = start(object_store.root, COLLECTOR)
        assert heard(process) == "decides"
        object_store.put([of_a_derivation(b"1", owner)]).wait()
        assert finish(process, "\n") == "3"
        assert lists(object_store) == [KEPT.digest.raw]
        assert object_store.verify().problems == ()


DYING = """
from hermetica_store.index import Index
left, write = int(sys.argv[2]), Index._write_once
def dying(self, work):
    global left
    if left == 0:
        work = lambda tx, work=work: (work(tx), os.kill(os.getpid(), signal.SIGKILL))
    left -= 1
    return write(self, work)
Index._write_once = dying
from hermetica_store.selection import KeptSelection
def made(key, owner, *numbers):
    kept = [KeptSelection.of([f"file_{number}_{each:03d}" for each in range(100)]) for number in numbers]
    needs = tuple(Row(Table.SELECTIONS, each.digest.raw, each.value) for each in kept)
    return Row(Table.DERIVATIONS, key, b"{}", owner, needs)
with store.lease() as lease:
    owner = store.add_bytes(b"owner", "owner", lease=lease, rows=[made(b"1", None, 1)])
    store.put([made(b"2", owner, 1), made(b"3", owner, 1, 2)]).wait()
    store.add_root("owner", owner)
store.collect()
store.remove_root("owner")
store.collect()
store.close()
"""


def test_killed_before_any_commit_of_writing_or_collecting_nothing_dangles_and_the_next_takes_the_rest(
    tmp_path: Path,
) -> None:
    for number in range(40):
        root = tmp_path / "root"
        process = start(root, DYING, number)
        process.communicate(timeout=60)
        assert process.returncode in {0, -9}
        assert checker.check(root)[1] == []
        with ObjectStore.open(root) as store:
            assert {problem.kind for problem in store.verify().problems} <= {"unregistered"}
        if process.returncode == 0:
            break
    else:
        pytest.fail("it never came to its end")
    assert number > 8
    with ObjectStore.open(root) as store:
        store.remove_root("owner")
        store.collect()
        assert is_empty(store)


def forget_tables(root: Path) -> None:
    """Makes a store what a version left that knew nothing of lists."""
    with (
        lmdb.open(os.fspath(root / "index"), max_dbs=40) as environment,
        environment.begin(write=True) as raw,
    ):
        for name, several in ((Table.SELECTIONS.value, False), (NEEDED, True)):
            raw.drop(environment.open_db(name, raw, dupsort=several, create=False))


def test_a_store_without_the_tables_is_read_collected_and_written(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with ObjectStore.open(root) as store, store.lease() as lease:
        store.add_root("x", add(store, lease, "x", rows=[Row(Table.DERIVATIONS, b"1", b"{}")]))
    forget_tables(root)
    with ObjectStore.open(root, read_only=True) as store:
        assert store.get(Table.SELECTIONS, KEPT.digest.raw) is None
        assert lists(store) == []
        assert store.verify().problems == ()
        assert store.collect(dry_run=True).rows == 1
    with ObjectStore.open(root) as store:
        assert store.collect().rows == 1
        store.put([of_a_derivation(b"2")]).wait()
        assert lists(store) == [KEPT.digest.raw]
    assert checker.check(root)[1] == []


def test_rows_that_a_version_dropped_that_knew_nothing_of_lists_keep_none(object_store: ObjectStore) -> None:
    object_store.put([of_a_derivation(b"1"), of_a_derivation(b"2", None, KEPT, OTHER)]).wait()
    write(object_store, lambda tx: tx.delete(Table.DERIVATIONS.value, b"2"))
    assert object_store.verify().problems == ()
    assert object_store.collect(Policy(keep_rows_s=60)).rows == 0  # they are as young as what needs them may be
    assert entries(object_store) == [(b"s" + KEPT.digest.raw, b"d1")]
    assert object_store.collect().rows == 3
    assert is_empty(object_store)


def test_a_row_of_a_table_that_a_later_version_has_keeps_its_list(object_store: ObjectStore) -> None:
    object_store.put([of_a_derivation(b"1")]).wait()
    write(object_store, lambda tx: tx.put(NEEDED, b"s" + KEPT.digest.raw, b"?later"))
    assert object_store.collect().rows == 1
    assert lists(object_store) == [KEPT.digest.raw]
    assert object_store.verify().problems == ()


def test_a_list_that_is_missing_is_named_with_what_to_do(object_store: ObjectStore) -> None:
    object_store.put([of_a_derivation(b"1")]).wait()
    write(object_store, lambda tx: tx.delete(Table.SELECTIONS.value, KEPT.digest.raw))
    (problem,) = object_store.verify().problems
    assert "of derivations refers to" in problem.detail
    assert "of selections, which is not there" in problem.detail
    (left,) = object_store.repair().unrepaired
    assert "from its module" in left.hint
    object_store.put([of_a_derivation(b"1")]).wait()
    assert object_store.verify().problems == ()


@pytest.mark.parametrize("value", [b"", b"\x09[]", b"\x01nonsense", b"\x02nonsense", OTHER.value])
def test_a_damaged_list_is_named_dropped_and_put_again(object_store: ObjectStore, value: bytes) -> None:
    object_store.put([of_a_derivation(b"1")]).wait()
    stored = bytes((1, 0, 0, 0, 0, 0, 0, 0)) + value
    write(object_store, lambda tx: tx.put(Table.SELECTIONS.value, KEPT.digest.raw, stored))
    with pytest.raises(IndexDamaged, match="damaged list of files"):
        read_selection(KEPT.digest.raw, value)
    (problem,) = object_store.verify().problems
    assert f"damaged list of files: {KEPT.digest.hex}" in problem.detail
    object_store.repair()
    object_store.put([of_a_derivation(b"1")]).wait()
    assert object_store.verify().problems == ()


def test_a_list_of_anything_but_paths_is_refused() -> None:
    for text in (b'{"a":1}', b"[1]", b"null", b"[" * 100_000):
        kept = KeptSelection.of(())
        digest, packed = type(kept.digest).of(text), b"\x01" + text
        with pytest.raises(IndexDamaged):
            read_selection(digest.raw, packed)
    assert read_selection(KeptSelection.of(("ä", "b/c")).digest.raw, KeptSelection.of(("ä", "b/c")).value) == (
        "ä",
        "b/c",
    )
    assert selection_text(("a", "b")) == '["a","b"]'
