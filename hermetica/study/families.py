"""Families of sets: what is minimal in one, and which sets meet all of its members. Pure.

If a family holds every minimal cause of a difference, then varying everything but a set that meets all of them changes
nothing; where it does change something, a cause is missing. Source: Berge, Hypergraphs (1989), chapter 2; Liffiton et
al., "Fast, flexible MUS enumeration" (2016).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

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
