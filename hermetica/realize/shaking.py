"""Scheduling that is disturbed while a build runs, so that what depends on it has a chance to show.

Two things, both without privileges: programs that want every processor for a few milliseconds at a time, and, of the
build's own processes, some that yield to all others. Neither changes anything that a program is told of its world but
its niceness.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_PAUSE_S: Final = 0.002
_YIELDING: Final = 5  # steps: a third of what others get; more would starve it on a busy machine
_SPIN: Final = """
import os, random, sys, time
draw = random.Random(int(sys.argv[1])).uniform
while os.getppid() == int(sys.argv[2]):  # whoever is killed takes it along
    until = time.monotonic() + draw(0.0005, 0.008)
    while time.monotonic() < until:
        pass
    time.sleep(draw(0.0005, 0.008))
"""


@contextmanager
def shaking(seed: int) -> Generator[None]:
    """Disturbs the scheduling of what the calling thread starts, until it is left.

    Args:
        seed: of the disturbance; what comes of it differs all the same.
    """
    over = threading.Event()
    pusher = threading.Thread(
        target=_push, args=(threading.get_native_id(), seed, over), name="hermetica-shaking", daemon=True
    )
    with ExitStack() as stack:
        for number in range(len(os.sched_getaffinity(0))):
            stack.callback(_end, _spinner(seed * 64 + number))
        pusher.start()
        stack.callback(pusher.join)
        stack.callback(over.set)
        yield


def _spinner(seed: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-I", "-S", "-B", "-c", _SPIN, str(seed), str(os.getpid())]
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _push(thread: int, seed: int, over: threading.Event) -> None:
    """Lets about half of the processes below a thread yield, each decided once, when it is first seen."""
    draw = random.Random(seed).random  # noqa: S311 -- repeatable, not secret
    seen: set[int] = set()
    while not over.wait(_PAUSE_S):
        for pid in _below(f"/proc/self/task/{thread}"):
            if pid not in seen:
                seen.add(pid)
                if draw() < 0.5:
                    with suppress(OSError):
                        own = os.getpriority(os.PRIO_PROCESS, pid)
                        os.setpriority(os.PRIO_PROCESS, pid, min(19, own + _YIELDING))


def _below(task: str) -> Iterator[int]:
    """The processes that a thread started, and those that they started."""
    try:
        children = Path(task, "children").read_text(encoding="ascii").split()
    except OSError:  # it ended, or the kernel does not tell
        return
    for child in children:
        with suppress(OSError):
            if _is_spinner(child):
                continue
            yield int(child)
            for each in sorted(os.listdir(f"/proc/{child}/task")):  # noqa: PTH208 -- names wanted
                yield from _below(f"/proc/{child}/task/{each}")


def _is_spinner(pid: str) -> bool:
    return _SPIN.encode() in Path("/proc", pid, "cmdline").read_bytes()
