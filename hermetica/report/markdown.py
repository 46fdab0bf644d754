"""A run as a summary in Markdown, for the page that a build service shows of a job. Pure.

Source: GitHub, "Adding a job summary": at most 1 MiB a step. CommonMark 0.31, "Fenced code blocks".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from hermetica.report.document import report_document, title_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hermetica.report.course import Course, Task

_FAILURES: Final = 10
_LOG_LINES: Final = 30
_LOG_CHARACTERS: Final = 20_000
_STEPS: Final = 12
_BAD: Final = frozenset({"failed", "timed-out", "not-reproducible"})
_WORDS: Final = {"cached": "cut off early", "dependency-failed": "not tried because an input failed"}
_MARKS: Final = {"succeeded": "✅", "failed": "❌"}
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#|~!&])")


def summary(course: Course) -> str:
    """What a run did: the result, what failed and how its log ended, and where the time went."""
    document = report_document(course)
    lines = [
        f"### {_MARKS.get(document['result'], '⚠️')} {_text(title_of(course))}: {document['result']}",
        "",
        f"{_counts(document)} in {_seconds(course.duration_s)}",
    ]
    failed = [task for task in course.tasks if task.outcome in _BAD]
    for task in failed[:_FAILURES]:
        lines += _failure(task)
    if len(failed) > _FAILURES:
        lines += ["", f"and {len(failed) - _FAILURES:,} more failed"]
    lines += _critical(course)
    return "\n".join([*lines, "", ""])


def _counts(document: Mapping[str, Any]) -> str:
    parts = [f"{count:,} {_WORDS.get(state, state.replace('-', ' '))}" for state, count in document["counts"].items()]
    if document["reused"]:
        parts.append(f"{document['reused']:,} reused")
    return ", ".join(parts) or "nothing to do"


def _failure(task: Task) -> Iterator[str]:
    error: Mapping[str, Any] = task.error or {}
    said = f"{error.get('code', '')} {error.get('message', '')}".strip()
    yield from ("", f"**{_text(task.name)}** {_text(said)}".rstrip())
    if task.origin:
        yield from ("", f"defined at {_code(task.origin)}")
    if error.get("hint"):
        yield from ("", f"fix: {_text(str(error['hint']))}")
    log = task.log or str(error.get("log_tail") or "")
    tail = "\n".join(log.splitlines()[-_LOG_LINES:])[-_LOG_CHARACTERS:]
    if tail:
        fence = "`" * max(3, 1 + _longest_run(tail))
        yield from ("", "<details open><summary>the end of its log</summary>", "", fence, _printable(tail), fence)
        yield from ("", "</details>")


def _critical(course: Course) -> Sequence[str]:
    """Where the time went: the steps of the critical path, longest first."""
    if len(course.critical) < 2:
        return ()
    steps = sorted((course.tasks[number] for number in course.critical), key=lambda task: -task.duration_s)
    share = f", {round(100 * course.critical_s / course.duration_s)} % of the run" if course.duration_s else ""
    what = f"critical path: {len(steps):,} steps, {_seconds(course.critical_s)}{share}"
    rows = [f"| {_text(task.name)} | {_seconds(task.duration_s)} |" for task in steps[:_STEPS]]
    more = [f"| and {len(steps) - _STEPS:,} more | |"] if len(steps) > _STEPS else []
    return (
        "",
        f"<details><summary>{what}</summary>",
        "",
        "| step | took |",
        "|---|--:|",
        *rows,
        *more,
        "",
        "</details>",
    )


def _seconds(length_s: float) -> str:
    if length_s < 60:
        return f"{length_s:.1f} s"
    minutes, rest = divmod(int(length_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"


def _text(text: str) -> str:
    """Text that is no markup, on one line."""
    return _SPECIAL.sub(r"\\\1", _printable(" ".join(text.split())))


def _code(text: str) -> str:
    fence = "`" * (1 + _longest_run(text))
    return f"{fence} {_printable(text)} {fence}" if "`" in text else f"`{_printable(text)}`"


def _longest_run(text: str) -> int:
    runs: Iterable[str] = re.findall(r"`+", text)
    return max(map(len, runs), default=0)


def _printable(text: str) -> str:
    """Without escape sequences and control characters; without halves of characters, which no file can hold."""
    text = re.sub(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-_])", "", text)
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", "", text)
