"""Intervals and tests against values that others published or that can be counted by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.study.statistics import Rate, fisher_exact, holm, mcnemar_exact, too_small, wilson


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [  # Newcombe (1998), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_intervals_are_those_of_newcombe(hits: int, total: int, low: float, high: float) -> None:
    assert wilson(hits, total) == pytest.approx((low, high), abs=5e-5)


def test_a_rate_of_nothing_may_be_anything() -> None:
    rate = Rate.of(0, 0)
    assert (rate.value, rate.low, rate.high) == (None, 0.0, 1.0)
    assert rate.to_json() == {"hits": 0, "total": 0, "value": None, "low": 0.0, "high": 1.0}


@given(st.integers(0, 400), st.integers(1, 400))
def test_an_interval_holds_its_rate_and_mirrors_that_of_the_misses(hits: int, total: int) -> None:
    hits = min(hits, total)
    low, high = wilson(hits, total)
    assert 0 <= low <= hits / total <= high <= 1
    assert wilson(total - hits, total) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@pytest.mark.parametrize(("hits", "total", "confidence"), [(2, 1, 0.95), (-1, 1, 0.95), (0, 1, 1.0), (0, 1, 0.0)])
def test_what_is_no_proportion_is_refused(hits: int, total: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        wilson(hits, total, confidence)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [
        ((3, 1), (1, 3), 34 / 70),  # Fisher's lady tasting tea
        ((4, 0), (0, 4), 2 / 70),
        ((1, 9), (11, 3), 0.002759456),  # the worked example of the article on the test in Wikipedia
        ((8, 2), (1, 5), 0.034965035),  # the example in SciPy's documentation
        ((0, 0), (3, 4), 1.0),
    ],
)
def test_fishers_test_gives_published_values(first: tuple[int, int], second: tuple[int, int], p: float) -> None:
    assert fisher_exact(first, second) == pytest.approx(p, rel=1e-6)
    assert fisher_exact(second, first) == pytest.approx(p, rel=1e-6)


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        fisher_exact((-1, 2), (1, 1))
    with pytest.raises(ValueError, match="0 or more"):
        mcnemar_exact(-1, 2)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [(0, 0, 1.0), (5, 5, 1.0), (0, 6, 2 / 64), (6, 16, 0.0524785), (1, 9, 22 / 1024)],
)
def test_mcnemars_exact_test_is_that_of_a_fair_coin(only_first: int, only_second: int, p: float) -> None:
    assert mcnemar_exact(only_first, only_second) == pytest.approx(p, rel=1e-5)


def test_holm_adjusts_as_p_adjust_of_r_does() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([]) == ()


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_keeps_the_order_and_lies_between_nothing_and_bonferroni(values: list[float]) -> None:
    adjusted = holm(values)
    assert all(one <= other <= min(1, one * len(values)) for one, other in zip(values, adjusted, strict=True))
    assert [each for _, each in sorted(zip(values, adjusted, strict=True))] == sorted(adjusted)


def test_fishers_test_takes_as_many_builds_as_there_are() -> None:
    assert fisher_exact((1000, 4000), (3000, 1000)) < 1e-300
    assert fisher_exact((1500, 1500), (1500, 1500)) == 1.0
    assert fisher_exact((1000, 4000), (1060, 3940)) == pytest.approx(0.144596948, rel=1e-6)


def test_fewer_than_six_pairs_can_never_be_significant() -> None:
    assert [too_small([total]) for total in (1, 5, 6, 20)] == [(True,), (True,), (False,), (False,)]
    assert mcnemar_exact(0, 5) > 0.05 > mcnemar_exact(0, 6)


def test_one_of_many_comparisons_needs_more_pairs_and_more_of_them_in_the_others() -> None:
    assert (too_small([10] * 29)[0], too_small([11] * 29)[0]) == (True, False)
    assert too_small([20, 20, 6]) == (False, False, False)
    assert too_small([7, 7, 7, 6]) == (True, True, True, True)


@given(st.lists(st.integers(0, 14), min_size=1, max_size=8), st.data())
def test_what_is_too_small_is_never_significant(pairs: list[int], data: st.DataObject) -> None:
    differing = [data.draw(st.integers(0, count)) for count in pairs]
    adjusted = holm([mcnemar_exact(0, count) for count in differing])
    assert all(p > 0.05 for p, small in zip(adjusted, too_small(pairs), strict=True) if small)
