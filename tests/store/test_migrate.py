"""A store of an earlier schema comes to ours whole, whatever happens on the way, and answers as it did."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lmdb
import pytest

import hermetica as hm
from hermetica.realize.history import records_of_id, records_of_objects
from hermetica_store import ObjectStore, Row, StoreBusy, StorePath, StoreVersionMismatch, Table
from hermetica_store.migrations import STEPS
from hermetica_store.schema import META, SCHEMA_VERSION, VERSION_KEY
from tests.store.fixtures.make import answers, unpack
from tests.store.processes import finish, heard, kill, start

if TYPE_CHECKING:
    from subprocess import Popen

OLD = sorted(path.name.removesuffix(".tar.zst") for path in (Path(__file__).parent / "fixtures").glob("*.tar.zst"))
DYING = """
import os, signal
from pathlib import Path
import hermetica_store.migrate as migrate
from hermetica_store.index import Index
migrate._CHUNK_ROWS = 2
left = int(sys.argv[2])
def before(act):
    def step(*arguments, **keywords):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return act(*arguments, **keywords)
    return step
Index.write = before(Index.write)
Index.copy_to = before(Index.copy_to)
Index.open_tables = before(Index.open_tables)
migrate._flush = before(migrate._flush)
Path.rename = before(Path.rename)
ObjectStore.open(Path(sys.argv[3])).close()
"""


def schema_of(root: Path, place: str = "index") -> str:
    """The schema on disk."""
    with (
        lmdb.open(os.fspath(root / place), max_dbs=40, readonly=True, lock=False) as environment,
        environment.begin(db=environment.open_db(META, create=False)) as raw,
    ):
        return (raw.get(VERSION_KEY) or b"").decode()


def holds_what_it_held(root: Path, expected: dict[str, Any]) -> None:
    """Whether a store is of our schema, clean, and answers as before."""
    assert schema_of(root) == SCHEMA_VERSION
    with hm.Store.open(root) as store:
        assert json.loads(json.dumps(answers(store))) == expected
        assert store.objects.verify().problems == ()
        assert not [table for table in Table if store.objects.lacks(table)]
        for record in expected["records"]:
            assert record in records_of_id(store.objects, record["drv"])
            assert record in records_of_id(store.objects, record["resolved_id"][:9])
            for output in record["outputs"].values():
                assert record in records_of_objects(store.objects, [StorePath.parse(output["path"])])


@pytest.mark.parametrize("name", OLD)
def test_a_kept_store_of_each_earlier_schema_migrates_and_answers_as_before(name: str, tmp_path: Path) -> None:
    expected = unpack(name, tmp_path / "root")
    holds_what_it_held_after_opening(tmp_path / "root", expected)
    collected = ObjectStore.open(tmp_path / "root").collect(dry_run=True)
    assert [path.name for path in collected.paths] == ["loose.conf"]


def holds_what_it_held_after_opening(root: Path, expected: dict[str, Any]) -> None:
    """Opens a store for writing, and looks at it."""
    ObjectStore.open(root).close()
    holds_what_it_held(root, expected)


def test_every_earlier_schema_has_a_step_and_a_kept_store() -> None:
    assert [f"schema-{source}" for source in sorted(STEPS)] == [
        name for name in OLD if name != f"schema-{SCHEMA_VERSION}"
    ]
    assert [int(step.target) - int(step.source) for step in STEPS.values()] == [1] * len(STEPS)
    assert str(1 + len(STEPS)) == SCHEMA_VERSION


def test_the_index_is_kept_as_it_was(tmp_path: Path) -> None:
    expected = unpack("schema-1", tmp_path / "root")
    ObjectStore.open(tmp_path / "root").close()
    kept = tmp_path / "root" / "index" / "schema-1"
    assert (schema_of(tmp_path / "root"), schema_of(kept, ".")) == (SCHEMA_VERSION, "1")
    (kept / "data.mdb").replace(tmp_path / "root" / "index" / "data.mdb")
    holds_what_it_held_after_opening(tmp_path / "root", expected)


def test_a_migration_that_is_killed_at_any_step_is_finished_by_the_next(tmp_path: Path) -> None:
    met = set[str]()
    for number in range(40):
        root, decoy = tmp_path / str(number) / "root", tmp_path / str(number) / "decoy"
        expected = unpack("schema-1", root)
        process = start(decoy, DYING, number, root)
        process.communicate(timeout=60)
        if process.returncode == 0:
            break
        assert process.returncode == -9
        met.add(schema_of(root))
        with ObjectStore.open(root, read_only=True) as store:
            assert sum(1 for _ in store.paths()) == len(expected["objects"])
        holds_what_it_held_after_opening(root, expected)
    else:
        pytest.fail("the migration never came to its end")
    assert number > 10
    assert met == {"1", "1>2", SCHEMA_VERSION}


def test_a_migration_broken_off_twice_is_finished(tmp_path: Path) -> None:
    expected = unpack("schema-1", tmp_path / "root")
    for number in (9, 3, 8, 5):
        start(tmp_path / "decoy", DYING, number, tmp_path / "root").communicate(timeout=60)
    holds_what_it_held_after_opening(tmp_path / "root", expected)


def test_several_processes_that_open_an_earlier_store_at_once_all_get_ours(tmp_path: Path) -> None:
    expected = unpack("schema-1", tmp_path / "root")
    code = 'say("ready"); sys.stdin.readline(); ObjectStore.open(Path(sys.argv[2])).close(); say("open")'
    processes = [start(tmp_path / "decoy", code, tmp_path / "root") for _ in range(4)]
    assert [heard(process) for process in processes] == ["ready"] * 4
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [finish(process) for process in processes] == ["open"] * 4
    holds_what_it_held(tmp_path / "root", expected)


def reader(root: Path) -> Popen[str]:
    """A process that has the index open as an earlier version has it."""
    code = """
