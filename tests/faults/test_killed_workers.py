"""Parts of a build that are killed from outside: the builder, bubblewrap, the process that asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import hermetica as hm
from hermetica.realize.errors import BuildFailed
from hermetica.sandbox import SandboxUnavailable
from tests.behaviours.conftest import TOOLS
from tests.faults.namespaces import HEAD

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.sandbox

_REPOSITORY: Final = Path(__file__).parents[2]


def processes(wanted: Callable[[list[str], int], bool]) -> list[int]:
    """The processes below this one, by their arguments and their parents."""
    found: list[int] = []
    ours = {os.getpid()}
    rows: dict[int, tuple[int, list[str]]] = {}
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
                rows[int(place.name)] = parent, (place / "cmdline").read_text().split("\0")
            except (OSError, ValueError):  # it ended meanwhile
                continue
    while more := {pid for pid, (parent, _) in rows.items() if parent in ours and pid not in ours}:
        ours |= more
    for pid, (parent, words) in rows.items():
        if pid in ours and wanted(words, parent):
            found.append(pid)
    return found


def is_builder(words: list[str], _parent: int) -> bool:
    """The shell that runs the script, or what it runs."""
    return words[:2] == ["sleep", "61.25"]


def is_bwrap(words: list[str], parent: int) -> bool:
    """The bubblewrap that we started ourselves."""
    return words[0].endswith("bwrap") and parent == os.getpid()


def is_init(words: list[str], parent: int) -> bool:
    """The first process of the sandbox."""
    return words[0].endswith("bwrap") and parent != os.getpid()


def endless(go: str = "") -> hm.Derivation:
    """A build that waits to be killed; with ``go`` one that succeeds."""
    busybox = hm.source(TOOLS, name="busybox")
    script = f"echo begun; {'echo built > $out' if go else 'sleep 61.25'}"
    return hm.derivation(name="endless", builder=f"{busybox}/bin/sh", args=("-euc", script))


@pytest.mark.parametrize("victim", [is_builder, is_bwrap, is_init])
def test_a_killed_part_of_a_build_ends_it_typed_and_another_build_goes_on(
    tmp_path: Path, victim: Callable[[list[str], int], bool]
) -> None:
    with hm.evaluation(), hm.Store.open(tmp_path / "store") as store:
        begun = threading.Event()

        def kill() -> None:
            begun.wait(60)
            ends_s = time.monotonic() + 30
            while time.monotonic() < ends_s:
                pids = processes(victim)
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)
                if pids:
                    return
                time.sleep(0.01)

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises((BuildFailed, SandboxUnavailable)) as raised:
            store.realize(endless(), on_event=lambda event: begun.set() if event.kind == "log" else None)
        killer.join()
        assert "killed" in str(raised.value) or "137" in str(raised.value)
        assert processes(is_builder) == []
        assert list((store.objects.root / "tmp").iterdir()) == []
        assert not store.objects.verify().problems
        assert store.realize(endless("go")).outcome == "built"


BUILD_FOREVER = (
    HEAD
    + """
with hm.evaluation(), hm.Store.open(place / "store") as store:
    store.realize(sh("begun", "echo begun > $out"))
    store.realize(sh("endless", "echo begun; sleep 62.25"), on_event=lambda e: print(e.kind, flush=True))
"""
)


def test_a_killed_process_takes_its_builds_with_it_and_the_next_one_goes_on(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD_FOREVER, str(tmp_path)], cwd=_REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    while "log" not in process.stdout.readline():
        pass
    process.kill()
    process.wait()
    process.stdout.close()
    ends_s = time.monotonic() + 30
    while _sleepers() and time.monotonic() < ends_s:
        time.sleep(0.02)
    assert _sleepers() == []
    with hm.evaluation(), hm.Store.open(tmp_path / "store") as store:
        assert list((store.objects.root / "tmp").iterdir()) == []
        busybox = hm.source(TOOLS, name="busybox")
        begun = hm.derivation(name="begun", builder=f"{busybox}/bin/sh", args=("-euc", "echo begun > $out"))
        assert store.realize(begun).outcome == "cached"
        assert store.realize(endless("go")).outcome == "built"
        assert not store.objects.verify().problems


def _sleepers() -> list[str]:
    found = subprocess.run(["pgrep", "-f", "^sleep 62.25"], capture_output=True, text=True, check=False)
    return found.stdout.split()
