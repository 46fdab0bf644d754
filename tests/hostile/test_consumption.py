"""Builders that eat: processes as the superuser, disk, files, and what has no name."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from hermetica.sandbox import Limits
from hermetica.sandbox.consumption import Amount, Measurement
from hermetica.sandbox.outcome import Outcome
from tests.sandbox.conftest import processes_with

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.conftest import Box, Ran

pytestmark = pytest.mark.sandbox
MIB = 1 << 20
SECONDS = 30


def ended(box: Box, script: str, **limits: Any) -> Ran:
    """Runs a script that would go on for ever."""
    return box.run(script, limits=Limits(**limits), limits_of_run={"timeout_s": SECONDS})


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's builds are held by the kernel")
def test_the_superusers_fork_bomb_is_counted_and_ended(box: Box, tmp_path: Path) -> None:
    token = f"bomb-{tmp_path.name}"  # each starts one more and stays: one that doubles would starve the tests beside it
    began_s = time.monotonic()
    ran = ended(box, f"bomb() {{ bomb & sleep 9; : {token}; }}; bomb; sleep 99", processes=400)
    assert ran.exit.outcome is Outcome.PROCESS_LIMIT
    assert time.monotonic() - began_s < SECONDS
    assert processes_with(token) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's builds are held by the kernel")
def test_threads_count_as_processes(box: Box) -> None:
    code = "import threading, time\nfor _ in range(300): threading.Thread(target=time.sleep, args=(99,)).start()"
    ran = box.run(
        "",
        builder="/usr/bin/python3",
        args=("-I", "-c", code),
        rootfs="/",
        limits=Limits(processes=200),
        limits_of_run={"timeout_s": SECONDS},
    )
    assert ran.exit.outcome is Outcome.PROCESS_LIMIT


@pytest.mark.parametrize(
    "script",
    [
        "while :; do cat /build/block >> /build/large; done",
        "while :; do cat /build/block >> /hermetica/store/large; done",
        "mkdir -p /build/a/b; cd /build/a/b; i=0; while :; do cat /build/block > $i; i=$((i+1)); done",
        "exec 3> /build/unnamed; rm /build/unnamed; while :; do cat /build/block >&3; done",
    ],
    ids=["one file", "an output", "many files", "a file without a name"],
)
def test_a_build_that_fills_the_disk_is_ended(box: Box, script: str) -> None:
    (box.build_dir / "block").write_bytes(os.urandom(MIB // 4))
    ran = ended(box, f"sleep 0.3; {script}", written_bytes=40 * MIB)
    assert ran.exit.outcome is Outcome.SIZE_LIMIT


def test_a_build_that_makes_files_without_end_is_ended(box: Box) -> None:
    ran = ended(box, "sleep 0.3; while :; do touch $((i=i+1)); done", written_entries=2000)
    assert ran.exit.outcome is Outcome.SIZE_LIMIT
    assert 2000 < len(list(box.build_dir.iterdir())) < 200_000


def test_a_build_within_its_limits_is_left_alone(box: Box) -> None:
    (box.build_dir / "block").write_bytes(os.urandom(MIB))
    ran = ended(box, "sleep 0.5; cat /build/block > /build/b; sleep 0.5", written_bytes=4 * MIB, written_entries=50)
    assert ran.exit.succeeded


def test_what_others_write_is_not_held_against_a_build(box: Box, tmp_path: Path) -> None:
    script = "echo started; sleep 2"
    others = tmp_path / "others"

    def write(_output: bytes) -> None:
        time.sleep(0.3)
        others.write_bytes(os.urandom(20 * MIB))
        with others.open("rb") as file:
            os.fsync(file.fileno())

    from hermetica.sandbox import run

    assert run(box.spec(script, limits=Limits(written_bytes=4 * MIB)), log=write).succeeded


def test_holes_cost_nothing_and_names_of_one_file_count_once(tmp_path: Path) -> None:
    with (tmp_path / "hollow").open("wb") as file:
        file.truncate(4 << 30)
    (tmp_path / "full").write_bytes(bytes(MIB))
    os.link(tmp_path / "full", tmp_path / "again")
    measurement = Measurement(Limits())
    measurement.directory(str(tmp_path))
    assert measurement.found.entries == 3
    assert MIB <= measurement.found.size_bytes < 2 * MIB


def test_a_measurement_stops_where_the_limit_is_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/")
    for number in range(50):
        (tmp_path / str(number)).touch()
    measurement = Measurement(Limits(written_entries=10))
    measurement.directory(str(tmp_path))
    assert measurement.found.entries == 11
    whole = Measurement(Limits())
    whole.directory(str(tmp_path))
    assert whole.found == Amount(0, 51)
    assert not whole.baffled


def test_what_is_too_deep_or_gone_baffles_a_measurement(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(80):
        deep = deep / "d"
        deep.mkdir()
    for place in (tmp_path, tmp_path / "absent"):
        measurement = Measurement(Limits())
        measurement.directory(str(place))
        assert measurement.baffled
