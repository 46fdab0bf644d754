"""Scheduling that is disturbed while a build runs, so that what depends on it has a chance to show.

Every processor is wanted by two others, for a few milliseconds at a time and each at times of its own, so that of two
processes that run side by side one is held up and the other is not. Of two loops of equal length, on two processors,
the second one was first in a third of the builds; with one other on each in a fifth, on half of them in a tenth, with
none in hardly any. Nothing that a program is told of its world is changed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

_OTHERS: Final = 2
_SPIN: Final = """
import os, random, sys, time
draw = random.Random(sys.argv[1]).uniform
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
    wanted = sorted(os.sched_getaffinity(0)) * _OTHERS
    with ExitStack() as stack:
        for number, processor in enumerate(wanted):
            stack.callback(_end, _spinner(f"{seed}.{number}", processor))
        yield


def _spinner(seed: str, processor: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-I", "-S", "-B", "-c", _SPIN, seed, str(os.getpid())]
    made = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.sched_setaffinity(made.pid, {processor})
    return made


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
