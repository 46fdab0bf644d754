"""Clocks that were wrong when something was written, or are wrong now: nothing is lost, nothing kept for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from hermetica_store import ObjectStore, Policy
from tests.faults.namespaces import HEAD
from tests.store.processes import add

_REPOSITORY: Final = Path(__file__).parents[2]
_LIBRARIES: Final = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib*/faketime/libfaketime.so.1")
YEARS: Final = ("@1999-12-31 23:59:59", "@2037-01-01 00:00:00", "@1970-01-01 00:00:01")


def faketime() -> str:
    """The library that shifts the clock of a process."""
    for pattern in _LIBRARIES:
        for found in Path("/").glob(pattern.lstrip("/")):
            return str(found)
    pytest.skip("needs libfaketime")


def at(year: str, code: str, place: Path) -> None:
    """Runs a program at another time."""
    environment = {
        **os.environ,
        "LD_PRELOAD": faketime(),
        "FAKETIME": year,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "TZ": "UTC",
    }
    ended = subprocess.run(
        [sys.executable, "-c", HEAD + code, str(place)],
        cwd=_REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr


WRITE: Final = """
import time
with ObjectStore.open(place / "store") as store, store.lease() as lease:
    assert abs(time.time() - 1.8e9) > 1e8, "the clock is not shifted"
    library = store.add_bytes(b"library", "library", lease=lease)
    app = store.add_bytes(f"app {library}".encode(), "app", lease=lease, references=[library])
    dead = store.add_bytes(b"dead", "dead", lease=lease)
    store.flush()
    store.add_root("app", app)
    store.put([Row(Table.RECORDS, b"\\x01", b"r")]).wait()
    store.write_log("01", b"said")
    (place / "source").write_bytes(b"first")
    store.hash_source(place / "source")
    with store.scratch() as scratch:
        scratch.keep()
"""


@pytest.mark.parametrize("year", YEARS)
def test_a_store_written_at_another_time_is_whole_and_is_collected(tmp_path: Path, year: str) -> None:
    at(year, WRITE, tmp_path)
    with ObjectStore.open(tmp_path / "store") as store:
        assert not store.verify().problems
        assert sorted(path.name for path in store.paths()) == ["app", "dead", "library"]
        assert [path.name for path in store.collect().paths] == ["dead"]
        assert sorted(path.name for path in store.paths()) == ["app", "library"]
        store.remove_root("app")
        with store.lease() as lease:
            add(store, lease, "new", "new")
        assert sorted(path.name for path in store.collect().paths) == ["app", "library", "new"]
        assert list((store.root / "store").iterdir()) == []


@pytest.mark.parametrize("year", YEARS)
def test_a_clock_that_jumped_neither_loses_nor_takes_what_is_rooted(tmp_path: Path, year: str) -> None:
    with ObjectStore.open(tmp_path / "store") as store, store.lease() as lease:
        kept = add(store, lease, "kept", "kept")
        add(store, lease, "dead", "dead")
        store.add_root("kept", kept)
    at(
        year,
        """
with ObjectStore.open(place / "store") as store:
    store.collect(Policy(older_than_s=3600.0, keep_rows_s=3600.0))
    assert is_whole(store)
    assert "kept" in [path.name for path in store.paths()]
    with store.lease() as lease:
        store.add_bytes(b"now", "now", lease=lease)
    store.collect()
    assert [path.name for path in store.paths()] == ["kept"] and is_whole(store)
""",
        tmp_path,
    )
    with ObjectStore.open(tmp_path / "store") as store:
        assert [path.name for path in store.paths()] == ["kept"]
        assert not store.verify().problems


def test_what_was_used_in_the_future_counts_as_used_most_recently(tmp_path: Path) -> None:
    at("@2037-01-01 00:00:00", WRITE, tmp_path)
    with ObjectStore.open(tmp_path / "store") as store:
        with store.lease() as lease:
            add(store, lease, "x" * 100, "now")
        assert store.collect(Policy(older_than_s=3600.0)).paths == ()
        size_bytes = store.statistics().size_bytes
        assert [path.name for path in store.collect(Policy(max_bytes=size_bytes - 1)).paths] == ["now"]
        assert store.collect(Policy(older_than_s=0.0)).paths == ()
        assert [path.name for path in store.collect().paths] == ["dead"]


@pytest.mark.parametrize("shift_s", [-(10**9), 10**8])
def test_a_source_with_times_of_another_year_is_read_again_when_it_changes(tmp_path: Path, shift_s: int) -> None:
    source = tmp_path / "source"
    when_ns = time.time_ns() + shift_s * 10**9
    with ObjectStore.open(tmp_path / "store") as store:
        digests = set[str]()
        for content in (b"first", b"other", b"third"):
            source.write_bytes(content)
            os.utime(source, ns=(when_ns, when_ns))
            digests.add(store.hash_source(source).tree.hex)
        assert len(digests) == 3
