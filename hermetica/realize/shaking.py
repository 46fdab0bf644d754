"""Scheduling that is disturbed while a build runs, so that what depends on it has a chance to show.

Half of the processors are wanted by others for a few milliseconds at a time, so that of two processes that run side by
side one is held up and the other is not. Load on all of them would hide more races than it shows: everything waits in
line then. Nothing that a program is told of its world is changed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

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
    """Disturbs the scheduling of everything on this machine, until it is left.

    Args:
        seed: of the disturbance; what comes of it differs all the same.
    """
    processors = sorted(os.sched_getaffinity(0))
    chosen = random.Random(seed).sample(processors, (len(processors) + 1) // 2)  # noqa: S311 -- repeatable, not secret
    with ExitStack() as stack:
        for number, processor in enumerate(chosen):
            stack.callback(_end, _spinner(seed * 64 + number, processor))
        yield


def _spinner(seed: int, processor: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-I", "-S", "-B", "-c", _SPIN, str(seed), str(os.getpid())]
    made = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.sched_setaffinity(made.pid, {processor})
    return made


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
