"""The frame below the scroll: what runs, for how long, what waits and what failed. Pure."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from hermetica.cli.console import clean
from hermetica.cli.views.words import clock, size

if TYPE_CHECKING:
    from hermetica.cli.console import Paint
    from hermetica.cli.views.state import Progress, Running

_NAME_COLUMNS: Final = 28
_ROWS: Final = 12


def columns(text: str) -> int:
    """How many columns of a terminal ``text`` takes."""
    if text.isascii():
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
    return clean(running.line).replace("\t", " ").strip()


def _row(branch: str, running: Running, now_s: float, width: int, paint: Paint) -> str:
    verb = "fetch " if running.work == "fetch" else ""
    verb = f"{running.again} {verb}" if running.again else verb
    name = fit(f"{verb}{running.name}", _NAME_COLUMNS)
    padding = " " * (_NAME_COLUMNS - columns(name))
    head = f" {branch} {name}{padding} {clock(max(0.0, now_s - running.since_s)):>7}  "
    if len(head) >= width:
        return fit(head.rstrip(), width)
    return head + paint.dim(fit(_detail(running), width - columns(head)))


def frame(progress: Progress, now_s: float, width: int, height: int, paint: Paint) -> list[str]:
    """The lines of the frame; none before the run has begun or after it is over.

    Args:
        progress: the run so far.
        now_s: seconds since the epoch.
        width: columns of the terminal; no line is longer than one less.
        height: rows of the terminal; the frame never fills it.
        paint: for the terminal.
    """
    if not progress.total or progress.is_over:
        return []
    width -= 1
    parts = [f"{progress.succeeded} of {progress.total} done"]
    if progress.running:
        parts.append(f"{len(progress.running)} running")
    if progress.waiting:
        parts.append(f"{progress.waiting} waiting")
    if progress.hooked:
        parts.append(f"post-build hook of {progress.hooked}")
    if progress.failed:
        parts.append(f"{len(progress.failed)} failed ({', '.join(progress.failed[-3:])})")
    head = fit(f"{clock(max(0.0, now_s - progress.started_s))}  {' · '.join(parts)}", width)
    room = max(1, min(_ROWS, height - 4))
    shown = list(progress.running.values())
    hidden = len(shown) - room if len(shown) > room else 0
    shown = shown[:room]
    lines = [paint.bad(head) if progress.failed else paint.bold(head)]
    for index, running in enumerate(shown):
        last = index == len(shown) - 1 and not hidden
        lines.append(_row("└" if last else "├", running, now_s, width, paint))
    if hidden:
        lines.append(fit(f" └ and {hidden} more", width))
    return lines
