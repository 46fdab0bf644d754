"""The processes of one round: forked from the campaign, so that they start at once, and killed as they are told."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from tests.campaign.plants import PLANTS
from tests.campaign.points import Points

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.campaign.points import Moment
    from tests.campaign.promises import Journal
    from tests.campaign.workloads import Place

_PR_SET_CHILD_SUBREAPER: Final = 36
_PATIENCE_S: Final = 60.0
_ORPHANS_S: Final = 0.5
_PAUSE_S: Final = 0.0005
_WAITS: Final = frozenset({"do_wait_intr_irq", "eventfd_read", "0"})  # for the word to go on; 0 where we may not see


@attrs.frozen(kw_only=True)
class Task:
    """What one process does.

    Attributes:
        name: of the workload.
        slot: of the process.
        seed: of its choices.
        kill: the step before which it kills itself.
        stall: the step before which it stands still.
        stall_s: for how long.
    """

    name: str
    slot: str
    seed: int
    kill: Moment | None = None
    stall: Moment | None = None
    stall_s: float = 0.0


@attrs.frozen(kw_only=True)
class End:
    """How a round ended.

    Attributes:
        killed: workloads whose process ended by SIGKILL.
        stuck: how many sandboxes waited for ever for a bubblewrap that was killed.
        problems: what must not be: a process that blocks, fails or survives.
    """

    killed: tuple[str, ...]
    stuck: int = 0
    problems: tuple[str, ...] = ()


def adopt_orphans() -> None:
    """Grandchildren whose parent dies become children of this process, so that it can see them end."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def start(work: Callable[[], None], output: Path, group: int = 0) -> int:
    """Fork a process that does ``work`` and exits with 0, or with 1 and a traceback in ``output``; its id."""
    pid = os.fork()
    if pid:
        with contextlib.suppress(OSError):  # it may have done so itself, and be gone
            os.setpgid(pid, group)
        return pid
    status = 1
    try:
        os.setpgid(0, group)
        fd = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        null = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, null), (1, fd), (2, fd)):
            os.dup2(source, target)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", closefd=False)
        work()
        sys.stdout.flush()
        status = 0
    except BaseException:  # noqa: BLE001 -- the process ends here
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def perform(task: Task, place: Place, work: Callable[[Place], None], plant: str | None) -> None:
    """What a process of a round does."""
    points = Points(kill=task.kill, stall=task.stall, stall_s=task.stall_s)
    if plant is not None:
        PLANTS[plant]()
    points.install()
    random.seed(task.seed)
    work(place)
    place.journal.write("census", task.name, dict(points.reached))


def await_end(pids: dict[int, str], *, whole: bool, timer: tuple[float, int | None] | None = None) -> End:
    """Wait until every process has ended; some or all are killed on the way.

    Args:
        pids: the workload of each process; the first leads their group.
        whole: whether the first death takes all others with it.
        timer: after how many seconds to kill, and which process; None for the whole group.
    """
    leader = next(iter(pids))
    running, killed, problems = dict(pids), list[str](), list[str]()
    started = time.monotonic()
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        now = time.monotonic() - started
        if timer is not None and now >= timer[0]:
            _kill(-leader if timer[1] is None else timer[1])
            timer = None
        if pid in running:
            name = running.pop(pid)
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
                killed.append(name)
                if whole and running:
                    _kill(-leader)
            elif status:
                problems.append(f"{name} ended with {os.waitstatus_to_exitcode(status)}")
        elif not pid:
            time.sleep(_PAUSE_S)
        if now > _PATIENCE_S:
            problems.append(f"blocked for {_PATIENCE_S:.0f} s: {', '.join(running.values())}")
            _kill(-leader)
    stuck, survivors = _await_orphans()
    return End(killed=tuple(killed), stuck=stuck, problems=(*problems, *survivors))


def _await_orphans() -> tuple[int, list[str]]:
    """Wait until builders, too, are gone: how many were stuck before they began, and what is wrong.

    Where bubblewrap dies between making its child and letting it go, that child waits for ever, having done nothing
    and holding nothing of the store. Such are counted and ended; a builder that runs on is a problem.
    """
    started, stuck = time.monotonic(), 0
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return stuck, []
        waited_s = time.monotonic() - started
        if not pid and waited_s > _ORPHANS_S:
            left = _children()
            waiting = [pid for pid, (name, where) in left.items() if name == "bwrap" and where in _WAITS]
            for pid in waiting:
                _kill(pid)
                os.waitpid(pid, 0)
            stuck += len(waiting)
            if waited_s > 10:
                return stuck, [f"processes survive those that had started them: {left}"]
        if not pid:
            time.sleep(_PAUSE_S)


def _children() -> dict[int, tuple[str, str]]:
    """What still runs below this process: its name, and where it waits."""
    ids = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="utf-8").split()
    found: dict[int, tuple[str, str]] = {}
    for pid in ids:
        with contextlib.suppress(OSError):
            place = Path(f"/proc/{pid}")
            name, where = ((place / part).read_text(encoding="utf-8").strip() for part in ("comm", "wchan"))
            below = (place / "task" / pid / "children").read_text(encoding="utf-8").strip()
            found[int(pid)] = name, f"on {below}" if below else where
    return found


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def said(output: Path) -> str:
    """What the processes of a round wrote, which is forgotten."""
    text = output.read_text(errors="backslashreplace") if output.exists() else ""
    output.unlink(missing_ok=True)
    return text


def clear(journal: Journal) -> None:
    """Forget what was written down."""
    journal.path.unlink(missing_ok=True)
