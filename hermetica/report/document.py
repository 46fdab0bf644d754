"""What the page of a run shows, decided from its course: ``hermetica.report/1``. Pure.

Lists of numbers and of rows, so that a run of thousands is read by the page within a moment.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from hermetica.report.layout import layered

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermetica.report.course import Course, Task

FORMAT: Final = "hermetica.report/1"
LOG_CHARACTERS: Final = 1 << 20
"""What the logs of all that succeeded may take, the longest builds first; those of failures are always whole."""
COLUMNS: Final = (
    *("drv", "name", "work", "origin", "why", "inputs", "expected_s", "started_s", "ended_s", "state"),
    *("outputs", "size_bytes", "error", "log", "lane", "phases", "column", "row"),
)
"""The names of what the row of a task holds, in its order."""
_BAD: Final = ("failed", "timed-out", "not-reproducible")
_STATES: Final = ("built", "fetched", "substituted", "reproduced", "cached", *_BAD, "cancelled", "dependency-failed")


def report_document(course: Course, base: str = ".") -> dict[str, Any]:
    """The data of the page as a JSON object; times in seconds from the beginning of the run.

    Args:
        course: of the run.
        base: a directory: what is defined below it is told by its path from there.
    """
    tasks = course.tasks
    states = [_state(task) for task in tasks]
    counts = Counter(states)
    logs = _logs(tasks, states)
    edges = [(number, used) for number, task in enumerate(tasks) for used in task.inputs]
    places = layered(len(tasks), edges)
    return {
        "format": FORMAT,
        "targets": list(course.targets),
        "began_s": course.began_s,
        "duration_s": course.duration_s,
        "jobs": course.jobs,
        "result": _result(course, counts),
        "counts": {state: counts[state] for state in (*_STATES, "unfinished") if counts[state]},
        "reused": course.reused,
        "work_s": sum(task.duration_s for task in tasks),
        "made_bytes": sum(task.size_bytes for task in tasks),
        "critical": list(course.critical),
        "critical_s": course.critical_s,
        "lanes": list(course.lanes),
        "warnings": list(course.warnings),
        "columns": list(COLUMNS),
        "tasks": [
            _row(task, state, log, place, f"{base}/")
            for task, state, log, place in zip(tasks, states, logs, places, strict=True)
        ],
        "closure": _closure(course),
    }


def title_of(course: Course) -> str:
    """What names the page: what was asked for, the first few of it."""
    named = ", ".join(course.targets[:3]) or "nothing"
    more = len(course.targets) - 3
    return f"{named} and {more:,} more" if more > 0 else named


def _state(task: Task) -> str:
    return "fetched" if (task.work, task.outcome) == ("fetch", "built") else task.outcome


def _result(course: Course, counts: Counter[str]) -> str:
    if any(counts[state] for state in _BAD):
        return "failed"
    if not course.is_over:
        return "unfinished"
    return "cancelled" if counts["cancelled"] or counts["dependency-failed"] else "succeeded"


def _logs(tasks: Sequence[Task], states: Sequence[str]) -> list[str]:
    """The log of each task that the page can carry."""
    logs = [task.log if state in _BAD else "" for task, state in zip(tasks, states, strict=True)]
    left = LOG_CHARACTERS
    for number in sorted(range(len(tasks)), key=lambda number: -tasks[number].duration_s):
        if not logs[number] and len(tasks[number].log) <= left:
            logs[number] = tasks[number].log
            left -= len(logs[number])
    return logs


def _row(task: Task, state: str, log: str, place: tuple[int, int], base: str) -> list[Any]:
    origin = None if task.origin is None else task.origin.removeprefix(base)
    return [
        *(task.drv, task.name, task.work, origin, task.why, list(task.inputs)),
        *(_rounded(task.expected_s), _rounded(task.started_s), _rounded(task.ended_s), state),
        *(dict(task.outputs), task.size_bytes, task.error, log, task.lane),
        [[name, _rounded(began_s)] for name, began_s in task.phases],
        *place,
    ]


def _rounded(moment_s: float | None) -> float | None:
    return None if moment_s is None else round(moment_s, 4)


def _closure(course: Course) -> list[list[Any]]:
    """[store path, bytes, whether it was asked for] of each object, the largest first."""
    asked = frozenset(course.results)
    objects: Iterable[tuple[str, int]] = course.closure.items()
    return [[path, size, path in asked] for path, size in sorted(objects, key=lambda item: (-item[1], item[0]))]
