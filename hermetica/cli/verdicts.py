"""What a run that builds again found of each derivation: identical, different, or not compared, and why. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import attrs

from hermetica.cli.views.words import seconds
from hermetica.realize.errors import NothingToCheck

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermetica.cli.console import Paint
    from hermetica.realize import Realization


class Verdict(StrEnum):
    """What is known of a derivation after such a run."""

    IDENTICAL = "identical"
    DIFFERS = "differs"
    NOT_COMPARED = "not compared"
    FAILED = "failed"


@attrs.frozen(kw_only=True)
class Compared:
    """One derivation of such a run.

    Attributes:
        name: as it was asked for.
        verdict: what is known.
        duration_s: how long that took.
        note: what differs, or why it was not compared; one line.
    """

    name: str
    verdict: Verdict
    duration_s: float
    note: str = ""


def compared(name: str, result: Realization) -> Compared:
    """What a run with ``check`` or ``rounds`` says of one of its targets."""
    outcome, error = str(result.outcome), result.error
    verdict, note = Verdict.NOT_COMPARED if isinstance(error, NothingToCheck) else Verdict.FAILED, ""
    if outcome == "reproduced":
        verdict = Verdict.IDENTICAL
    elif outcome == "not-reproducible":
        verdict, note = Verdict.DIFFERS, ", ".join(getattr(error, "comparisons", ()))
    elif outcome == "built" and result.derivation.fixed is None:
        verdict = Verdict.IDENTICAL
    elif outcome == "built":
        verdict, note = Verdict.NOT_COMPARED, "its hash is declared, and was met"
    elif result.outcome.is_success:
        verdict, note = Verdict.NOT_COMPARED, "unchanged since it went through as many builds"
    elif error is not None and outcome not in {"dependency-failed", "cancelled"}:
        note = f"{error.code} {error.message.removeprefix(result.derivation.name).lstrip(': ')}"
    else:
        note = "not tried" if outcome == "cancelled" else "not tried, because an input failed"
    return Compared(name=name, verdict=verdict, duration_s=result.duration_s, note=note)


def table(rows: Sequence[Compared], paint: Paint) -> list[str]:
    """The table: a line each, and how many there are of each kind."""
    width = max((len(row.name) for row in rows), default=0)
    columns = max((len(row.verdict) for row in rows), default=0)
    painters = {Verdict.IDENTICAL: paint.good, Verdict.DIFFERS: paint.bad, Verdict.FAILED: paint.bad}
    lines: list[str] = []
    for row in rows:
        word = painters.get(row.verdict, paint.dim)(f"{row.verdict:<{columns}}")
        took = seconds(row.duration_s) if row.duration_s else "-"
        lines.append(f"{row.name:<{width}}  {word}  {took:>10}  {row.note}".rstrip())
    return [*lines, _counted(rows)]


def _counted(rows: Iterable[Compared]) -> str:
    verdicts = [row.verdict for row in rows]
    counts = {verdict: verdicts.count(verdict) for verdict in Verdict}
    return ", ".join(f"{count:,} {verdict}" for verdict, count in counts.items() if count)
