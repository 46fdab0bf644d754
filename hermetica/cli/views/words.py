"""The words that all views share: one line for what ended, for what is to be done, for what was done. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermetica.cli.console import Paint
    from hermetica.realize.events import (
        CollectionFinished,
        CollectionStarted,
        DerivationFinished,
        HookFinished,
        RebuildStarted,
        RunFinished,
        RunStarted,
    )

_KINDS = ("reproduced", "not-reproducible", "failed", "timed-out", "cancelled")


def size(count_bytes: float) -> str:
    """A number of bytes for people, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if count_bytes < 1000:
            return f"{count_bytes:.0f} {unit}" if unit == "B" else f"{count_bytes:.1f} {unit}"
        count_bytes /= 1000
    return f"{count_bytes:.1f} TB"


def seconds(duration_s: float) -> str:
    """A length of time that is over."""
    if duration_s < 60:
        return f"{duration_s:.1f} s"
    return f"{clock(duration_s)} min" if duration_s < 3600 else f"{clock(duration_s)} h"


def clock(duration_s: float) -> str:
    """A length of time that goes on: ``0:07``, ``1:02:03``."""
    whole = int(duration_s)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def ago(age_s: float) -> str:
    """How long ago something was."""
    for length_s, unit in ((86400, "day"), (3600, "h"), (60, "min")):
        if age_s >= length_s:
            count = int(age_s / length_s)
            return f"{many(count, 'day')} ago" if unit == "day" else f"{count} {unit} ago"
    return f"{max(0, int(age_s))} s ago"


def many(count: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def to_do(event: RunStarted) -> str:
    """What a run is going to do."""
    parts: list[str] = []
    if event.to_build:
        parts.append(many(event.to_build, "build"))
    if event.to_fetch:
        weight = f" ({size(event.fetch_bytes)})" if event.fetch_bytes else ""
        parts.append(many(event.to_fetch, "fetch", "fetches") + weight)
    reused = f"; {event.reused:,} reused" if event.reused else ""
    most = "at most " if event.substituters else ""
    return f"to do: {most}{', '.join(parts)}{reused}"


def again(event: RebuildStarted, paint: Paint) -> str:
    """One more build of the same, to be compared."""
    against = "the one in the store" if event.against == "store" else event.against
    return f"again     {event.name}  {paint.dim(f'{event.number} of {event.total}, to be compared with {against}')}"


def ended(event: DerivationFinished, work: str, paint: Paint) -> str:
    """One derivation that is over."""
    outcome = str(event.outcome)
    word = "fetched" if outcome == "built" and work == "fetch" else outcome
    painted = paint.good(f"{word:<9}") if event.outcome.is_success else paint.bad(f"{word:<9}")
    line = f"{painted} {event.name}"
    if event.duration_s:
        line += f"  {paint.dim(seconds(event.duration_s))}"
    if outcome == "cached":
        line += f"  {paint.dim('what it resolves to was built before')}"
    if event.error is not None and outcome != "cancelled":
        line += f"  {event.error.code} {event.error.message.removeprefix(event.name).lstrip(': ')}"
    return line


def more_cached(count: int, paint: Paint) -> str:
    """Those that were cached and had no line of their own."""
    return f"{paint.good('cached   ')} and {count:,} more"


def hook_failed(event: HookFinished, paint: Paint) -> str:
    """A post-build hook that failed."""
    said = (
        "" if event.error is None else f"{event.error.code} {event.error.message.removeprefix(event.name).lstrip(': ')}"
    )
    return f"{paint.warn('warning')}: {event.name}: {said}"


def collecting(event: CollectionStarted | CollectionFinished, paint: Paint) -> str:
    """A collection beside a run: why it begins, or what it took."""
    from hermetica.realize.events import CollectionStarted  # noqa: PLC0415 -- whoever has an event has it loaded

    if isinstance(event, CollectionStarted):
        return f"collecting: {size(event.free_bytes)} free, less than {size(event.min_free_bytes)}"
    took = f"{many(event.objects, 'object')} ({size(event.size_bytes)}) deleted, {size(event.free_bytes)} free"
    if event.error is None:
        return f"collected: {took}"
    return f"{paint.warn('warning')}: the collection ended early: {event.error.code} {event.error.message}; {took}"


def summary(event: RunFinished, fetched: int = 0) -> str:
    """What a run did; ``fetched`` of what it made was fetched, not built."""
    return f"{counted(event.counts, fetched)} in {seconds(event.duration_s)}"


def counted(outcomes: Mapping[str, int], fetched: int = 0) -> str:
    """How many derivations ended how; ``fetched`` of what was made was fetched, not built."""
    counts = dict(outcomes)
    if fetched:
        counts["built"] = counts.get("built", 0) - fetched
        counts["fetched"] = fetched
    reused, dependants = counts.pop("cached", 0), counts.pop("dependency-failed", 0)
    parts = [f"{counts[kind]:,} {kind}" for kind in ("built", "fetched", "substituted", *_KINDS) if counts.get(kind)]
    if reused:
        parts.append(f"{reused:,} reused")
    if dependants:
        parts.append(f"{dependants:,} not tried because an input failed")
    return ", ".join(parts) or "nothing to do"
