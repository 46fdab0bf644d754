"""The index grows, is shared, and is refused where it cannot be trusted."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import threading
from typing import TYPE_CHECKING

import lmdb
import pytest

from hermetica_store import (
    IndexDamaged,
    NotAStore,
    ObjectStore,
    Row,
    StoreNotWritable,
    StoreUnavailable,
    StoreVersionMismatch,
    Table,
)
from hermetica_store.index import Index
from hermetica_store.layout import Layout, default_root
from hermetica_store.schema import META, OBJECTS, VERSION_KEY
from tests.store.processes import add, finish, heard, names, settle, start

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = 65534


@pytest.fixture
def small_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Index.__init__, "__kwdefaults__", {"map_bytes": 1 << 18})


@pytest.mark.parametrize("left", [bytes(8192), bytes(12288), b"\1", bytes(4096) + b"\1" * 4096])
def test_an_index_that_lost_power_before_its_first_transaction_is_made_anew(tmp_path: Path, left: bytes) -> None:
    layout = Layout(tmp_path)
    layout.create()
    (layout.index / "data.mdb").write_bytes(left)
    with ObjectStore.open(tmp_path) as store:
        store.put([Row(Table.TRACE, b"k", b"v")]).wait()
    with ObjectStore.open(tmp_path) as store:
        assert store.get(Table.TRACE, b"k") == b"v"


def test_an_index_that_may_have_held_something_is_not_made_anew(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.create()
    database = layout.index / "data.mdb"
    for size, object_there in ((1 << 16, False), (8192, True)):
        database.write_bytes(bytes(size))
        if object_there:
            (layout.objects / "something").touch()
        with pytest.raises(IndexDamaged):
            ObjectStore.open(tmp_path)
        assert database.stat().st_size == size


@pytest.mark.usefixtures("small_map")
def test_the_map_grows_by_itself(tmp_path: Path) -> None:
    with ObjectStore.open(tmp_path) as store:
        rows = [Row(Table.DERIVATIONS, b"%06d" % number, bytes(1000)) for number in range(3000)]
        store.put(rows).wait()
        assert sum(1 for _ in store.items(Table.DERIVATIONS)) == 3000
        assert store.statistics().index_bytes > 1 << 20


@pytest.mark.usefixtures("small_map")
def test_a_map_that_another_process_grew_is_taken_over(tmp_path: Path) -> None:
    with ObjectStore.open(tmp_path) as store:
        store.put([Row(Table.TRACE, b"k", b"v")]).wait()
        grow = """
