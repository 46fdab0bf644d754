"""Cases of known truth: their form, what they cover, and how answers are held against them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.reproducibility.case import CORPORA, SCRIPT, named, parse_cases, read_cases
from benchmarks.reproducibility.errors import MalformedCase, UnknownCase
from benchmarks.reproducibility.truth import FACTORS, minimal, parse_cause, write_cause
from hermetica.sandbox import RACE

if TYPE_CHECKING:
    from pathlib import Path

CASES = read_cases()
causes = st.frozensets(st.sampled_from(sorted(FACTORS)), min_size=1, max_size=3)


def test_there_are_the_first_44_those_they_leave_out_and_some_that_nobody_tuned_to() -> None:
    counts = {corpus: sum(case.corpus == corpus for case in CASES) for corpus in CORPORA}
    assert counts["core"] == 44
    assert counts["extension"] >= 10
    assert counts["held_out"] >= 10
    assert counts["unseen"] >= 25
    assert counts["afresh"] >= 40


def test_every_factor_is_a_cause_of_some_case() -> None:
    assert {
        factor for case in CASES for truth in case.truths.values() for cause in truth for factor in cause
    } == FACTORS


def test_every_corpus_has_controls_or_is_what_others_leave_out() -> None:
    assert {case.corpus for case in CASES if case.kind == "control"} == {"core", "held_out", "unseen", "afresh"}


def test_every_kind_of_truth_is_there() -> None:
    assert {case.kind for case in CASES} == {"control", "chance", "single", "several", "interaction"}


def test_a_chance_is_never_part_of_a_conjunction() -> None:
    assert not [case.name for case in CASES for cause in case.truth if RACE in cause and len(cause) > 1]


def test_a_case_lays_out_its_script_beside_its_files(tmp_path: Path) -> None:
    (case,) = named(CASES, ["order-of-jobs"])
    case.write(tmp_path)
    assert {each.name for each in tmp_path.iterdir()} == {SCRIPT, "Makefile", "wait-for"}
    assert (tmp_path / "Makefile").read_text().startswith("all: a b c\n")


def test_the_truth_of_an_output_is_what_is_minimal_among_its_files() -> None:
    (case,) = named(CASES, ["one-of-two"])
    assert case.truths["answer"] == {frozenset({"home", "tz"})}
    assert case.truth == {frozenset({"tz"})}


def test_a_name_that_no_case_has_is_told_with_those_there_are() -> None:
    with pytest.raises(UnknownCase, match=r"no case is called 'nothing'(?s:.*)both-or-nothing"):
        named(CASES, ["nothing"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a", "a/b.toml is no TOML"),
        ("a = 1", "a case is a table with a script"),
        ("[a]\nscript = 'true'", "it says no truth"),
        ("[a]\nscript = 'true'\ntruht = {}", "there is no key 'truht'"),
        ("[a]\nscript = 'true'\ntruth = { x = ['clok'] }", "a/b.toml, a, x: no factor is called 'clok'"),
        ("[a]\nscript = 'true'\ntruth = { x = ['tz', 'home+tz'] }", "tz, home.tz is no set of minimal causes"),
        ("[a]\nscript = 'true'\ntruth = { x = [] }", "nothing is no set of minimal causes"),
    ],
)
def test_a_case_that_is_not_as_it_should_be_says_where_and_why(text: str, message: str) -> None:
    with pytest.raises(MalformedCase, match=message):
        parse_cases(text, corpus="a", group="b")


@given(causes)
def test_a_cause_is_read_as_it_was_written(cause: frozenset[str]) -> None:
    assert parse_cause(write_cause(cause)) == cause


@given(st.lists(causes))
def test_minimal_causes_contain_none_of_each_other_and_all_of_the_rest_contain_one(found: list[frozenset[str]]) -> None:
    kept = minimal(found)
    assert minimal(kept) == kept
    assert all(any(cause <= each for cause in kept) for each in found)
    assert not any(first < second for first in kept for second in kept)
