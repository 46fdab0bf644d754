"""The course of a run, from its events: what was done when, on which lane, what waited for what. Pure.

The *critical path* is the chain of derivations, each an input of the next, that took longest altogether: with any
number of workers the run could not have been shorter than that.
"""

from __future__ import annotations

import heapq
import re
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.realize.error_form import error_json
from hermetica.realize.events import (
    ClosureKnown,
    DerivationFinished,
    DerivationPlanned,
    DerivationStarted,
    Event,
    LogText,
    RunFinished,
    RunStarted,
    Warned,
)
from hermetica.realize.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LOG_LINES: Final = 200
"""Lines of a failed derivation's log that are kept: the last ones."""
LOG_LINES_OF_SUCCESS: Final = 30
"""The same of one that did not fail."""
_LOG_CHARACTERS: Final = 64 << 10
_PHASE: Final = re.compile(r"^@ (\w+)$", re.MULTILINE)
_FAILED: Final = frozenset({Outcome.FAILED, Outcome.TIMED_OUT, Outcome.NOT_REPRODUCIBLE})
UNFINISHED: Final = "unfinished"


@attrs.define(kw_only=True)
class Task:
    """One derivation of a run.

    Attributes:
        drv: its id.
        name: its name.
        work: ``build``, ``builtin`` or ``fetch``.
        origin: the line that defines it, or None.
        why: the reason that it was not there.
        inputs: the numbers of the tasks that it needed first.
        expected_s: how long it took the time before, or None.
        started_s: when it began, in seconds from the beginning of the run; None where it never did.
        ended_s: when it ended; None where it never began.
        outcome: an outcome; ``unfinished`` where the events end before.
        outputs: output name -> store path.
        size_bytes: of all its outputs.
        error: what went wrong, in its JSON form, or None.
        log: the end of its log.
        lane: which worker did it, counted from 0, fetches apart.
        phases: (name, when it began) of the phases that its log tells of.
        is_critical: whether it is on the critical path.
    """

    drv: str
    name: str
    work: str = "build"
    origin: str | None = None
    why: str = ""
    inputs: tuple[int, ...] = ()
    expected_s: float | None = None
    started_s: float | None = None
    ended_s: float | None = None
    outcome: str = UNFINISHED
    outputs: Mapping[str, str] = attrs.field(factory=dict[str, str])
    size_bytes: int = 0
    error: Mapping[str, Any] | None = None
    log: str = ""
    lane: int = 0
    phases: list[tuple[str, float]] = attrs.field(factory=list[tuple[str, float]])
    is_critical: bool = False

    @property
    def duration_s(self) -> float:
        """How long it took; 0 where it never began."""
        return 0.0 if self.started_s is None or self.ended_s is None else max(0.0, self.ended_s - self.started_s)


@attrs.define(kw_only=True)
class Course:
    """One run.

    Attributes:
        began_s: when, in seconds since the epoch.
        duration_s: how long it took, or had taken when its events end.
        targets: the names of what was asked for.
        jobs: how many workers it had.
        reused: how many derivations were in the store at once.
        is_over: whether the events tell its end.
        counts: outcome -> how many derivations ended so.
        tasks: what it had to do, inputs first.
        lanes: how many lanes builds took, and fetches.
        critical: the numbers of the tasks on the critical path, in their order.
        closure: store path -> bytes, of what was asked for and all that it needs at run time.
        results: the store paths of what was asked for.
        warnings: what the user should know.
    """

    began_s: float = 0.0
    duration_s: float = 0.0
    targets: tuple[str, ...] = ()
    jobs: int = 0
    reused: int = 0
    is_over: bool = False
    counts: Mapping[str, int] = attrs.field(factory=dict[str, int])
    tasks: list[Task] = attrs.field(factory=list[Task])
    lanes: tuple[int, int] = (0, 0)
    critical: tuple[int, ...] = ()
    closure: Mapping[str, int] = attrs.field(factory=dict[str, int])
    results: tuple[str, ...] = ()
    warnings: list[str] = attrs.field(factory=list[str])

    @property
    def critical_s(self) -> float:
        """How long the critical path took."""
        return sum(self.tasks[number].duration_s for number in self.critical)


