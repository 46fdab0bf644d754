"""Damaged objects become whole again, durably and in one step, and what was damaged is kept."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from hermetica_store import (
    CannotSupply,
    InLowerStore,
    NotQuarantined,
    ObjectStore,
    Scratch,
    StorePath,
)
from hermetica_store.copy import copy_tree
from hermetica_store.move import move
from hermetica_store.prepare import Candidate
from hermetica_store.rebuilt import take_rebuilt
from hermetica_store.schema import MANIFESTS
from hermetica_store.swap import is_staged
from tests.store.processes import finish, heard, kill, names, start
from tests.store.test_dedup import LARGE, damage, entries, publish
from tests.store.test_verify import write
from tests.store.trees import walk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL = {"bin/tool": b"#!/bin/sh\n", "data": b"data", "deep/er/x": b"x"}


def state(place: Path) -> list[tuple[str, int, int, bytes]]:
    return sorted(
        (
            str(path.relative_to(place)),
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in walk(place)
    )


def opened(place: Path) -> Path:
    place.chmod(0o755)
    return place


def change(place: Path) -> None:
    damage(place / "data", b"DATA")


def delete(place: Path) -> None:
    (opened(place) / "data").unlink()


def add_file(place: Path) -> None:
    (opened(place / "bin") / "new").write_text("new")


def add_fifo(place: Path) -> None:
    os.mkfifo(opened(place) / "fifo")


def replace_directory(place: Path) -> None:
    move(opened(place) / "deep", place.parent.parent / "elsewhere")
    (place / "deep").symlink_to("bin")


def touch(place: Path) -> None:
    os.utime(place / "bin")


def make_writable(place: Path) -> None:
    (place / "data").chmod(0o666)


def vanish(place: Path) -> None:
    move(place, place.parent.parent / "elsewhere")


DAMAGES = (change, delete, add_file, add_fifo, replace_directory, touch, make_writable, vanish)


@pytest.mark.parametrize("damaging", DAMAGES)
def test_an_object_is_put_together_from_equal_files_of_others(
    object_store: ObjectStore, damaging: Callable[[Path], None]
) -> None:
    store = object_store
    path = publish(store, "x", SMALL)
    publish(store, "other", {**SMALL, "name": b"x"})  # the file of x's own is `own`, and holds its name
    place = store.on_disk(path)
    before = state(place)
    damaging(place)
    report = store.repair()
    assert [(each.path, each.how) for each in report.repaired] == [(path, "assembled")]
    assert report.unrepaired == ()
    assert state(place) == before
    assert store.verify().problems == ()
    kept = store.quarantined()
    assert [each.path for each in kept] == ([] if damaging is vanish else [path])
    assert all(each.why and each.size_bytes for each in kept)


def test_what_is_whole_is_left_alone(object_store: ObjectStore) -> None:
    path = publish(object_store, "x", SMALL)
    before = object_store.on_disk(path).stat().st_ino
    report = object_store.repair()
    assert (report.repaired, report.rows, report.unrepaired) == ((), (), ())
    assert object_store.on_disk(path).stat().st_ino == before


def test_what_nobody_has_is_named_with_what_to_do(object_store: ObjectStore) -> None:
    path = publish(object_store, "x", SMALL)
    change(object_store.on_disk(path))
    report = object_store.repair([path])
    (left,) = report.unrepaired
    assert left.path == path
    assert "no equal files" in left.why
    assert "hermetica" in left.hint
    assert object_store.quarantined() == ()
    assert object_store.verify().damaged == (path,)


@pytest.mark.parametrize("entry", [b"../escaped", b"/escaped", b"link/escaped", b"a/../../escaped", b"."])
def test_a_damaged_manifest_writes_nowhere_else(object_store: ObjectStore, tmp_path: Path, entry: bytes) -> None:
    path = publish(object_store, "x", SMALL)
    base = path.base.encode()
    place = object_store.on_disk(path)
    before = walk(tmp_path)
    link = bytes((4,)) + b"link" + b"\x01" + bytes((len(os.fsencode(tmp_path)),)) + os.fsencode(tmp_path)
    file = bytes((len(entry),)) + entry + b"\x02" + bytes(32)
    write(object_store, lambda tx: tx.put(MANIFESTS, base, b"\x01" + b"\0\0" + link + file))
    change(place)
    assert [each.path for each in object_store.repair().unrepaired] == [path]
    assert [each for each in walk(tmp_path) if each not in before] == []


CRAMPED = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))
try:
    store.repair()
except StoreFull:
    say("full")
"""


def test_where_there_is_no_room_for_a_repair_the_object_stays_as_it_is(object_store: ObjectStore) -> None:
    path = publish(object_store, "x", {"large": bytes(4 << 20), **SMALL})
    change(object_store.on_disk(path))
    publish(object_store, "other", {**SMALL, "more": b"more"})
    before = state(object_store.on_disk(path))
    assert finish(start(object_store.root, CRAMPED)) == "full"
    assert state(object_store.on_disk(path)) == before
    assert names(object_store.root / "tmp") == []
    assert [each.path for each in object_store.repair().repaired] == [path]


