"""Disturbed scheduling: what disturbs it ends with it, and with whoever is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
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
        if str(parent).encode() in words and any(b"random.Random(sys.argv[1])" in word for word in words):
            found.append(int(entry.name))
    return found


def test_what_disturbs_is_there_while_it_lasts_and_gone_after_it() -> None:
    with shaking(1):
        found = spinners(os.getpid())
        places = Counter(frozenset(os.sched_getaffinity(each)) for each in found)
        assert places == {frozenset([each]): 2 for each in os.sched_getaffinity(0)}
    assert spinners(os.getpid()) == []


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
