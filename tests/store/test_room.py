"""Room is made on a disk that is low, up to the limit, by one at a time, and for as long as it is wanted."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica_store import LowDisk, ObjectStore
from tests.store.processes import add, finish, heard, settle, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MILLION = 1_000_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounts a file system")
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={40 * MILLION}", "none", os.fspath(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("may not mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", os.fspath(place)], check=True)


def litter(store: ObjectStore, count: int = 10) -> None:
    """Objects of a million bytes that nothing needs."""
    with store.lease() as lease:
        for number in range(count):
            store.add_bytes(os.urandom(MILLION), f"litter{number}", lease=lease)
        kept = add(store, lease, "kept", "kept")
        store.add_root("kept", kept)
    settle(store)


def never(_free_bytes: int) -> None:
    pytest.fail("nothing was to be collected")


def test_where_enough_is_free_nothing_goes(disk: Path) -> None:
    with ObjectStore.open(disk / "root") as store:
        litter(store)
        assert store.make_room(LowDisk(min_free_bytes=10 * MILLION), on_start=never) is None


def test_what_goes_is_what_it_takes_for_enough_to_be_free(disk: Path) -> None:
    began: list[int] = []
    with ObjectStore.open(disk / "root") as store:
        litter(store)
        free = store.free_bytes()
        rule = LowDisk(min_free_bytes=free + 1, max_free_bytes=free + 3 * MILLION + MILLION // 2)
        collected = store.make_room(rule, on_start=began.append)
        assert began == [free]
        assert collected is not None
        assert len(collected.paths) == 4
        assert store.free_bytes() >= free + 3 * MILLION + MILLION // 2
        assert store.make_room(rule, on_start=never) is None
        everything = store.make_room(LowDisk(min_free_bytes=40 * MILLION), on_start=began.append)
        assert everything is not None
        assert len(everything.paths) == 6
        assert [path.name for path in store.paths()] == ["kept"]


def test_it_ends_early_when_it_is_no_longer_wanted(disk: Path) -> None:
    with ObjectStore.open(disk / "root") as store:
        litter(store)
        collected = store.make_room(LowDisk(min_free_bytes=40 * MILLION), on_start=lambda _: None, stop=lambda: True)
        assert collected is not None
        assert collected.paths == ()


def test_one_process_collects_at_a_time_and_the_others_go_on(disk: Path) -> None:
    with ObjectStore.open(disk / "root") as store:
        litter(store)
        collecting = """
def begin(free):
    say("began")
    sys.stdin.readline()
went = store.make_room(LowDisk(min_free_bytes=40_000_000), on_start=begin)
say(len(went.paths))
"""
        process = start(store.root, collecting)
        assert heard(process) == "began"
        assert store.make_room(LowDisk(min_free_bytes=40 * MILLION), on_start=never) is None
        asked = threading.Thread(target=store.collect)
        asked.start()
        time.sleep(0.1)
        assert asked.is_alive(), "who asks for a collection waits for the other"
        assert finish(process, "\n") == "10"
        asked.join(30)
        assert [path.name for path in store.paths()] == ["kept"]


@given(st.integers(0, 100), st.none() | st.integers(0, 100), st.integers(0, 100))
def test_enough_is_never_less_than_too_little(low: int, high: int | None, free: int) -> None:
    missing = LowDisk(min_free_bytes=low, max_free_bytes=high).missing_bytes(free)
    assert (missing is None) == (high is None)
    assert missing is None or missing == max(low, high or 0) - free
