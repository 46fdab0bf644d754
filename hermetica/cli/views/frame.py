"""The frame below the scroll: a tree of what failed, runs and waits, when it will be over, and what keys do. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.cli.console import clean
from hermetica.cli.views.words import clock, size

if TYPE_CHECKING:
    from hermetica.cli.console import Paint
    from hermetica.cli.views.state import Progress, Running

_NAME_COLUMNS: Final = 28
_NAME_LEAST: Final = 8
_ROWS: Final = 12
_WIDE: Final = 60
_FAILURES: Final = 3
_NARROW: Final = re.compile(
    r"[\x20-\x7e\u00a1-\u00ac\u00ae-\u02ff\u2010-\u2027\u2190-\u21ff\u2500-\u257f\u25c6\u2717]*"
)
"""What is drawn most: letters, arrows and lines that take one column each, all of them."""
_KEYS: Final = (
    "↑ ↓   select what runs",
    "l     its log, as it goes on",
    "w     what waits, and for what",
    "v     all logs scroll",
    "q     stop, as Ctrl-C does",
    "?     these keys",
)


@attrs.frozen(kw_only=True)
class Look:
    """What the user asked to see.

    Attributes:
        selected: the id of what is selected among what runs; empty for nothing.
        follows: whether the log of that is shown.
        waits: whether what waits is listed.
        helps: whether the keys are explained.
        has_keys: whether there is a keyboard at all.
    """

    selected: str = ""
    follows: bool = False
    waits: bool = False
    helps: bool = False
    has_keys: bool = False


NOTHING: Final = Look()


def columns(text: str) -> int:
    """How many columns of a terminal ``text`` takes."""
    if text.isascii() or _NARROW.fullmatch(text):
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def fit(text: str, width: int) -> str:
    """``text`` cut to ``width`` columns, an ellipsis at the cut."""
    if columns(text) <= width:
        return text
    kept, used = "", 0
    for character in text:
        used += columns(character)
        if used > width - 1:
            break
        kept += character
    return f"{kept}…" if width > 0 else ""


def _detail(running: Running) -> str:
    if running.is_waiting:
        return "waits for another process that makes it"
    if running.work == "fetch":
        if running.total_bytes:
            share = min(100, 100 * running.done_bytes // running.total_bytes)
            return f"{share:3d}%  {size(running.done_bytes)} of {size(running.total_bytes)}"
        return size(running.done_bytes) if running.done_bytes else "connecting"
    return _plain(running.line).strip()


def _plain(line: str) -> str:
    return clean(line).replace("\t", " ")


def _time(running: Running, now_s: float, width: int) -> str:
    took = clock(max(0.0, now_s - running.since_s))
    expected_s = running.expected_s or 0.0
    return f"{took} of {clock(expected_s)}" if expected_s >= 1 and width > _WIDE else took


def _row(branch: str, running: Running, time: str, width: int, paint: Paint) -> str:
    verb = "fetch " if running.work == "fetch" else ""
    verb = f"{running.again} {verb}" if running.again else verb
    name_columns = min(_NAME_COLUMNS, max(_NAME_LEAST, width * 2 // 5))
    name = fit(f"{verb}{running.name}", name_columns)
    padding = " " * (name_columns - columns(name))
    head = f"{branch} {name}{padding} {time:>7}  "
    if columns(head) >= width:
        return fit(head.rstrip(), width)
    return head + paint.dim(fit(_detail(running), width - columns(head)))


def _head(progress: Progress, now_s: float, width: int, *, has_keys: bool) -> str:
    """The first line; of what does not fit, the least needed is left out."""
    parts = [(0, f"{progress.succeeded} of {progress.total} done")]
    if progress.running:
        parts.append((3, f"{len(progress.running)} running"))
    if progress.waiting:
        parts.append((4, f"{progress.waiting} waiting"))
    if progress.hooked:
        parts.append((5, f"post-build hook of {progress.hooked}"))
    if failed := len(progress.failed) - progress.untried:
        parts.append((1, f"{failed} failed"))
    if untried := progress.untried + len(progress.forecast.doomed):
        parts.append((5, f"{untried} not tried"))
    left_s = progress.left_s(now_s)
    if left_s is not None:
        parts.append((2, f"about {clock(left_s)} left" if left_s >= 1 else "nearly over"))
    if has_keys:
        parts.append((6, "? keys"))
    begun = f"{clock(max(0.0, now_s - progress.started_s))}  "
    while len(parts) > 1 and columns(begun + " · ".join(text for _, text in parts)) > width:
        parts.remove(max(parts))
    return fit(begun + " · ".join(text for _, text in parts), width)


def frame(progress: Progress, now_s: float, width: int, height: int, paint: Paint, look: Look = NOTHING) -> list[str]:
    """The lines of the frame; none before the run has begun or after it is over.

    Args:
        progress: the run so far.
        now_s: seconds since the epoch.
        width: columns of the terminal; no line is longer than one less.
        height: rows of the terminal; the frame never fills it.
        paint: for the terminal.
        look: what the user asked to see.
    """
    if not progress.total or progress.is_over:
        return []
    width -= 1
    head = _head(progress, now_s, width, has_keys=look.has_keys)
    room = max(1, height - 3)
    more = _more(progress, width, room, paint, look)[: room - 1]
    room -= len(more)
    failures = _failures(progress, width, paint)[: room - 1]
    room -= len(failures)
    running = _running(progress, now_s, width, room, paint, look)
    chain = _chain(progress, width, paint) if len(running) < room else []
    return [paint.bad(head) if progress.failed else paint.bold(head), *failures, *running, *chain, *more]


def _failures(progress: Progress, width: int, paint: Paint) -> list[str]:
    shown = progress.reasons[-_FAILURES:]
    return [paint.bad(fit(f" ✗ {clean(name)}  {clean(why)}", width)) for name, why in shown]


def _running(progress: Progress, now_s: float, width: int, room: int, paint: Paint, look: Look) -> list[str]:
    """What runs, what is selected always among it; below that the end of its log."""
    ids = list(progress.running)
    rows = min(4, max(1, room // 2)) if look.follows else min(_ROWS, room)
    count = len(ids) if len(ids) <= rows else max(1, rows - 1)
    at = ids.index(look.selected) if look.selected in progress.running else 0
    first = max(0, min(at - count // 2, len(ids) - count))
    shown = ids[first : first + count]
    hidden = len(ids) - count if rows > 1 else 0
    times = [_time(progress.running[drv], now_s, width) for drv in shown]
    longest = max(map(len, times), default=0)
    lines: list[str] = []
    for index, (drv, time) in enumerate(zip(shown, times, strict=True)):
        last = index == len(shown) - 1 and not hidden
        mark = ">" if drv == look.selected else " "
        row = _row(f"{mark}{'└' if last else '├'}", progress.running[drv], f"{time:>{longest}}", width, paint)
        lines.append(paint.bold(row) if mark == ">" and not paint.enabled else row)
        if drv == look.selected and look.follows:
            left = room - len(shown) - bool(hidden)
            stem = "   " if last else " │ "
            log = list(progress.running[drv].lines)[-left:] if left > 0 else []
            lines += [paint.dim(stem) + fit(_plain(line), width - len(stem)) for line in log if width > len(stem)]
    if hidden:
        lines.append(fit(f" └ and {hidden} more", width))
    return lines


def _chain(progress: Progress, width: int, paint: Paint) -> list[str]:
    """What the end of the run waits for."""
    steps = progress.forecast.chain(progress.running)
    if len(steps) < 2:
        return []
    names = " → ".join(progress.forecast.planned[drv].name for drv in steps)
    return [paint.dim(fit(f" ◆ longest  {names}", width))]


def _more(progress: Progress, width: int, room: int, paint: Paint, look: Look) -> list[str]:
    """What is listed below the tree."""
    lines: list[str] = []
    if look.waits:
        found = progress.forecast.waiting(progress.running, min(8, room // 2))
        for name, needs in found:
            shown = ", ".join(needs[:3]) + (f" and {len(needs) - 3} more" if len(needs) > 3 else "")
            lines.append(paint.dim(fit(f"   waiting  {name}{f'  for {shown}' if shown else '  for a worker'}", width)))
        lines = lines or [fit("   nothing waits", width)]
    if look.helps:
        lines += [fit(f"   {key}", width) for key in _KEYS]
    return lines