def copying(source: Path, store: ObjectStore) -> Callable[[StorePath, Scratch, frozenset[StorePath]], Path]:
    def supply(path: StorePath, room: Scratch, damaged: frozenset[StorePath]) -> Path:
        assert path in damaged
        copy_tree(source, room.path / "tree")
        (made,) = take_rebuilt(store.root, [Candidate(tree=room.path / "tree", name="x")], {"out": path})
        return made.tree_on_disk

    return supply


def test_what_can_be_supplied_is(object_store: ObjectStore, tmp_path: Path) -> None:
    path = publish(object_store, "x", SMALL)
    place = object_store.on_disk(path)
    before = state(place)
    copy_tree(place, tmp_path / "good")
    change(place)
    report = object_store.repair([path], supply=copying(tmp_path / "good", object_store))
    assert [each.how for each in report.repaired] == ["supplied"]
    assert state(place) == before


def test_what_is_supplied_and_is_not_the_same_is_refused(object_store: ObjectStore, tmp_path: Path) -> None:
    path = publish(object_store, "x", SMALL)
    copy_tree(object_store.on_disk(path), tmp_path / "good")
    (tmp_path / "good" / "more").write_text("more")
    change(object_store.on_disk(path))
    report = object_store.repair([path], supply=copying(tmp_path / "good", object_store))
    assert [(each.path, each.why) for each in report.unrepaired] == [(path, "what was made again is not the same")]
    assert names(object_store.root / "store") == [path.base]
    assert names(object_store.root / "tmp") == []


def test_what_waits_for_another_is_supplied_after_it(object_store: ObjectStore, tmp_path: Path) -> None:
    store = object_store
    paths = [publish(store, name, {"f": name.encode() * 2}) for name in ("a", "b", "c")]
    order: list[StorePath] = []
    for path in paths:
        copy_tree(store.on_disk(path), tmp_path / path.name)
        (opened(store.on_disk(path)) / "f").unlink()

    def supply(path: StorePath, room: Scratch, damaged: frozenset[StorePath]) -> Path:
        later = damaged & set(paths[paths.index(path) + 1 :])
        if later:
            raise CannotSupply(path, "later", waits_for=later)
        order.append(path)
        return copying(tmp_path / path.name, store)(path, room, damaged)

    assert store.repair(supply=supply).unrepaired == ()
    assert order == paths[::-1]

    def circle(path: StorePath, room: Scratch, damaged: frozenset[StorePath]) -> Path:
        raise CannotSupply(path, "never", waits_for=damaged - {path})

    for path in paths:
        (opened(store.on_disk(path)) / "f").unlink()
    assert {each.path for each in store.repair(supply=circle).unrepaired} == set(paths)


def test_every_object_that_shares_a_damaged_file_is_named_and_repaired(
    object_store: ObjectStore, tmp_path: Path
) -> None:
    store = object_store
    first, second = (publish(store, name, {"a": LARGE}) for name in ("first", "second"))
    if (store.on_disk(first) / "a").stat().st_ino != (store.on_disk(second) / "a").stat().st_ino:
        pytest.skip("this file system shares blocks, not inodes")
    good: dict[StorePath, Path] = {}
    for path in (first, second):
        good[path] = tmp_path / path.name
        copy_tree(store.on_disk(path), good[path])
    damage(store.on_disk(first) / "a", b"!")
    assert store.verify([first]).damaged == tuple(sorted([first, second]))
    assert any(problem.kind == "links" for problem in store.verify().problems)

    def supply(path: StorePath, room: Scratch, damaged: frozenset[StorePath]) -> Path:
        return copying(good[path], store)(path, room, damaged)

    report = store.repair([first], supply=supply)
    assert {each.path for each in report.repaired} == {first, second}
    assert store.repair().unrepaired == ()
    assert store.verify().problems == ()
    assert (store.on_disk(first) / "a").read_bytes() == LARGE


def test_the_link_table_helps_where_no_other_object_does(object_store: ObjectStore) -> None:
    path = publish(object_store, "x", {"a": LARGE})
    (opened(object_store.on_disk(path)) / "a").unlink()
    assert len(entries(object_store)) == 1
    assert [each.how for each in object_store.repair().repaired] == ["assembled"]


def test_a_store_that_the_damaged_one_lies_over_helps_and_stays_as_it_is(tmp_path: Path) -> None:
    with ObjectStore.open(tmp_path / "lower") as lower:
        below = publish(lower, "below", SMALL)
        before = state(lower.on_disk(below))
    with ObjectStore.open(tmp_path / "upper", lower=[tmp_path / "lower"]) as upper:
        path = publish(upper, "above", SMALL)
        delete(upper.on_disk(path))
        assert [(each.path, each.how) for each in upper.repair().repaired] == [(path, "assembled")]
        assert upper.verify().problems == ()
        assert state(upper.on_disk(below)) == before
        with pytest.raises(InLowerStore):
            upper.repair([below])


