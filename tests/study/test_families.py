"""Families of sets: minimal members, the sets that meet them all, and those that tell any two elements apart."""

from __future__ import annotations

import math
from itertools import combinations, permutations

from hypothesis import given
from hypothesis import strategies as st

from hermetica.study.families import hitting_sets, minimal, separating_sets

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


@given(st.integers(0, 80))
def test_of_any_two_elements_a_separating_set_has_the_one_without_the_other(count: int) -> None:
    sets = separating_sets(range(count))
    for one, other in permutations(range(count), 2):
        assert any(one in each and other not in each for each in sets)
    fewer = len(sets) - 1
    assert count < 2 or fewer < 1 or math.comb(fewer, fewer // 2) < count
