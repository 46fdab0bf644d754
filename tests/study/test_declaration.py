"""Declarations of studies: what they say is what is done, and what is wrong with one is told with its line."""

from __future__ import annotations

import itertools

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hermetica.sandbox import FACTORS, Tier
from hermetica.study.comparing import Alike
from hermetica.study.declaration import Budget, Design, InvalidStudy, Study, all_factors, parse
from hermetica.study.declared import declared
from hermetica.study.design import trials_of, worlds_of
from hermetica.study.trials import Atom

WHOLE = """\
name = "wheels"
targets = ["./pkgs.py:one", "./pkgs.py:two"]
design = "pairwise"
rebuilds = 4
seeds = [3, 5]
tier = "T2"
compare = "stabilised"
timeout_s = 60

[budget]
builds = 100
seconds = 3600

[factors]
clock = ["2040-02-29"]
tz = true
home = "other"
uid = false
"""


def test_every_key_is_read() -> None:
    study = parse(WHOLE, "wheels.toml")
    assert study == Study(
        name="wheels",
        targets=("./pkgs.py:one", "./pkgs.py:two"),
        design=Design.PAIRWISE,
        rebuilds=4,
        seeds=(3, 5),
        tier=Tier.T2,
        compare=Alike.STABILISED,
        timeout_s=60,
        budget=Budget(builds=100, seconds=3600),
        factors={"clock": ("2040-02-29",), "tz": FACTORS["tz"].varied, "home": ("other",)},
    )


def test_what_is_left_out_is_everything_the_host_can_vary() -> None:
    study = parse('targets = ["x"]', "some/where/small.toml")
    assert (study.name, study.design, study.tier) == ("small", Design.BISECT, None)
    assert study.factors == all_factors()
    assert set(study.factors) == set(FACTORS)
    assert set(parse('targets = ["x"]\ntier = "T0"', "s.toml").factors) == set(all_factors(Tier.T0))


def test_factors_may_be_a_list_of_names() -> None:
    assert parse('targets = ["x"]\nfactors = ["tz", "home"]', "s.toml").factors == {
        "tz": FACTORS["tz"].varied,
        "home": FACTORS["home"].varied,
    }


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('design = "pairwise"', 'design = "pairs"', 3, "did you mean pairwise"),
        ("rebuilds = 4", "rebuilds = 1", 4, "shows no race"),
        ("rebuilds = 4", "rebuild = 4", 4, "did you mean rebuilds"),
        ("rebuilds = 4", 'rebuilds = "4"', 4, "a whole number"),
        ("seeds = [3, 5]", "seeds = [3, 3]", 5, "all different"),
        ("seeds = [3, 5]", 'seeds = ["a"]', 5, "whole numbers"),
        ('tier = "T2"', 'tier = "T9"', 6, "T0 or T2 or T3"),
        ('tier = "T2"', 'tier = "T1"', 6, "T0 or T2 or T3"),
        ("timeout_s = 60", "timeout_s = -3", 8, "timeout_s cannot be -3"),
        ("timeout_s = 60", "timeout_s = nan", 8, "cannot be nan"),
        ("seconds = 3600", "seconds = inf", 12, "seconds cannot be inf"),
        ('design = "pairwise"', 'design = "bisect"', 5, "seeds change nothing"),
        ("rebuilds = 4", "rebuilds = 40_000", 3, "pairwise of 3 factors, each world 40,000 times, is"),
        ('tier = "T2"', 'tier = "T0"', 15, "cannot be varied in tier T0"),
        ('compare = "stabilised"', 'compare = "different"', 7, "bitwise or normalised or stabilised"),
        ("builds = 100", "builds = 0", 11, "cannot be 0"),
        ("builds = 100", "bulids = 100", 11, "did you mean builds"),
        ("tz = true", "tzz = true", 16, "did you mean tz"),
        ("tz = true", 'tz = ["UTC"]', 16, "is the fixed level of tz"),
        ("tz = true", 'tz = ["noon"]', 16, "ahead, behind"),
        ("tz = true", "tz = [7]", 16, "a list of texts"),
        ('targets = ["./pkgs.py:one", "./pkgs.py:two"]', "targets = []", 2, "nothing to build"),
        ('name = "wheels"', 'name = ""', 1, "has a name"),
        ('name = "wheels"', "name = ", 1, "no TOML"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, line: int, said: str) -> None:
    with pytest.raises(InvalidStudy) as caught:
        parse(WHOLE.replace(old, new, 1), "wheels.toml")
    assert caught.value.where.startswith(f"wheels.toml:{line}")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ('targets = ["x"]\nfactors = ["tzz"]', "s.toml:2 factors.tzz", "did you mean tz"),
        ('targets = ["x"]\nbudget.builds_per_target = 2', "s.toml:2 budget.builds_per_target", "takes 3 builds"),
        ('targets = ["x"]\nrebuilds = 50', "s.toml:1 budget.builds_per_target", "takes 50 builds"),
        ('targets = ["x"]\ndesign = "full"', "s.toml:2 design", "full of 29 factors"),
        ('targets = ["x"]\ndesign = "ofat"\nrebuilds = 1_000_000_000_000', "s.toml:2 design", "fewer factors"),
    ],
)
def test_what_does_not_fit_together_is_told_before_anything_is_built(text: str, place: str, said: str) -> None:
    with pytest.raises(InvalidStudy) as caught:
        parse(text, "s.toml")
    assert caught.value.where == place
    assert said in f"{caught.value} {caught.value.hint}"


