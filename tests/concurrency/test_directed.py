"""Who waits for whom, and who wins, where the model's random stories would seldom go."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica_store import InUse, ObjectStore, Row, Table
from tests.behaviours.conftest import TOOLS
from tests.store.processes import add, finish, heard, names, start

if TYPE_CHECKING:
    from pathlib import Path

HOLD_A_WRITE_TRANSACTION = """
def work(tx):
    tx.put(b"records", b"\\x00", b"never committed")
    say("inside")
    sys.stdin.readline()
    say("still inside")
    raise StoreUnavailable("given up")
try:
    store._shared.index.write(work)
except StoreUnavailable:
    say("out")
"""


def ask_everything(store: ObjectStore, tmp_path: Path) -> None:
    """Every question that a store answers, those of the index and those of files."""
    paths = list(store.paths())
    app = next(path for path in paths if path.name == "app")
    assert store.info(app) is not None
    assert store.has(app)
    assert store.find(str(app.digest)[:6])
    assert store.references(app)
    assert store.referrers(app) == ()
    assert len(store.closure([app])) == 2
    assert store.statistics().objects == 2
    assert store.get(Table.TRACE, b"k") == b"v"
    assert store.get_many(Table.TRACE, [b"k", b"none"]) == [b"v", None]
    assert list(store.items(Table.TRACE)) == [(b"k", b"v")]
    assert store.read_log("01") == b"said"
    assert [root.name for root in store.roots()] == ["app"]
    assert store.kept_scratch() == ()
    assert store.collect(dry_run=True).paths == ()
    (tmp_path / "source").write_text("x")
    store.hash_source(tmp_path / "source")


def furnish(store: ObjectStore) -> None:
    with store.lease() as lease:
        library = add(store, lease, "library")
        app = add(store, lease, "app", "app", library)
    store.put([Row(Table.TRACE, b"k", b"v", app)]).wait()
    store.add_root("app", app)
    store.write_log("01", b"said")


def test_whoever_reads_does_not_wait_for_a_transaction_that_writes(object_store: ObjectStore, tmp_path: Path) -> None:
    furnish(object_store)
    code = 'say("open")\nsys.stdin.readline()\nsay(len(list(store.paths())))\nos._exit(0)'
    reader = start(object_store.root, code)  # opening takes the lock of writers for a moment: it comes first
    assert heard(reader) == "open"
    process = start(object_store.root, HOLD_A_WRITE_TRANSACTION)
    assert heard(process) == "inside"
    ask_everything(object_store, tmp_path)
    assert not object_store.verify().problems
    with ObjectStore.open(object_store.root, read_only=True) as read_only:
        ask_everything(read_only, tmp_path)
    assert finish(reader, "\n") == "2"
    assert process.poll() is None
    assert finish(process, "\n").split("\n") == ["still inside", "out"]


@pytest.mark.sandbox
def test_whoever_reads_collects_or_adds_does_not_wait_for_a_build(object_store: ObjectStore, tmp_path: Path) -> None:
    furnish(object_store)
    building, cancellation, ended = threading.Event(), hm.Cancellation(), list[str]()
    with hm.evaluation():
        busybox = hm.source(TOOLS, name="busybox")
        endless = hm.derivation(
            name="endless", builder=f"{busybox}/bin/sh", args=("-euc", "echo begun; while true; do sleep 60; done")
        )

    def build() -> None:
        def listen(event: hm.Event) -> None:
            if event.kind == "log":
                building.set()

        results = hm.Store(object_store).realize_all([endless], cancellation=cancellation, on_event=listen)
        ended.append(str(results[endless].outcome))

    builder = threading.Thread(target=build)
    builder.start()
    try:
        assert building.wait(60)
        code = """
with store.lease() as lease:
    store.add_bytes(b"other", "other", lease=lease)
    store.flush()
store.collect()
say(sorted(path.name for path in store.paths()))
"""
        assert finish(start(object_store.root, code)) == "['app', 'busybox', 'x']"
        with pytest.raises(InUse, match="lease"):
            object_store.delete([path for path in object_store.paths() if path.name == "busybox"])
        assert not object_store.verify().problems
        assert ended == []
    finally:
        cancellation.cancel()
        builder.join()
    assert ended == ["cancelled"]


COLLECT_ONCE = """
say("ready")
sys.stdin.readline()
say(" ".join(path.base for path in store.collect().paths))
"""


def test_of_two_collectors_each_object_goes_with_one(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        kept = [add(object_store, lease, f"kept {number}", f"kept{number}") for number in range(5)]
        dead = [add(object_store, lease, f"dead {number}", "dead", kept[number % 5]) for number in range(400)]
        more = [add(object_store, lease, f"more {number}", "more", dead[number]) for number in range(100)]
    for path in kept:
        object_store.add_root(path.name, path)
    collectors = [start(object_store.root, COLLECT_ONCE) for _ in range(3)]
    assert [heard(collector) for collector in collectors] == ["ready"] * 3
    for collector in collectors:
        assert collector.stdin is not None
        collector.stdin.write("\n")
        collector.stdin.flush()
    went = [set(finish(collector).split()) for collector in collectors]
    assert set().union(*went) == {path.base for path in (*dead, *more)}
    assert sum(map(len, went)) == 500
    assert set(object_store.paths()) == set(kept)
    assert names(object_store.root / "store") == sorted(path.base for path in kept)
    assert not object_store.verify().problems


HEAD = f"""
import hermetica as hm
hm_store = hm.Store(store)
def chain(seed):
    with hm.evaluation():
        busybox = hm.source({TOOLS!r}, name="busybox")
        last = hm.text("seed", f"{{seed}}")
        for step in range(3):
            last = hm.derivation(name=f"s{{step}}", builder=f"{{busybox}}/bin/sh", env={{"last": f"{{last}}"}},
                                 args=["-euc", "cat $last > $out; echo $last >> $out"])
        return last
say("ready")
sys.stdin.readline()
"""
BUILD = (
    HEAD
    + """
for round in range(4):
    with store.lease() as lease:
        last = chain(round % 3)
        result = hm_store.realize(last)
        if lease.hold([result.out]):
            assert len(store.closure([result.out])) == 4
            for path in store.closure([result.out]):
                assert store.on_disk(path).read_bytes()
(store.root / f"ended-{os.getpid()}").touch()
"""
)
UNTIL_BUILT = """
told = set()
while len(list(store.root.glob("ended-*"))) < 2:
    try:
        WHAT
    except (InUse, NotRegistered) as error:
        told.add(type(error).__name__)
"""
DELETE = HEAD + UNTIL_BUILT.replace("WHAT", "for path in list(store.paths()): store.delete([path])")
COLLECT = HEAD + UNTIL_BUILT.replace("WHAT", "store.collect()")
VERIFY = HEAD + UNTIL_BUILT.replace(
    "WHAT", 'assert not [p for p in store.verify().problems if p.kind != "unregistered"], store.verify()'
)


@pytest.mark.sandbox
def test_six_processes_build_collect_delete_and_verify_and_none_is_told_what_is_not_so(
    object_store: ObjectStore,
) -> None:
    processes = [start(object_store.root, code) for code in (BUILD, BUILD, COLLECT, COLLECT, DELETE, VERIFY)]
    assert [heard(process) for process in processes] == ["ready"] * 6
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        finish(process)
    object_store.collect()
    assert list(object_store.paths()) == []
    assert not object_store.verify().problems