class Gatherer:
    """Learns the course of a run from its events, one by one."""

    def __init__(self) -> None:
        self._course = Course()
        self._numbers: dict[str, int] = {}
        self._logs: dict[int, str] = {}
        self._last_s = 0.0

    def __call__(self, event: Event) -> None:
        """Takes the next event."""
        course = self._course
        course.began_s = course.began_s or event.time_s
        self._last_s = max(self._last_s, event.time_s - course.began_s)
        if isinstance(event, DerivationPlanned | DerivationStarted):
            self._begin(event)
        elif isinstance(event, DerivationFinished):
            self._end(event)
        elif isinstance(event, LogText):
            self._log(event)
        elif isinstance(event, RunStarted):
            course.targets, course.jobs, course.reused = event.targets, event.jobs, event.reused
        elif isinstance(event, ClosureKnown):
            course.closure, course.results = event.objects, event.targets
        elif isinstance(event, Warned):
            course.warnings.append(event.message)
        elif isinstance(event, RunFinished):
            course.is_over, course.counts = True, event.counts

    def _task(self, event: Any) -> tuple[int, Task]:
        number = self._numbers.setdefault(event.drv, len(self._course.tasks))
        if number == len(self._course.tasks):
            self._course.tasks.append(Task(drv=event.drv, name=event.name))
        return number, self._course.tasks[number]

    def _begin(self, event: DerivationPlanned | DerivationStarted) -> None:
        _, task = self._task(event)
        task.work, task.origin, task.expected_s = str(event.work), event.origin, event.expected_s
        if isinstance(event, DerivationPlanned):
            task.why = event.why
            task.inputs = tuple(self._numbers[drv] for drv in event.inputs if drv in self._numbers)
        else:
            task.started_s = event.time_s - self._course.began_s

    def _end(self, event: DerivationFinished) -> None:
        number, task = self._task(event)
        task.ended_s = None if task.started_s is None else event.time_s - self._course.began_s
        task.outcome, task.outputs = str(event.outcome), event.outputs
        task.size_bytes = sum(event.sizes.values())
        task.error = None if event.error is None else error_json(event.error)
        log = self._logs.pop(number, "")
        lines = LOG_LINES if event.outcome in _FAILED else LOG_LINES_OF_SUCCESS
        task.log = "\n".join(log.splitlines()[-lines:])

    def _log(self, event: LogText) -> None:
        number, task = self._task(event)
        self._logs[number] = (self._logs.get(number, "") + event.text)[-_LOG_CHARACTERS:]
        now_s = event.time_s - self._course.began_s
        task.phases += [(name, now_s) for name in _PHASE.findall(event.text)]

    def course(self) -> Course:
        """All that is known by now."""
        course = self._course
        course.duration_s = self._last_s
        for number, task in enumerate(course.tasks):
            if task.outcome == UNFINISHED:
                if task.started_s is not None:
                    task.ended_s = self._last_s
                    task.log = "\n".join(self._logs.get(number, "").splitlines()[-LOG_LINES:])
                elif course.is_over:
                    task.outcome = str(Outcome.DEPENDENCY_FAILED)
        course.lanes = _lay_out(course.tasks)
        course.critical = _critical_path(course.tasks)
        for number in course.critical:
            course.tasks[number].is_critical = True
        return course


def course_of(events: Iterable[Event]) -> Course:
    """The course of the run that these events tell of."""
    gatherer = Gatherer()
    for event in events:
        gatherer(event)
    return gatherer.course()


def _lay_out(tasks: Iterable[Task]) -> tuple[int, int]:
    """Gives each task that ran the first lane that is free, as a worker would take it; how many that took."""
    ran = sorted((task for task in tasks if task.started_s is not None), key=lambda task: task.started_s or 0.0)
    builds = _lanes(task for task in ran if task.work != "fetch")
    return builds, _lanes(task for task in ran if task.work == "fetch")


def _lanes(tasks: Iterable[Task]) -> int:
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    lanes = 0
    for task in tasks:
        while busy and busy[0][0] <= (task.started_s or 0.0):
            heapq.heappush(free, heapq.heappop(busy)[1])
        if not free:
            heapq.heappush(free, lanes)
            lanes += 1
        task.lane = heapq.heappop(free)
        heapq.heappush(busy, (task.ended_s or 0.0, task.lane))
    return lanes


def _critical_path(tasks: Sequence[Task]) -> tuple[int, ...]:
    """The chain that took longest. Every task comes after its inputs."""
    until_s: list[float] = []
    before: list[int | None] = []
    for task in tasks:
        known = [number for number in task.inputs if number < len(until_s)]
        last = max(known, key=until_s.__getitem__, default=None)
        before.append(last)
        until_s.append(task.duration_s + (0.0 if last is None else until_s[last]))
    at = max(range(len(tasks)), key=until_s.__getitem__, default=None)
    path: list[int] = []
    while at is not None:
        if tasks[at].started_s is not None:
            path.append(at)
        at = before[at]
    return tuple(reversed(path))