def test_a_key_that_is_like_none_is_answered_with_all_of_them_and_no_guess() -> None:
    with pytest.raises(InvalidStudy, match="there is no key 'version'") as caught:
        parse('targets = ["x"]\nversion = 1', "s.toml")
    assert caught.value.hint is None
    assert "design" in dict(caught.value.details)["keys"]


def test_a_value_is_checked_as_a_file_is() -> None:
    with pytest.raises(InvalidStudy, match="there is no factor 'tzz'"):
        Study(name="s", targets=("x",), factors={"tzz": ("ahead",)})
    with pytest.raises(InvalidStudy, match="nothing is varied"):
        Study(name="s", targets=("x",), factors={})
    with pytest.raises(InvalidStudy, match="no world gives T1"):
        Study(name="s", targets=("x",), tier=Tier.T1)
    with pytest.raises(InvalidStudy, match="cannot be compared"):
        Study(name="s", targets=("x",), compare=Alike.DIFFERENT)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.sampled_from(['targets = ["x"]', WHOLE]))
def test_a_log_gives_the_file_back_that_it_was_declared_in(name: str, text: str) -> None:
    study = attrs.evolve(parse(text, "s.toml"), name=name, targets=(name,))
    assert parse(declared(study.to_json()), "s.toml") == study


@given(st.text(max_size=200))
def test_any_text_is_a_study_or_an_error_of_ours(text: str) -> None:
    with pytest.raises(InvalidStudy) as caught:  # no text at random names a target
        parse(text, "any.toml")
    assert caught.value.where.startswith("any.toml:")


SMALL = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d", "e"]),
    st.lists(st.sampled_from(["1", "2", "3"]), min_size=1, max_size=3, unique=True).map(tuple),
    min_size=1,
)


@settings(max_examples=25, deadline=None)
@given(SMALL, st.integers(0, 5))
def test_a_covering_array_has_every_pair_of_levels_and_is_no_larger_than_all(
    factors: dict[str, tuple[str, ...]], seed: int
) -> None:
    worlds = worlds_of(Design.PAIRWISE, factors, seed)
    rows = [{atom.factor: atom.level for atom in world} for world in worlds]
    for one, other in itertools.combinations(factors, 2):
        seen = {(row.get(one, ""), row.get(other, "")) for row in rows}
        assert seen == set(itertools.product(("", *factors[one]), ("", *factors[other])))
    for factor, levels in factors.items():
        assert {row.get(factor, "") for row in rows} == {"", *levels}
    assert set(worlds) <= set(worlds_of(Design.FULL, factors, seed))
    assert worlds == worlds_of(Design.PAIRWISE, factors, seed)


def test_all_factors_are_covered_in_few_worlds() -> None:
    assert len(worlds_of(Design.PAIRWISE, all_factors(), 1)) < 60


def test_one_factor_at_a_time_is_just_that() -> None:
    worlds = worlds_of(Design.OFAT, {"tz": ("ahead", "behind"), "home": ("other",)}, 1)
    alone = [frozenset([Atom("tz", "ahead")]), frozenset([Atom("tz", "behind")]), frozenset([Atom("home", "other")])]
    assert worlds == (frozenset(), *alone)


def test_each_seed_asks_for_everything_in_an_order_of_its_own() -> None:
    factors = {"tz": ("ahead", "behind"), "home": ("other",), "uid": ("2345",)}
    study = Study(name="s", targets=("x",), design=Design.OFAT, factors=factors, rebuilds=2, seeds=(1, 2))
    trials = trials_of(study)
    assert len(trials) == len(set(trials)) == 2 * 2 * 5
    first, second = trials[:10], trials[10:]
    assert {each.repeat for each in first} == {0, 1}
    assert {each.repeat for each in second} == {2, 3}
    assert [each.atoms for each in first] != [each.atoms for each in second]
