"""Who holds what: over threads, over processes, and after SIGKILL."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from hermetica_store import ClaimCancelled, ObjectStore, Row, StoreUnavailable, Table, hash_tree, store_path
from tests.store.processes import add, finish, heard, kill, names, settle, start

COUNT = """
say("ready")
sys.stdin.readline()
counter = store.root / "counter"
for _ in range(30):
    with store.claim(b"counter"):
        value = int(counter.read_text())
        time.sleep(0.0005)
        counter.write_text(str(value + 1))
"""


def test_a_claim_has_one_holder_over_threads_and_processes(object_store: ObjectStore) -> None:
    counter = object_store.root / "counter"
    counter.write_text("0")
    processes = [start(object_store.root, COUNT) for _ in range(2)]
    assert [heard(process) for process in processes] == ["ready"] * 2

    def count() -> None:
        for _ in range(30):
            with object_store.claim(b"counter"):
                value = int(counter.read_text())
                time.sleep(0.0005)
                counter.write_text(str(value + 1))

    threads = [threading.Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    for process in processes:
        finish(process, "\n")
    for thread in threads:
        thread.join()
    assert counter.read_text() == "120"


def test_claims_of_different_keys_do_not_meet(object_store: ObjectStore) -> None:
    with object_store.claim(b"a"), object_store.claim(b"b"), object_store.claim(b"c" * 1000):
        pass


HOLD_ONE = """
with store.claim(b"b"):
    say("held")
    sys.stdin.readline()
say("left")
sys.stdin.readline()
with store.claim(b"a"):
    say("mine")
"""


def test_of_many_keys_those_that_nobody_holds_are_held_together_until_they_are_left(object_store: ObjectStore) -> None:
    claims = object_store._shared.claims  # pyright: ignore[reportPrivateUsage] -- only collections hold many
    process = start(object_store.root, HOLD_ONE)
    assert heard(process) == "held"
    with object_store.claim(b"c"):
        a, b, c, d = (b"user\0" + key for key in (b"a", b"b", b"c", b"d"))
        with claims.claim_free([a, b, c, d]) as held:
            assert set(held) == {a, d}
            assert not claims.try_acquire(a)
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
            assert heard(process) == "left"
            with claims.claim_free([a, b]) as more:
                assert more == [b]
        assert claims.is_held(c)
    assert not claims.is_held(a)
    assert finish(process, "\n") == "mine"


@pytest.mark.parametrize("elsewhere", ["thread", "process"])
def test_waiting_is_announced_once_and_can_be_given_up(object_store: ObjectStore, elsewhere: str) -> None:
    waits: list[int] = []
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 5

    def give_up() -> None:
        with (
            pytest.raises(ClaimCancelled),
            object_store.claim(b"k", on_wait=lambda: waits.append(1), cancelled=cancelled),
        ):
            pytest.fail("two hold it")

    if elsewhere == "process":
        process = start(object_store.root, 'with store.claim(b"k"):\n    say("held")\n    sys.stdin.readline()')
        assert heard(process) == "held"
        give_up()
        finish(process, "\n")
    else:
        with object_store.claim(b"k"):
            thread = threading.Thread(target=give_up)
            thread.start()
            thread.join()
    assert len(waits) == 1
    with object_store.claim(b"k", on_wait=lambda: waits.append(1)):
        assert len(waits) == 1


def test_a_killed_holder_frees_its_claim(object_store: ObjectStore) -> None:
    process = start(object_store.root, 'with store.claim(b"k"):\n    say("held")\n    time.sleep(60)')
    assert heard(process) == "held"
    threading.Timer(0.2, kill, [process]).start()
    waits: list[int] = []
    with object_store.claim(b"k", on_wait=lambda: waits.append(1)):
        assert waits == [1]


def test_a_claim_left_is_free_for_others_only_when_what_was_made_under_it_is_durable(object_store: ObjectStore) -> None:
    code = """
waited = []
while True:
    with store.claim(b"k"):
        value = store.get(Table.TRACE, b"made")
        if value is not None:
            say(value.decode())
            break
        assert not (store.root / "made").exists(), "made, and not to be seen"
"""
    process = start(object_store.root, code)
    time.sleep(0.3)
    for number in range(200):
        object_store.put([Row(Table.RECORDS, b"%d" % number, bytes(1000))])
    with object_store.claim(b"k"):
        (object_store.root / "made").touch()
        object_store.put([Row(Table.TRACE, b"made", b"seen")])
    with object_store.claim(b"k"):
        pass
    assert finish(process) == "seen"


HOLD = """
from hermetica_store import StorePath
with store.lease() as lease:
    say(len(lease.hold([StorePath.parse(sys.argv[2])])))
    sys.stdin.readline()
