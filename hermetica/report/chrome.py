"""A run as a trace that chrome://tracing and Perfetto open: a lane for each worker, fetches apart. Pure.

Source: Trace Event Format, the JSON object form.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermetica.report.course import Course, Task

_BUILDS: Final = 1
_FETCHES: Final = 2
_COLORS: Final = {"failed": "terrible", "timed-out": "bad", "not-reproducible": "bad", "cached": "grey"}


def chrome_trace(course: Course) -> dict[str, Any]:
    """The trace as a JSON object; times in microseconds from the beginning of the run."""
    return {
        "displayTimeUnit": "ms",
        "otherData": {"format": "hermetica.trace/1", "targets": list(course.targets), "began_s": course.began_s},
        "traceEvents": [*_names(course), *_tasks(course), *_critical(course), *_counters(course)],
    }


def _names(course: Course) -> Iterator[dict[str, Any]]:
    for pid, name, lanes in ((_BUILDS, "builds", course.lanes[0]), (_FETCHES, "fetches", course.lanes[1])):
        if not lanes:
            continue
        yield _metadata(pid, 0, "process_name", {"name": name})
        yield _metadata(pid, 0, "process_sort_index", {"sort_index": pid})
        for lane in range(lanes):
            yield _metadata(pid, lane, "thread_name", {"name": f"{'worker' if pid == _BUILDS else 'fetch'} {lane + 1}"})
            yield _metadata(pid, lane, "thread_sort_index", {"sort_index": lane})


def _metadata(pid: int, tid: int, name: str, args: dict[str, Any]) -> dict[str, Any]:
    return {"ph": "M", "pid": pid, "tid": tid, "ts": 0, "name": name, "args": args}


def _tasks(course: Course) -> Iterator[dict[str, Any]]:
    for task in course.tasks:
        if task.started_s is None:
            continue
        yield _span(task, task.name, task.started_s, task.ended_s or task.started_s, _facts(task))
        ends = [*(began_s for _, began_s in task.phases[1:]), task.ended_s or task.started_s]
        for (name, began_s), ended_s in zip(task.phases, ends, strict=False):
            yield _span(task, name, began_s, ended_s, None)


def _span(task: Task, name: str, began_s: float, ended_s: float, facts: dict[str, Any] | None) -> dict[str, Any]:
    span = {
        "ph": "X",
        **_lane(task),
        "ts": _microseconds(began_s),
        "dur": max(0, _microseconds(ended_s) - _microseconds(began_s)),
        "name": name,
        "cat": "phase" if facts is None else task.work,
    }
    if facts is not None:
        span["args"] = facts
        if task.outcome in _COLORS:
            span["cname"] = _COLORS[task.outcome]
    return span


def _facts(task: Task) -> dict[str, Any]:
    facts = {
        "drv": task.drv,
        "outcome": task.outcome,
        "why": task.why,
        "origin": task.origin,
        "size_bytes": task.size_bytes,
        "critical path": task.is_critical,
        "outputs": dict(task.outputs),
    }
    return facts if task.error is None else {**facts, "error": f"{task.error['code']} {task.error['message']}"}


def _critical(course: Course) -> Iterator[dict[str, Any]]:
    """Arrows along the critical path."""
    steps = [course.tasks[number] for number in course.critical]
    for number, (one, other) in enumerate(pairwise(steps)):
        arrow = {"cat": "critical path", "name": "critical path", "id": number}
        yield {"ph": "s", **_lane(one), "ts": _microseconds(one.ended_s or 0.0), **arrow}
        yield {"ph": "f", "bp": "e", **_lane(other), "ts": _microseconds(other.started_s or 0.0), **arrow}


def _counters(course: Course) -> Iterator[dict[str, Any]]:
    """How many run at each moment."""
    changes = [
        (moment_s, change)
        for task in course.tasks
        if task.started_s is not None
        for moment_s, change in ((task.started_s, 1), (task.ended_s or task.started_s, -1))
    ]
    running = 0
    for moment_s, change in sorted(changes):
        running += change
        yield {
            "ph": "C",
            "pid": _BUILDS,
            "tid": 0,
            "name": "running",
            "ts": _microseconds(moment_s),
            "args": {"derivations": running},
        }


def _lane(task: Task) -> dict[str, Any]:
    return {"pid": _FETCHES if task.work == "fetch" else _BUILDS, "tid": task.lane}


def _microseconds(moment_s: float) -> int:
    return round(moment_s * 1e6)
