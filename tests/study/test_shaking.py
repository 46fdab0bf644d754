"""Disturbed scheduling: what disturbs it ends with it, and with whoever is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from hermetica.realize.shaking import shaking


def spinners(parent: int) -> list[int]:
    """The programs below a process that want its processors."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(parent).encode() in words and any(b"random.Random(int(sys.argv[1]))" in word for word in words):
            found.append(int(entry.name))
    return found


def test_what_disturbs_is_there_while_it_lasts_and_gone_after_it() -> None:
    with shaking(1):
        assert len(spinners(os.getpid())) == len(os.sched_getaffinity(0))
    assert spinners(os.getpid()) == []


def test_some_of_what_is_started_yields_to_others() -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    with shaking(2):
        children = [subprocess.Popen(["sleep", "60"]) for _ in range(12)]
        try:
            until = time.monotonic() + 30
            nice: set[int] = set()
            while nice != {own, own + 5} and time.monotonic() < until:
                time.sleep(0.01)
                nice = {os.getpriority(os.PRIO_PROCESS, child.pid) for child in children}
        finally:
            for child in children:
                child.kill()
                child.wait()
    assert nice == {own, own + 5}


def test_what_disturbs_does_not_outlive_a_process_that_is_killed() -> None:
    text = (
        "import time; from hermetica.realize.shaking import shaking\n"
        "with shaking(3): print(1, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    assert spinners(process.pid)
    process.kill()
    process.wait()
    process.stdout.close()
    until = time.monotonic() + 30
    while spinners(process.pid) and time.monotonic() < until:
        time.sleep(0.01)
    assert spinners(process.pid) == []
