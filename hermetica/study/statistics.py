"""Intervals and tests for counts of builds. Pure, from the formulae; no tables, no library.

Sources: Wilson, "Probable inference, the law of succession, and statistical inference" (1927); Fisher, "The logic of
inductive inference" (1935); McNemar (1947), in its exact form; Holm, "A simple sequentially rejective multiple test
procedure" (1979); Newcombe, "Two-sided confidence intervals for the single proportion" (1998).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIDENCE: Final = 0.95


@attrs.frozen(kw_only=True)
class Rate:
    """A proportion with its interval.

    Attributes:
        hits: the numerator.
        total: the denominator.
        low: the lower end of the Wilson interval; 0 where the total is 0.
        high: its upper end; 1 where the total is 0.
    """

    hits: int
    total: int
    low: float
    high: float

    @classmethod
    def of(cls, hits: int, total: int, confidence: float = CONFIDENCE) -> Rate:
        """The rate of ``hits`` among ``total``."""
        low, high = wilson(hits, total, confidence)
        return cls(hits=hits, total=total, low=low, high=high)

    @property
    def value(self) -> float | None:
        """The proportion; None of nothing."""
        return self.hits / self.total if self.total else None

    def to_json(self) -> dict[str, int | float | None]:
        """The rate as a JSON object; proportions with six digits."""
        value = None if self.value is None else round(self.value, 6)
        return {
            "hits": self.hits,
            "total": self.total,
            "value": value,
            "low": round(self.low, 6),
            "high": round(self.high, 6),
        }


def wilson(hits: int, total: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The Wilson score interval of a proportion, without a continuity correction.

    Raises:
        ValueError: the counts are no part and whole, or the confidence is not between 0 and 1.
    """
    _check(hits, total, confidence)
    if total == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, z2 = hits / total, z * z
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = z / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    low = 0.0 if hits == 0 else max(0.0, middle - half)
    high = 1.0 if hits == total else min(1.0, middle + half)
    return low, high


def fisher_exact(first: tuple[int, int], second: tuple[int, int]) -> float:
    """The two-sided p of a two by two table: the tables with the same margins that are no likelier than this one.

    Args:
        first: (hits, misses) of one group.
        second: likewise of the other.

    Raises:
        ValueError: a count is negative.
    """
    if min(*first, *second) < 0:
        raise ValueError("counts are 0 or more")
    rows, hits = (sum(first), sum(second)), first[0] + second[0]
    low, high = max(0, hits - rows[1]), min(rows[0], hits)
    ways = {count: math.comb(rows[0], count) * math.comb(rows[1], hits - count) for count in range(low, high + 1)}
    here, every = ways[first[0]], sum(ways.values())  # whole numbers, of any size: ties are exact
    return sum(each for each in ways.values() if each <= here) / every


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """The two-sided exact p of paired worlds: how many pairs differ in one world only, in the other only.

    Raises:
        ValueError: a count is negative.
    """
    if min(only_first, only_second) < 0:
        raise ValueError("counts are 0 or more")
    total, few = only_first + only_second, min(only_first, only_second)
    tail: int = sum(math.comb(total, count) for count in range(few + 1))
    every: int = 2**total
    return min(1.0, 2 * tail / every)


def holm(values: Sequence[float]) -> tuple[float, ...]:
    """The adjusted p of each test of a family, in the order given."""
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted = [0.0] * len(values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, values[index] * (len(values) - rank)))
        adjusted[index] = highest
    return tuple(adjusted)


def too_small(pairs: Sequence[int], level: float = 1 - CONFIDENCE) -> tuple[bool, ...]:
    """Of each of several paired comparisons, whether it has too few pairs for any outcome to count as found.

    One alone needs six pairs, one of 29 that Holm adjusts for needs eleven: fewer do not suffice even if all pairs of
    all comparisons differ in the same way.

    Args:
        pairs: of each comparison, how many.
        level: the adjusted p below which something counts as found.
    """
    return tuple(least > level for least in holm([mcnemar_exact(0, count) for count in pairs]))


def _check(hits: int, total: int, confidence: float) -> None:
    if not (0 <= hits <= total and 0 < confidence < 1):
        raise ValueError(f"{hits} of {total} at {confidence} is no proportion with a confidence")
