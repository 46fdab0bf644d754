"""Families of sets: what is minimal in one, meets all of its members or lies in them, and tells elements apart. Pure.

If a family holds every minimal cause of a difference, then varying everything but a set that meets all of them changes
nothing; where it does change something, a cause is missing. Source: Berge, Hypergraphs (1989), chapter 2; Liffiton et
al., "Fast, flexible MUS enumeration" (2016); Dickson, "On a problem concerning separating systems of a finite set"
(1969).
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Element = TypeVar("Element")


def minimal(sets: Iterable[frozenset[Element]]) -> tuple[frozenset[Element], ...]:
    """The members that contain no other member, the smallest first; each once."""
    kept: list[frozenset[Element]] = []
    for each in sorted(dict.fromkeys(sets), key=len):
        if not any(other <= each for other in kept):
            kept.append(each)
    return tuple(kept)


def hitting_sets(sets: Iterable[frozenset[Element]], limit: int = 64) -> tuple[frozenset[Element], ...]:
    """The minimal sets that meet every member, the smallest first; the empty one alone where there is no member.

    Args:
        sets: the family; an empty member can be met by nothing, and there is no answer then.
        limit: how many are carried along at most; beyond it some are left out.
    """
    found: tuple[frozenset[Element], ...] = (frozenset(),)
    for each in minimal(sets):
        met = [hit for hit in found if hit & each]
        extended = [hit | {element} for hit in found if not hit & each for element in each]
        found = minimal([*met, *extended])[:limit]
    return found


def fitting_sets(
    with_it: Sequence[frozenset[Element]], without_it: Iterable[frozenset[Element]], size_max: int = 2
) -> tuple[frozenset[Element], ...]:
    """The minimal sets that lie in every member of one family and in none of another, the smallest first.

    Args:
        with_it: the first family; there is no answer where it has no member.
        without_it: the other one.
        size_max: how many elements a set has at most.
    """
    common = sorted(frozenset[Element].intersection(*with_it), key=repr) if with_it else []
    without = list(without_it)
    sets = (frozenset(each) for size in range(1, size_max + 1) for each in itertools.combinations(common, size))
    return minimal(each for each in sets if not any(each <= other for other in without))


def separating_sets(elements: Sequence[Element]) -> tuple[frozenset[Element], ...]:
    """As few sets as can be of which, for any two elements, one has the first without the second.

    Seven do for 35 elements: each element is in three of them, no two in the same three, so that neither's contain the
    other's. There can be no fewer (Sperner).
    """
    count = next(each for each in itertools.count(1) if math.comb(each, each // 2) >= len(elements))
    places = list(zip(elements, itertools.combinations(range(count), count // 2), strict=False))
    sets = (frozenset(element for element, inside in places if number in inside) for number in range(count))
    return tuple(each for each in sets if each)
