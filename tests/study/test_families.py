"""Families of sets: minimal members, and the sets that meet them all."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from hermetica.study.families import hitting_sets, minimal

families = st.lists(st.frozensets(st.integers(0, 5), min_size=1, max_size=4), max_size=5)


@given(families)
def test_minimal_members_contain_no_other_and_every_member_contains_one(family: list[frozenset[int]]) -> None:
    kept = minimal(family)
    assert not any(one < other for one in kept for other in kept)
    assert all(any(each <= member for each in kept) for member in family)
    assert set(kept) <= set(family)


@given(families)
def test_hitting_sets_are_exactly_the_minimal_sets_that_meet_every_member(family: list[frozenset[int]]) -> None:
    every = [frozenset(chosen) for count in range(7) for chosen in combinations(range(6), count)]
    meeting = [each for each in every if all(each & member for member in family)]
    assert set(hitting_sets(family)) == set(minimal(meeting))


def test_an_empty_member_can_be_met_by_nothing() -> None:
    assert hitting_sets([frozenset[int]()]) == ()


def test_no_more_are_carried_along_than_the_limit_allows() -> None:
    pairs = [frozenset([2 * number, 2 * number + 1]) for number in range(12)]
    assert len(hitting_sets(pairs, limit=10)) == 10