def test_a_damaged_entry_of_the_link_table_is_dropped(object_store: ObjectStore) -> None:
    publish(object_store, "x", {"a": LARGE})
    (entry,) = entries(object_store)
    entry.rename(entry.with_name("0" * 62))
    assert [problem.kind for problem in object_store.verify().problems] == ["links"]
    object_store.repair()
    assert object_store.verify().problems == ()


def test_quarantine_is_listed_until_it_is_purged(object_store: ObjectStore) -> None:
    store = object_store
    path = publish(store, "x", {"a": LARGE})
    for _ in range(2):
        (opened(store.on_disk(path)) / "a").unlink()
        store.repair()
    first, second = store.quarantined()
    assert first.path == second.path == path
    assert {problem.file for problem in first.why} == {"", "a"}
    assert (first.tree / "own").read_text() == "x"
    store.collect()
    assert len(store.quarantined()) == 2
    assert store.purge_quarantine(older_than_s=3600) == ()
    with pytest.raises(NotQuarantined):
        store.purge_quarantine(["nothing"])
    assert [each.name for each in store.purge_quarantine([first.name])] == [first.name]
    (second.tree.parent / "note.json").write_text("{")
    assert [str(each.path.digest) for each in store.quarantined()] == [path.digest]
    assert len(store.purge_quarantine()) == 1
    assert names(store.root / "quarantine") == []


CUT_SHORT = """
import hermetica_store.repair as repair
def stop(*_):
    say("stopped")
    time.sleep(60)
setattr(repair, sys.argv[2], stop)
store.repair()
"""


@pytest.mark.parametrize("step", ["swap", "put"])
def test_a_repair_that_was_cut_short_is_ended_by_the_next(object_store: ObjectStore, step: str) -> None:
    store = object_store
    path = publish(store, "x", {"a": LARGE})
    before = state(store.on_disk(path))
    (opened(store.on_disk(path)) / "a").unlink()
    process = start(store.root, CUT_SHORT, step)
    assert heard(process) == "stopped"
    assert any(is_staged(name) for name in names(store.root / "store"))
    staged = [problem for problem in store.verify([]).problems if problem.kind == "unfinished"]
    assert staged == []
    kill(process)
    assert "unfinished" in {problem.kind for problem in store.verify().problems}
    assert store.repair().unrepaired == ()
    assert state(store.on_disk(path)) == before
    assert store.verify().problems == ()
    assert "unfinished" in {problem.kind for each in store.quarantined() for problem in each.why}


WORK = """
from tests.store.test_dedup import LARGE, publish
for number in range(15):
    path = publish(store, f"{sys.argv[2]}-{number}", {"a": LARGE, "b": b"%d" % number})
    if sys.argv[2] == "0":
        store.collect()
    report = store.verify()
    assert not [each for each in report.problems if each.kind != "unregistered"], report.problems
"""


def test_verification_sees_no_damage_beside_builds_and_collections(object_store: ObjectStore) -> None:
    for process in [start(object_store.root, WORK, number) for number in range(3)]:
        finish(process)


REPAIR = "say(len(store.repair().repaired))"


def test_of_two_repairs_of_one_object_one_replaces_it(object_store: ObjectStore) -> None:
    paths = [publish(object_store, f"{number}", {"a": LARGE, "n": b"%d" % number}) for number in range(8)]
    keep = publish(object_store, "keep", {"a": LARGE})
    for path in paths:
        (opened(object_store.on_disk(path)) / "a").unlink()
    for process in [start(object_store.root, REPAIR) for _ in range(3)]:
        finish(process)
    assert object_store.verify().problems == ()
    assert len(object_store.quarantined()) == len(paths)
    assert object_store.has(keep)


BUILD_AND_COLLECT = """
from tests.store.test_dedup import LARGE, publish
for number in range(12):
    publish(store, f"mine-{number}", {"a": LARGE, "b": b"%d" % number})
    store.collect()
"""
REPAIR_OFTEN = """
for _ in range(12):
    left = store.repair().unrepaired
    assert not left, left
"""


def test_repairs_builds_and_collections_work_side_by_side(object_store: ObjectStore) -> None:
    store = object_store
    kept = [publish(store, name, {"a": LARGE, "own-copy": b"x"}) for name in ("kept", "twin")]
    for path in kept:
        store.add_root(path.name, path)
    processes = [start(store.root, code) for code in (BUILD_AND_COLLECT, REPAIR_OFTEN, REPAIR_OFTEN)]
    while any(process.poll() is None for process in processes):
        (opened(store.on_disk(kept[0])) / "a").unlink(missing_ok=True)
        time.sleep(0.2)
    for process in processes:
        finish(process)
    assert store.repair().unrepaired == ()
    store.collect()
    assert store.verify().problems == ()
    assert set(store.paths()) == set(kept)
