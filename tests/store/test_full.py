"""A disk that fills up ends in a typed error, what was registered stays whole, and with room the store works again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hermetica_store import ObjectStore, Row, StoreFull, Table
from tests.mounts import small_tmpfs
from tests.store.processes import add, finish, names, settle, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four MiB."""
    with small_tmpfs(tmp_path / "disk", "4m") as disk:
        yield disk


def fill(step: Callable[[int], object]) -> None:
    """Goes on until the disk is full."""
    for number in range(100):
        step(number)


def test_a_full_disk_ends_typed_and_nothing_is_half_registered(small_disk: Path) -> None:
    with ObjectStore.open(small_disk / "root") as store:
        with store.lease() as lease:
            kept = add(store, lease, "kept")
            settle(store)
            with pytest.raises(StoreFull) as raised:
                fill(lambda number: store.add_bytes(os.urandom(200_000), f"big{number}", lease=lease))
            assert raised.value.hint
            assert names(store.root / "tmp") == []
        assert store.verify().problems == ()
        assert store.has(kept)
        assert len(store.collect().paths) > 10
        with store.lease() as lease:
            again = add(store, lease, "again")
            settle(store)
            assert store.has(again)


def test_an_index_that_cannot_grow_ends_typed_and_keeps_what_it_has(small_disk: Path) -> None:
    with ObjectStore.open(small_disk / "root") as store:
        store.put([Row(Table.TRACE, b"k", b"v")]).wait()

        def put(number: int) -> None:
            store.put([Row(Table.RECORDS, b"%d-%d" % (number, row), os.urandom(3000)) for row in range(100)]).wait()

        with pytest.raises(StoreFull):
            fill(put)
        assert store.get(Table.TRACE, b"k") == b"v"
        assert store.verify().problems == ()
    with ObjectStore.open(small_disk / "root") as store:
        assert store.get(Table.TRACE, b"k") == b"v"


def test_a_log_that_finds_no_room_ends_typed(small_disk: Path) -> None:
    with ObjectStore.open(small_disk / "root") as store, store.log_writer("ab") as writer:
        with pytest.raises(StoreFull):
            fill(lambda _: writer.write(os.urandom(200_000)))
        (store.root / "log" / "ab.zst").unlink()


def test_a_limit_on_file_sizes_ends_typed(tmp_path: Path) -> None:
    code = """
import resource
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
with store.lease() as lease:
    try:
        store.add_bytes(os.urandom(400_000), "big", lease=lease)
    except StoreFull as error:
        say(error.code)
    small = store.add_bytes(b"small", "small", lease=lease)
    try:
        for number in range(50):
            store.put([Row(Table.RECORDS, b"%d" % number, os.urandom(100_000))]).wait()
    except StoreFull as error:
        say(error.code)
"""
    assert finish(start(tmp_path / "root", code)).split() == ["HM403", "HM403"]
    with ObjectStore.open(tmp_path / "root") as store:
        assert [path.name for path in store.paths()] == ["small"]
        assert store.verify().problems == ()
