"""What makes an output differ: a set of minimal sets of factors, and how such sets are written, compared and joined.

A *cause* is a set of factors that changes the output when all of them are varied and does not when any is left out.
``clock`` is a cause of one factor; ``home+tz`` one of two, neither of which does anything alone. Several causes beside
each other are several ways to another output. `RACE` stands for what differs though nothing is varied.
Source: the actual causes of Halpern and Pearl, reduced to what ddmin can establish (Zeller and Hildebrandt, 2002).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hermetica.sandbox import FACTORS as FACTORS_OF_WORLDS
from hermetica.sandbox import RACE

if TYPE_CHECKING:
    from collections.abc import Iterable

Cause = frozenset[str]
Truth = frozenset[Cause]

FACTORS: Final = frozenset({*FACTORS_OF_WORLDS, RACE})


def parse_cause(text: str) -> Cause:
    """The factors of a cause that is written as ``home+tz``.

    Raises:
        ValueError: a factor has no such name; the message says which.
    """
    factors = frozenset(text.split("+"))
    if unknown := sorted(factors - FACTORS):
        raise ValueError(f"no factor is called {unknown[0]!r}")
    return factors


def write_cause(cause: Cause) -> str:
    """A cause as people read it, its factors by name."""
    return "+".join(sorted(cause))


def write_truth(truth: Truth) -> list[str]:
    """Causes as people read them, by name."""
    return sorted(write_cause(cause) for cause in truth)


def minimal(causes: Iterable[Cause]) -> Truth:
    """The causes that contain no other one.

    What is minimal for one file need not be for all of them: where ``tz`` changes a first file and ``home+tz`` a
    second one, the whole output has the cause ``tz`` alone.
    """
    distinct = frozenset(causes)
    return frozenset(cause for cause in distinct if not any(other < cause for other in distinct))
