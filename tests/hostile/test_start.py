"""No builder starts that is not bound to die with whoever started it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hermetica.sandbox.spawn import Spawner
from hermetica.sandbox.start import start
from tests.sandbox.conftest import ROOT, Box, import_paths, processes_with

pytestmark = pytest.mark.sandbox
KILLS = 8
EMBEDDER = """
import sys, threading
from pathlib import Path
from tests.sandbox.conftest import Box
from hermetica.sandbox import run, Spawner
spec = Box(Path(sys.argv[1])).spec(f"sleep 1000; : {sys.argv[2]}")
def work():
    with Spawner.on_this_thread() as spawner:
        spawner.bwrap()
        print("ready", flush=True)
        sys.stdin.readline()
        run(spec, log=lambda output: None, spawner=spawner)
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


def test_without_its_filter_no_builder_starts(box: Box) -> None:
    with Spawner.with_own_thread() as spawner:
        running = start(box.spec("echo it ran > /build/proof"), spawner.bwrap(), spawner)
        assert running.gate is not None
        os.close(running.gate)  # what the kernel does if we die here
        running.gate = None
        report = b""
        while piece := os.read(running.status, 4096):
            report += piece
        os.waitpid(running.pid, 0)
        running.close()
    assert b"exit-code" not in report
    assert list(box.build_dir.iterdir()) == []


def test_with_its_filter_the_same_builder_runs(box: Box) -> None:
    box.run("echo it ran > /build/proof")
    assert (box.build_dir / "proof").read_text() == "it ran\n"


def builders(token: str) -> list[str]:
    """The processes of builders, bubblewrap's own and the embedder's left out."""
    return [line for line in processes_with(token) if not line.startswith("bwrap") and "import" not in line]


def end_idle_sandboxes(token: str) -> None:
    """Kill a bubblewrap that waits for a parent that is gone (docs/security.md, "The first millisecond")."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if token.encode() in (entry / "cmdline").read_bytes() and (entry / "comm").read_text() == "bwrap\n":
                os.kill(int(entry.name), signal.SIGKILL)


def test_an_embedder_killed_during_a_start_leaves_no_builder(box: Box, tmp_path: Path) -> None:
    choice = random.Random(1)  # noqa: S311 -- moments, not secrets
    environment = {**os.environ, "PYTHONPATH": import_paths()}
    for number in range(KILLS):
        token = f"killed-early-{tmp_path.name}-{number}"
        command = [sys.executable, "-c", EMBEDDER, str(box.root), token]
        with subprocess.Popen(
            command, env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            process.stdin.write(b"go\n")
            process.stdin.flush()
            time.sleep(choice.uniform(0, 0.006))
            process.kill()
        end_s = time.monotonic() + 5
        while builders(token) and time.monotonic() < end_s:
            time.sleep(0.02)
        assert builders(token) == []
        end_idle_sandboxes(token)
