"""Collections take what nothing needs, all of it, and nothing else."""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hermetica_store import InUse, NotRegistered, ObjectStore, Policy, Row, StorePath, Table, hash_tree, store_path
from hermetica_store.codec import encode_stamp, stamp_key
from hermetica_store.schema import STATS
from tests.store.processes import add, finish, heard, kill, names, settle, start

if TYPE_CHECKING:
    from pathlib import Path

    from hermetica_store.transaction import Transaction


def is_empty(store: ObjectStore) -> bool:
    """Whether nothing is left, in files and index."""
    shared = store._shared  # pyright: ignore[reportPrivateUsage] -- every table counts, also those with no question
    tables = [b"objects", b"used", b"nars", b"manifests", b"referrers", b"owned", b"roots", b"leases", b"stats"]
    tables += [b"needed"]
    tables += [table.value for table in Table]
    left = shared.index.read(lambda tx: {table: tx.count(table) for table in tables if tx.count(table)})
    files = [path for name in ("store", "log", "tmp") for path in (store.root / name).rglob("*")]
    assert (left, files) == ({}, [])
    return True


def test_without_roots_nothing_is_left_in_files_or_index(object_store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "source").write_text("x")
    os.utime(tmp_path / "source")
    time.sleep(0.05)
    object_store.hash_source(tmp_path / "source")
    with object_store.lease() as lease, object_store.scratch() as scratch:
        library = add(object_store, lease, "library")
        app = add(object_store, lease, "app", "app", library, rows=[Row(Table.TRACE, b"t", b"v")])
        for table in Table:
            object_store.put([Row(table, b"owned", b"v", app), Row(table, b"free", b"v")])
        object_store.nar(app)
        object_store.write_log("00ff", b"failed")
        scratch.keep()
    object_store.add_root("r", app)
    assert set(object_store.collect().paths) == set()
    assert object_store.get(Table.TRACE, b"owned") == b"v"
    assert object_store.get(Table.DERIVATIONS, b"free") is None
    object_store.remove_root("r")
    dry = object_store.collect(dry_run=True)
    collected = object_store.collect()
    assert collected.paths == dry.paths == (app, library)
    assert collected.size_bytes == dry.size_bytes == 7 + len(f"app\n{library}")
    assert is_empty(object_store)
    assert not object_store.verify().problems