import lmdb, os
environment = lmdb.open(os.path.join(sys.argv[2], "index"), max_dbs=40)
with environment.begin() as raw: pass
say("open")
sys.stdin.readline()
"""
    process = start(root.parent / "decoy", code, root)
    assert heard(process) == "open"
    return process


def test_a_store_that_an_earlier_version_works_with_is_not_migrated_under_it(tmp_path: Path) -> None:
    expected = unpack("schema-1", tmp_path / "root")
    process = reader(tmp_path / "root")
    with pytest.raises(StoreBusy) as raised:
        ObjectStore.open(tmp_path / "root")
    assert raised.value.processes == {process.pid}
    assert raised.value.hint
    assert schema_of(tmp_path / "root") == "1"
    kill(process)
    holds_what_it_held_after_opening(tmp_path / "root", expected)


def test_an_earlier_store_can_be_read_without_being_migrated(tmp_path: Path) -> None:
    expected = unpack("schema-1", tmp_path / "root")
    with hm.Store.open(tmp_path / "root", read_only=True) as store:
        assert json.loads(json.dumps(answers(store))) == expected
        assert store.objects.lacks(Table.HISTORY)
        assert list(store.objects.items(Table.HISTORY)) == []
        assert store.objects.verify().problems == ()
        record = expected["records"][0]
        assert records_of_id(store.objects, record["drv"][:5]) == [record]
        made = StorePath.parse(record["outputs"]["out"]["path"])
        assert records_of_objects(store.objects, [made]) == [record]
    assert schema_of(tmp_path / "root") == "1"


def test_a_table_that_came_without_a_new_schema_is_made_when_the_store_is_written(tmp_path: Path) -> None:
    ObjectStore.open(tmp_path).close()
    with lmdb.open(os.fspath(tmp_path / "index"), max_dbs=40) as environment, environment.begin(write=True) as raw:
        raw.drop(environment.open_db(Table.HISTORY.value, txn=raw))
    with ObjectStore.open(tmp_path, read_only=True) as store:
        assert store.lacks(Table.HISTORY)
        assert store.get(Table.HISTORY, b"k") is None
        assert store.verify().problems == ()
    with ObjectStore.open(tmp_path) as store:
        store.put([Row(Table.HISTORY, b"k", b"v")]).wait()
        assert store.get(Table.HISTORY, b"k") == b"v"


@pytest.mark.parametrize("version", ["0", "3", "2>3", "1>3", "x"])
def test_a_store_that_nobody_knows_how_to_migrate_is_refused(tmp_path: Path, version: str) -> None:
    ObjectStore.open(tmp_path).close()
    with lmdb.open(os.fspath(tmp_path / "index"), max_dbs=40) as environment:
        meta = environment.open_db(META)
        with environment.begin(write=True) as raw:
            raw.put(VERSION_KEY, version.encode(), db=meta)
    for read_only in (True, False):
        with pytest.raises(StoreVersionMismatch):
            ObjectStore.open(tmp_path, read_only=read_only)
    assert schema_of(tmp_path) == version


def test_what_is_no_build_record_is_left_out_of_the_history(tmp_path: Path) -> None:
    unpack("schema-1", tmp_path / "root")
    with (
        lmdb.open(os.fspath(tmp_path / "root" / "index"), max_dbs=40) as environment,
        environment.begin(write=True) as raw,
    ):
        raw.put(b"cut", b"", db=environment.open_db(b"records", txn=raw))
        raw.put(b"odd", b"\x01" + bytes(7) + b'{"drv": 7}', db=environment.open_db(b"records", txn=raw))
    with ObjectStore.open(tmp_path / "root") as store:
        assert store.get(Table.RECORDS, b"odd") == b'{"drv": 7}'
        assert len(list(store.items(Table.HISTORY))) == 11


def test_an_index_of_any_size_migrates(tmp_path: Path) -> None:
    expected = unpack("schema-1", tmp_path / "root")
    place = os.fspath(tmp_path / "root" / "index")
    with lmdb.open(place, max_dbs=40, map_size=1 << 26) as environment, environment.begin(write=True) as raw:
        stats = environment.open_db(b"stats", txn=raw)
        for number in range(30):
            raw.put(b"%016d" % number, bytes(1_000_000), db=stats)
    ObjectStore.open(tmp_path / "root").close()
    assert schema_of(tmp_path / "root") == SCHEMA_VERSION
    with hm.Store.open(tmp_path / "root") as store:
        assert json.loads(json.dumps(answers(store))) == expected


def test_a_row_of_the_history_names_what_the_object_was_built_from(tmp_path: Path) -> None:
    unpack("schema-1", tmp_path / "root")
    with hm.Store.open(tmp_path / "root") as store, hm.evaluation():
        from tests.store.fixtures.make import packages

        made = packages()
        app, left, right = (store.path(made[name]) for name in ("app", "left", "right"))
        assert app is not None
        ((_, value),) = store.objects.items(Table.HISTORY, b"p" + app.base.encode())
        assert value.split(b"\0") == sorted(each.base.encode() for each in (left, right) if each is not None)