store.put([Row(Table.DERIVATIONS, b"%06d" % number, bytes(1000)) for number in range(3000)]).wait()
store.close()
"""
        finish(start(tmp_path, grow))
        assert store.get(Table.DERIVATIONS, b"002999") == bytes(1000)
        finish(start(tmp_path, grow.replace("3000", "9000")))
        store.put([Row(Table.TRACE, b"k", b"w")]).wait()
        assert store.get(Table.TRACE, b"k") == b"w"
        assert sum(1 for _ in store.items(Table.DERIVATIONS)) == 9000


@pytest.mark.usefixtures("small_map")
def test_readers_and_a_growing_map_do_not_disturb_each_other(tmp_path: Path) -> None:
    stop, failures = threading.Event(), list[BaseException]()
    with ObjectStore.open(tmp_path) as store:
        store.put([Row(Table.TRACE, b"k", b"v")]).wait()

        def read() -> None:
            try:
                while not stop.is_set():
                    assert store.get(Table.TRACE, b"k") == b"v"
                    assert store.get_many(Table.TRACE, [b"k"]) == [b"v"]
            except BaseException as error:  # noqa: BLE001 -- reported below
                failures.append(error)

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(40):
            store.put([Row(Table.DERIVATIONS, b"%06d-%d" % (row, number), bytes(2000)) for row in range(50)]).wait()
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []


def test_several_stores_on_one_root_in_one_process_are_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "root")
    first = ObjectStore.open(tmp_path / "root")
    second = ObjectStore.open(tmp_path / "link")
    first.put([Row(Table.TRACE, b"k", b"v")])
    assert second.get(Table.TRACE, b"k") == b"v"
    first.close()
    second.put([Row(Table.TRACE, b"k", b"w")])
    assert second.get(Table.TRACE, b"k") == b"w"
    second.close()
    with ObjectStore.open(tmp_path / "root") as third:
        assert third.get(Table.TRACE, b"k") == b"w"


def test_a_store_made_anew_at_an_old_place_is_another(tmp_path: Path) -> None:
    with ObjectStore.open(tmp_path / "root") as old:
        old.put([Row(Table.TRACE, b"k", b"v")]).wait()
        shutil.rmtree(tmp_path / "root")
        with ObjectStore.open(tmp_path / "root") as new:
            assert new.get(Table.TRACE, b"k") is None
        assert old.get(Table.TRACE, b"k") == b"v"


def _use_after_fork(store: ObjectStore, queue: multiprocessing.SimpleQueue[str]) -> None:
    for act in (lambda: store.get(Table.TRACE, b"k"), lambda: ObjectStore.open(store.root), store.close):
        try:
            act()
            queue.put("fine")
        except StoreUnavailable as error:
            queue.put("forked" if "forked" in error.message else error.message)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_is_refused_and_the_parent_goes_on(object_store: ObjectStore) -> None:
    object_store.put([Row(Table.TRACE, b"k", b"v")]).wait()
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.SimpleQueue[str] = context.SimpleQueue()
    child = context.Process(target=_use_after_fork, args=(object_store, queue))
    child.start()
    child.join(30)
    assert [queue.get() for _ in range(3)] == ["forked", "forked", "fine"]
    object_store.put([Row(Table.TRACE, b"k", b"w")]).wait()
    assert object_store.get(Table.TRACE, b"k") == b"w"


def test_a_store_of_another_version_is_refused_with_the_way_out(tmp_path: Path) -> None:
    ObjectStore.open(tmp_path).close()
    with lmdb.open(os.fspath(tmp_path / "index"), max_dbs=20) as environment:
        meta = environment.open_db(META)
        with environment.begin(write=True) as transaction:
            transaction.put(VERSION_KEY, b"999", db=meta)
    for read_only in (True, False):
        with pytest.raises(StoreVersionMismatch) as raised:
            ObjectStore.open(tmp_path, read_only=read_only)
        assert ("found", "999") in raised.value.details
        assert raised.value.hint


@pytest.mark.parametrize("damage", ["garbage", "short", "empty"])
def test_a_damaged_index_is_refused(tmp_path: Path, damage: str) -> None:
    with ObjectStore.open(tmp_path) as store:
        store.put([Row(Table.TRACE, b"%d" % number, bytes(3000)) for number in range(1000)]).wait()
        with store.lease() as lease:
            add(store, lease, "x")
    data = tmp_path / "index" / "data.mdb"
    if damage == "garbage":
        data.write_bytes(b"garbage" * 10_000)
    else:
        os.truncate(data, 8192 if damage == "short" else 0)
    with pytest.raises(IndexDamaged):
        ObjectStore.open(tmp_path)


def test_a_row_that_nothing_writes_is_damage(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        path = add(object_store, lease, "x")
    settle(object_store)
    shared = object_store._shared  # pyright: ignore[reportPrivateUsage] -- damage comes from outside
    shared.index.write(lambda tx: tx.put(OBJECTS, path.base.encode(), b"\x01"))
    with pytest.raises(IndexDamaged, match=path.digest):
        object_store.info(path)


def test_a_place_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("")
    with pytest.raises(NotAStore, match="no directory"):
        ObjectStore.open(tmp_path / "file")
    with pytest.raises(NotAStore) as raised:
        ObjectStore.open(tmp_path / "full")
    assert ("it holds", "thesis.tex") in raised.value.details
    with pytest.raises(NotAStore):
        ObjectStore.open(tmp_path / "nothing", read_only=True)
    assert names(tmp_path) == ["file", "full"]


def test_a_store_opened_for_reading_answers_and_refuses_writes(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        path = add(object_store, lease, "x")
    settle(object_store)
    with ObjectStore.open(object_store.root, read_only=True) as store:
        assert store.has(path)
        assert not store.verify().problems
        assert store.collect(dry_run=True).paths == (path,)
        for write in (
            lambda: store.put([]),
            store.collect,
            lambda: store.add_root("r", path),
            lambda: store.claim(b"k"),
            lambda: store.lease().__enter__(),
            lambda: store.write_log("k", b""),
        ):
            with pytest.raises(StoreNotWritable):
                write()


AS_NOBODY = f"""
import hashlib  # the library need not be readable for the other user
os.setgid({NOBODY}); os.setuid({NOBODY})
for read_only in (True, False):
    try:
        with ObjectStore.open(Path(sys.argv[2]), read_only=read_only) as other:
            (path,) = other.paths()
            say(f"{{len(other.verify().problems)}} {{other.nar(path).size_bytes}}")
    except StoreNotWritable as error:
        say(f"refused {{error.hint}}")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_a_store_of_another_user_can_be_read_and_not_written(tmp_path: Path) -> None:
    for directory in [tmp_path, *tmp_path.parents]:
        if directory.stat().st_mode & 0o055 != 0o055:
            directory.chmod(0o755)
    with ObjectStore.open(tmp_path / "theirs") as store, store.lease() as lease:
        add(store, lease, "x")
        settle(store)
        process = start(tmp_path / "mine", AS_NOBODY, tmp_path / "theirs")
        assert heard(process) == "0 120"
        assert heard(process).startswith("refused name a store of your own")
        finish(process)


def test_processes_that_make_a_store_at_once_make_one(tmp_path: Path) -> None:
    code = "store.put([Row(Table.TRACE, b'%d' % os.getpid(), b'')]).wait(); store.close()"
    for process in [start(tmp_path / "root", code) for _ in range(4)]:
        finish(process)
    with ObjectStore.open(tmp_path / "root") as store:
        assert len(list(store.items(Table.TRACE))) == 4


def test_the_usual_place_follows_the_environment(tmp_path: Path) -> None:
    assert default_root({"HERMETICA_STORE": "/a", "XDG_DATA_HOME": "/b"}).as_posix() == "/a"
    assert default_root({"XDG_DATA_HOME": "/b"}).as_posix() == "/b/hermetica"
    assert default_root({"XDG_DATA_HOME": "relative"}) == default_root({})
    assert default_root({}).parts[-3:] == (".local", "share", "hermetica")
    assert Layout(tmp_path).exists() is False