def test_a_dry_run_changes_nothing(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        path = add(object_store, lease, "x")
    object_store.put([Row(Table.RECORDS, b"\x01", b"v")]).wait()
    object_store.write_log("01", b"said")
    dry = object_store.collect(dry_run=True)
    assert (dry.paths, dry.rows, dry.logs) == ((path,), 1, 1)
    assert dry.log_bytes > 0
    assert object_store.has(path)
    assert object_store.read_log("01") == b"said"
    assert object_store.collect() == dry


def test_a_root_keeps_its_closure(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        library = add(object_store, lease, "library")
        app = add(object_store, lease, "app", "app", library)
        other = add(object_store, lease, "other", "other", library)
    object_store.add_root("mine", app)
    assert object_store.collect().paths == (other,)
    assert [(root.name, root.path, root.link, root.is_stale) for root in object_store.roots()] == [
        ("mine", app, None, False)
    ]
    assert object_store.closure([app]) == tuple(sorted([app, library]))


@pytest.mark.parametrize("end", ["gone", "elsewhere", "file"])
def test_a_root_with_a_link_stands_and_falls_with_it(object_store: ObjectStore, tmp_path: Path, end: str) -> None:
    with object_store.lease() as lease:
        path, other = add(object_store, lease, "x"), add(object_store, lease, "y")
    link = tmp_path / "result"
    link.symlink_to(object_store.on_disk(path))
    object_store.add_root("link", path, link=link)
    assert object_store.collect().paths == (other,)
    link.unlink()
    if end == "elsewhere":
        link.symlink_to(object_store.on_disk(other))
    elif end == "file":
        link.write_text("")
    assert [root.is_stale for root in object_store.roots()] == [True]
    collected = object_store.collect()
    assert (collected.paths, collected.roots) == ((path,), ("link",))
    assert object_store.roots() == ()


def test_a_root_needs_an_object(object_store: ObjectStore) -> None:
    absent = store_path("absent", hash_tree(object_store.root / "locks").tree)
    with pytest.raises(NotRegistered):
        object_store.add_root("r", absent)
    object_store.remove_root("never was")


def test_what_is_in_use_is_not_deleted_and_every_reason_is_named(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        library = add(object_store, lease, "library")
        app = add(object_store, lease, "app", "app", library)
        object_store.add_root("mine", library)
        with pytest.raises(InUse) as raised:
            object_store.delete([library])
        assert set(raised.value.why) == {"root mine", f"lease of process {os.getpid()}", f"referrer {app}"}
        with pytest.raises(InUse, match="lease"):
            object_store.delete([app])
    object_store.remove_root("mine")
    with pytest.raises(InUse, match=str(app)):
        object_store.delete([library])
    assert object_store.delete([library, app]).paths == (app, library)
    assert names(object_store.root / "store") == []
    with pytest.raises(NotRegistered):
        object_store.delete([app])


def test_the_least_recently_used_go_first_and_no_more_than_must(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        paths = [add(object_store, lease, "x" * 100, f"o{number}") for number in range(5)]
        for path in paths:
            settle(object_store)
            time.sleep(0.003)
            with object_store.lease() as again:
                again.hold([path])
        time.sleep(0.003)
        with object_store.lease() as again:
            again.hold([paths[0]])
    assert object_store.collect(Policy(max_bytes=300)).paths == (paths[1], paths[2])
    assert object_store.collect(Policy(max_bytes=300)).paths == ()
    assert object_store.collect(Policy(older_than_s=60)).paths == ()
    assert set(object_store.collect(Policy(older_than_s=0)).paths) == {paths[0], paths[3], paths[4]}


def test_young_rows_logs_and_kept_builds_can_be_spared(object_store: ObjectStore) -> None:
    object_store.put([Row(Table.RECORDS, b"\x01", b"v"), Row(Table.DERIVATIONS, b"d", b"v")])
    object_store.write_log("01", b"said")
    object_store.write_log("02", b"of a record yet to come")
    with object_store.scratch() as scratch:
        scratch.keep()
    spared = object_store.collect(Policy(keep_rows_s=60))
    assert (spared.rows, spared.logs, spared.scratch) == (0, 0, 0)
    gone = object_store.collect()
    assert (gone.rows, gone.logs, gone.scratch) == (2, 2, 1)
    assert is_empty(object_store)


def build_rows(path: StorePath, record: bytes, *inputs: StorePath) -> list[Row]:
    """What a build leaves beside an object: trace, derivation, record, and the history that leads to it."""
    made_of = b"\0".join(each.base.encode() for each in inputs)
    return [
        Row(Table.TRACE, b"r" + record, path.base.encode(), path),
        Row(Table.DERIVATIONS, b"d" + record, b"{}", path),
        Row(Table.RECORDS, record, b"{}", path),
        Row(Table.HISTORY, b"d" + bytes(32) + record, b"", path),
        Row(Table.HISTORY, b"p" + path.base.encode() + b"\0" + record, made_of, path),
    ]


def test_what_rooted_objects_were_built_from_is_kept_on_demand(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        source, tool, library, app, other = (
            add(object_store, lease, text) for text in ("source", "tool", "library", "app", "other")
        )
    object_store.put(build_rows(library, b"\x01", source)).wait()
    object_store.put([*build_rows(app, b"\x02", library), *build_rows(app, b"\x03", tool)]).wait()
    object_store.add_root("app", app)
    keeping = Policy(keep_outputs=True)
    assert object_store.collect(keeping, dry_run=True).paths == object_store.collect(keeping).paths == (other,)
    assert object_store.collect(Policy(keep_outputs=True, keep_derivations=False)).paths == ()
    assert object_store.get(Table.RECORDS, b"\x02") is None
    assert object_store.collect(keeping).paths == ()
    assert set(object_store.collect().paths) == {source, tool, library}


def test_how_objects_came_to_be_goes_on_demand_and_the_trace_stays(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        app, library = add(object_store, lease, "app"), add(object_store, lease, "library")
        for path, record in ((app, b"\x01"), (library, b"\x02")):
            object_store.put(build_rows(path, record)).wait()
            object_store.write_log(record.hex(), b"said")
        object_store.add_root("app", app)
        bare = Policy(keep_derivations=False)
        assert object_store.collect(bare).rows == 0
    young = object_store.collect(Policy(keep_derivations=False, keep_rows_s=60, older_than_s=60))
    assert (young.paths, young.rows, young.logs) == ((), 0, 0)
    dry = object_store.collect(bare, dry_run=True)
    assert (dry.paths, dry.rows, dry.logs) == ((library,), 4, 2)
    assert object_store.collect(bare) == dry
    assert object_store.get(Table.TRACE, b"r\x01") == app.base.encode()
    assert object_store.read_log("01") is None
    assert not object_store.verify().problems
    object_store.remove_root("app")
    object_store.collect()
    assert is_empty(object_store)


def test_a_dry_run_states_all_bytes_and_a_limit_on_what_is_freed_holds(object_store: ObjectStore) -> None:
    with object_store.lease() as lease, object_store.scratch() as scratch:
        paths = [add(object_store, lease, "x" * 1000, f"o{number}") for number in range(4)]
        object_store.put(build_rows(paths[0], b"\x01"))
        object_store.write_log("01", b"said")
        (scratch.path / "core").write_bytes(bytes(50_000))
        scratch.keep()
    dry = object_store.collect(dry_run=True)
    assert dry.size_bytes == 4000
    assert dry.scratch_bytes > 50_000
    assert dry.total_bytes == 4000 + dry.log_bytes + dry.scratch_bytes
    assert len(object_store.collect(Policy(max_freed_bytes=1001, keep_rows_s=60)).paths) == 2
    assert len(object_store.collect(Policy(max_freed_bytes=5000, max_bytes=1000, keep_rows_s=60)).paths) == 1
    assert object_store.collect(Policy(max_freed_bytes=0, keep_rows_s=60)).paths == ()


def test_many_rows_at_once_are_new_or_replace_what_was_there(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        owner = object_store.add_bytes(b"owner", "owner", lease=lease)
    owned = [Row(Table.TRACE, b"%03d" % number, b"owned", owner) for number in range(0, 40, 2)]
    object_store.put(owned).wait()
    rows = [Row(Table.TRACE, b"%03d" % number, b"first") for number in range(40)]
    object_store.put([*rows, Row(Table.TRACE, b"007", b"last")]).wait()
    values = dict(object_store.items(Table.TRACE))
    assert values == {row.key: row.value for row in rows} | {b"007": b"last"}
    assert not object_store.verify().problems


def test_a_row_changes_its_owner_and_goes_with_the_last(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        first, second = add(object_store, lease, "1"), add(object_store, lease, "2")
    object_store.put([Row(Table.TRACE, b"k", b"1", first)])
    object_store.put([Row(Table.TRACE, b"k", b"2", second)]).wait()
    object_store.delete([first])
    assert object_store.get(Table.TRACE, b"k") == b"2"
    object_store.put([Row(Table.TRACE, b"k", b"3")]).wait()
    object_store.delete([second])
    assert object_store.get(Table.TRACE, b"k") == b"3"
    assert not object_store.verify().problems


def test_logs_live_as_long_as_their_records(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        path = add(object_store, lease, "x", rows=())
        object_store.put([Row(Table.RECORDS, b"\xab", b"r", path)])
        object_store.write_log("ab", b"said")
        writer = object_store.log_writer("cd")
        writer.write(b"still running")
        object_store.collect()
        assert object_store.read_log("ab") == b"said"
        assert object_store.read_log("cd") == b"still running"
        writer.close()
    object_store.collect()
    assert is_empty(object_store)


def test_what_dead_processes_left_goes(object_store: ObjectStore) -> None:
    code = """
with store.lease() as lease, store.scratch() as scratch:
    (scratch.path / "f").touch()
    store.add_bytes(b"x", "x", lease=lease)
    store.put([]).wait()
    say("added")
    time.sleep(60)
"""
    process = start(object_store.root, code)
    heard(process)
    kill(process)
    leftover = object_store.root / "store" / store_path("left", hash_tree(object_store.root / "locks").tree).base
    leftover.mkdir()
    collected = object_store.collect()
    assert (len(collected.paths), collected.scratch) == (1, 1)
    assert is_empty(object_store)


def test_sources_hashed_long_ago_are_forgotten(object_store: ObjectStore) -> None:
    shared = object_store._shared  # pyright: ignore[reportPrivateUsage] -- nobody waits sixty days
    today = int(time.time()) // 86_400
    with object_store.lease() as lease:
        add(object_store, lease, "x")
        settle(object_store)
        for inode, day in ((1, today - 61), (2, today - 59)):
            stamp, digest = (1, inode, 3, 4, 5), bytes(32)
            shared.index.write(partial(put_stamp, encode_stamp(stamp, digest, day), stamp_key(1, inode)))
        object_store.collect()
        assert object_store.statistics().sources == 1


def put_stamp(value: bytes, key: bytes, tx: Transaction) -> None:
    tx.put(STATS, key, value)


def test_a_stranger_in_the_store_is_left_alone(object_store: ObjectStore) -> None:
    (object_store.root / "store" / "thesis.tex").touch()
    object_store.collect()
    assert names(object_store.root / "store") == ["thesis.tex"]
    assert [problem.kind for problem in object_store.verify().problems] == ["stranger"]


PUBLISHER = """
import hashlib
seed = int(sys.argv[2])
for round in range(40):
    with store.lease() as lease:
        base = store.add_bytes(b"base %d" % (round % 5), "base", lease=lease)
        user = store.add_bytes(b"user %d %s" % (round % 7, str(base).encode()), "user", lease=lease, references=[base],
                               rows=[Row(Table.TRACE, b"%d %d" % (seed, round), b"")])
        store.put([]).wait()
        for path in store.closure([user]):
            assert store.on_disk(path).read_bytes(), path
        assert lease.hold([base, user]) == {base, user}
store.close()
"""


def test_publishers_and_collectors_work_side_by_side_and_nothing_held_is_lost(object_store: ObjectStore) -> None:
    stop = threading.Event()
    rounds: list[int] = []

    def collect() -> None:
        while not stop.is_set():
            rounds.append(len(object_store.collect().paths))

    collector = threading.Thread(target=collect)
    collector.start()
    other = start(object_store.root, "while not (store.root / 'stop').exists(): store.collect()\nstore.close()")
    publishers = [start(object_store.root, PUBLISHER, seed) for seed in range(2)]
    try:
        for publisher in publishers:
            finish(publisher)
    finally:
        stop.set()
        (object_store.root / "stop").touch()
        collector.join()
    finish(other)
    assert sum(rounds) > 0
    assert not object_store.verify().problems
    object_store.collect()
    assert is_empty(object_store)


def test_a_lease_taken_between_snapshot_and_decision_is_honoured(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        library = add(object_store, lease, "library")
        app = add(object_store, lease, "app", "app", library)
    shared = object_store._shared  # pyright: ignore[reportPrivateUsage] -- the moment in between is not public
    run, taken = shared.writer.run, list[frozenset[StorePath]]()
    with object_store.lease() as late:

        def hold_first(apply: object) -> object:
            if not taken:
                taken.append(frozenset())
                taken[0] = late.hold([app])
            return run(apply)  # type: ignore[arg-type]  # handed through

        shared.writer.run = hold_first  # type: ignore[method-assign, assignment]  # only the order is ours
        try:
            assert object_store.collect().paths == ()
        finally:
            shared.writer.run = run  # type: ignore[method-assign]  # as it was
        assert taken == [frozenset([app])]
        assert object_store.has(library)
