"""The live view on a terminal, at ten frames a second with sixteen builds that talk: how much of a core it takes."""

from __future__ import annotations

import json
import os
import pty
import statistics
import subprocess
import sys
import threading
from typing import Final

from benchmarks.measure import report

_VIEW: Final = """
import json, resource, sys, time
from hermetica.cli.console import Console
from hermetica.cli.views.live import LiveView
from hermetica.realize.events import DerivationPlanned, DerivationStarted, LogText, RunStarted
from hermetica.realize.plan import Work
from hermetica.cli.views import live

count, seconds = int(sys.argv[1]), float(sys.argv[2])
view = LiveView(Console())
frames = 0
frame = live.frame
def counted(*given):
    global frames
    frames += 1
    return frame(*given)
live.frame = counted
view(RunStarted(time_s=time.time(), total=count, to_build=count, to_fetch=0, fetch_bytes=0, reused=0, jobs=16))
for number in range(count):
    view(DerivationPlanned(time_s=time.time(), drv=f"{number:064x}", name=f"package-{number}", origin=None,
         work=Work.BUILD, why="", inputs=(f"{number // 2:064x}",) if number else (), expected_s=30.0))
for number in range(16):
    view(DerivationStarted(time_s=time.time(), drv=f"{number:064x}", name=f"package-{number}", origin=None,
         work=Work.BUILD, expected_s=30.0))
time.sleep(0.3)
began, used, seen = time.monotonic(), time.process_time(), frames
turn = 0
while time.monotonic() - began < seconds:
    time.sleep(0.1)
    turn += 1
    for number in range(16 if turn % 2 else 0):
        text = f"cc -O2 -c file-{turn}.c -o file-{turn}.o\\n"
        view(LogText(time_s=time.time(), drv=f"{number:064x}", name=f"package-{number}", text=text))
wall, cpu = time.monotonic() - began, time.process_time() - used
print(json.dumps({"wall_s": wall, "cpu_s": cpu, "frames": frames - seen}))
view.close()
"""


def live(runs: int, *, smoke: bool) -> None:
    """The view of a run of 5,000 derivations, 16 of them building."""
    count, seconds = (200, 1.0) if smoke else (5000, 5.0)
    rows = [_once(count, seconds) for _ in range(runs)]
    shares = [row["cpu_s"] / row["wall_s"] for row in rows]
    figures = {
        "cpu_s": round(statistics.median(row["cpu_s"] for row in rows), 4),
        "frames_per_s": round(statistics.median(row["frames"] / row["wall_s"] for row in rows), 2),
        "ms_per_frame": round(statistics.median(1000 * row["cpu_s"] / row["frames"] for row in rows), 3),
    }
    ratios = {"hermetica/a core": round(statistics.median(shares), 5)}
    report("live", {"derivations": count, "runs": runs, "figures": figures, "ratios": ratios, "skipped": {}})


def _once(count: int, seconds: float) -> dict[str, float]:
    """One view in a process of its own; its terminal is read, and what it drew is thrown away."""
    master, slave = pty.openpty()
    reader = threading.Thread(target=_drain, args=(master,), daemon=True)
    reader.start()
    environment = {**os.environ, "TERM": "xterm"}
    ended = subprocess.run(
        [sys.executable, "-c", _VIEW, str(count), str(seconds)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=slave,
        env=environment,
        check=True,
    )
    os.close(slave)
    reader.join(timeout=5)
    os.close(master)
    row: dict[str, float] = json.loads(ended.stdout)
    return row


def _drain(master: int) -> None:
    try:
        while os.read(master, 1 << 16):
            pass
    except OSError:
        return