"""


def test_a_lease_keeps_what_it_holds_until_its_process_is_killed(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        library = add(object_store, lease, "library")
        app = add(object_store, lease, "app", "app", library)
    process = start(object_store.root, HOLD, app)
    assert heard(process) == "1"
    assert object_store.collect().paths == ()
    kill(process)
    assert object_store.collect().paths == (app, library)


def test_holding_gives_what_is_registered_and_no_more(object_store: ObjectStore) -> None:
    absent = store_path("absent", hash_tree(object_store.root / "locks").tree)
    with object_store.lease() as lease:
        path = add(object_store, lease, "x")
        with object_store.lease() as other:
            assert other.hold([path, absent]) == {path}
            assert other.hold([]) == frozenset()
    with pytest.raises(StoreUnavailable, match="ended"):
        lease.hold([absent])
    with pytest.raises(StoreUnavailable, match="ended"):
        add(object_store, lease, "y")


def test_the_leases_of_one_process_are_told_apart(object_store: ObjectStore) -> None:
    with object_store.lease() as first:
        path = add(object_store, first, "x")
        with object_store.lease() as second:
            second.hold([path])
            first.end()
            assert object_store.collect().paths == ()
        assert object_store.collect().paths == (path,)


def test_a_process_that_a_lease_holder_started_does_not_hold_it(object_store: ObjectStore) -> None:
    code = """
import subprocess
with store.lease() as lease:
    store.add_bytes(b"x", "x", lease=lease)
    store.put([]).wait()
    quiet = subprocess.DEVNULL
    child = subprocess.Popen(["sleep", "30"], close_fds=False, stdin=quiet, stdout=quiet, stderr=quiet)
    ready, told = os.pipe()
    forked = os.fork()
    if forked == 0:
        os.write(told, b"x")  # what a child does first, to hold nothing of its parent's, is done
        for fd in (0, 1, 2):
            os.close(fd)
        time.sleep(30)
        os._exit(0)
    os.read(ready, 1)
    say(f"{child.pid} {forked}")
    time.sleep(30)
"""
    process = start(object_store.root, code)
    children = [int(pid) for pid in heard(process).split()]
    try:
        kill(process)
        assert len(object_store.collect().paths) == 1
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)


def odd_content(directory: Path) -> None:
    (directory / "closed").mkdir()
    (directory / "closed" / "file").touch()
    (directory / "closed").chmod(0)
    deep = directory
    for _ in range(300):
        deep /= "d" * 10
        deep.mkdir()


def test_scratch_is_private_and_goes_however_odd_its_content(object_store: ObjectStore) -> None:
    with object_store.scratch() as scratch:
        assert scratch.path.stat().st_mode & 0o777 == 0o700
        assert scratch.path.stat().st_dev == (object_store.root / "store").stat().st_dev
        odd_content(scratch.path)
        with object_store.scratch() as other:
            assert other.path != scratch.path
    assert names(object_store.root / "tmp") == []


def test_the_scratch_of_the_dead_is_reaped_and_that_of_the_living_stays(object_store: ObjectStore) -> None:
    code = (
        "with store.scratch() as scratch:\n    (scratch.path / 'f').touch()\n    say(scratch.path)\n    time.sleep(60)"
    )
    process = start(object_store.root, code)
    left = heard(process)
    with object_store.scratch() as scratch:
        ObjectStore.open(object_store.root).close()
        assert names(object_store.root / "tmp") == sorted([Path(left).name, scratch.path.name])
        kill(process)
        ObjectStore.open(object_store.root).close()
        assert names(object_store.root / "tmp") == [scratch.path.name]


def test_scratch_that_is_kept_is_listed_and_goes_with_a_collection(object_store: ObjectStore) -> None:
    with object_store.scratch() as scratch:
        (scratch.path / "log").write_text("why")
        place = scratch.keep()
        assert scratch.keep() == place == scratch.path
    ObjectStore.open(object_store.root).close()
    assert object_store.kept_scratch() == (place,)
    assert (place / "log").read_text() == "why"
    assert object_store.collect().scratch == 1
    assert not place.exists()


def test_what_is_published_under_a_lease_outlives_the_scratch(object_store: ObjectStore) -> None:
    with object_store.lease() as lease:
        path = add(object_store, lease, "x")
        object_store.collect()
        assert object_store.on_disk(path).read_text() == "x"
    settle(object_store)
