"""Attribution on thousands of truths that are computed, not built: what it says is so, and it never asks too much."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hermetica.sandbox import RACE
from hermetica.study.families import minimal
from hermetica.study.space import BUILDS_MAX, Space
from hermetica.study.trials import BUILDS, Atom, Atoms, Sighting, Trial
from tests.study.truths import FACTORS, LEVELS, atoms, hiding, investigated, sets_of, space, telling

Computed = Callable[[Mapping[str, Sequence[Atoms]]], Callable[[Trial], Sighting]]
factor_sets = st.lists(st.sampled_from(FACTORS), min_size=1, max_size=3, unique=True).map(lambda names: atoms(*names))
truths = st.dictionaries(
    st.sampled_from(["out/a", "out/b", "out/c"]), st.lists(factor_sets, max_size=3).map(minimal), min_size=1
)


def drawn(singles: int, together: tuple[int, ...], seed: int) -> list[Atoms]:
    """Causes of those sizes, of factors that are all different."""
    names = random.Random(seed).sample(FACTORS, singles + sum(together))  # noqa: S311 -- repeatable, not secret
    sizes = itertools.accumulate([*[1] * singles, *together], initial=0)
    return [atoms(*names[begin:end]) for begin, end in itertools.pairwise(sizes)]


@pytest.mark.parametrize("build_of", [telling, hiding], ids=["files that show all", "files that hide"])
@pytest.mark.parametrize(
    ("singles", "together"),
    [*((count, ()) for count in range(6)), (0, (2,)), (1, (2,)), (0, (3,)), (0, (2, 2)), (1, (3,))],
)
def test_causes_are_found_exactly(build_of: Computed, singles: int, together: tuple[int, ...]) -> None:
    for seed in range(20):
        truth = drawn(singles, together, seed)
        found = investigated(build_of({"out/file": truth}))
        assert sets_of(found) == ({"out/file": set(truth)} if truth else {}), truth
        assert found.builds <= BUILDS_MAX
        assert found.is_complete or singles + len(together) > 1


@pytest.mark.parametrize("count", [8, 12, 29])
def test_however_many_factors_act_alone_all_of_them_are_found(count: int) -> None:
    for seed in range(10):
        truth = drawn(count, (), seed)
        found = investigated(telling({"out": truth}))
        assert sets_of(found) == {"out": set(truth)}
        assert found.builds <= BUILDS_MAX


@settings(max_examples=100, deadline=None)
@given(truth=truths, shows=st.booleans())
def test_what_claims_to_be_complete_is_the_truth_and_what_does_not_names_no_innocent(
    truth: dict[str, tuple[Atoms, ...]], *, shows: bool
) -> None:
    found = investigated((telling if shows else hiding)(truth))
    wanted = {path: set(sets) for path, sets in truth.items() if sets}
    if found.is_complete:
        assert sets_of(found) == wanted
    for path, sets in sets_of(found).items():
        assert sets <= wanted[path]
    assert found.builds <= BUILDS_MAX


@settings(max_examples=30, deadline=None)
@given(truth=truths)
def test_with_builds_enough_it_is_always_complete_and_true(truth: dict[str, tuple[Atoms, ...]]) -> None:
    found = investigated(hiding(truth), space(builds_max=10_000))
    assert found.is_complete
    assert sets_of(found) == {path: set(sets) for path, sets in truth.items() if sets}


def test_what_changes_nothing_costs_few_builds() -> None:
    found = investigated(telling({"out": []}))
    assert (found.files, found.is_complete, found.examined) == ((), True, 1)
    assert found.builds <= 26  # 12 of them under disturbed scheduling, which alone show races


def test_a_level_far_in_the_future_is_a_cause_of_its_own() -> None:
    found = investigated(telling({"out": [atoms("clock=far")]}))
    assert sets_of(found) == {"out": {atoms("clock=far")}}
    assert found.is_complete


def test_a_seed_that_happens_to_give_the_same_is_not_the_only_one_tried() -> None:
    found = investigated(telling({"out": [atoms("random=third")]}))
    assert found.factors == {"random"}


def test_a_far_clock_and_a_home_that_act_only_together_are_found() -> None:
    found = investigated(telling({"out": [atoms("clock=far", "home")]}))
    assert sets_of(found) == {"out": {atoms("clock=far", "home")}}


def test_what_differs_between_builds_of_one_world_is_a_race_and_nothing_else() -> None:
    draws = random.Random(1)  # noqa: S311 -- repeatable, not secret

    def build(trial: Trial) -> Sighting:
        clock = Atom("clock", "other") in trial.atoms
        return Sighting(files={"out/racy": str(draws.random()), "out/dated": str(clock), "out/same": ""})

    found = investigated(build)
    assert {each.path: each.factors for each in found.files} == {"out/racy": {RACE}, "out/dated": {"clock"}}


def test_a_race_that_shows_only_when_scheduling_is_disturbed_is_found() -> None:
    def build(trial: Trial) -> Sighting:
        return Sighting(files={"out": str(trial.repeat % 3 == 2 and trial.shaken)})

    assert investigated(build).factors == {RACE}


def test_a_cause_that_another_build_does_not_confirm_is_a_race() -> None:
    def build(trial: Trial) -> Sighting:
        return Sighting(files={"out": str(Atom("home", "other") in trial.atoms and trial.repeat == 0)})

    (file,) = investigated(build).files
    assert (file.races, file.sets) == (True, ())


def test_a_factor_that_keeps_it_from_being_built_is_told_and_does_not_hide_the_others() -> None:
    def build(trial: Trial) -> Sighting:
        if Atom("locale", "other") in trial.atoms:
            return Sighting(failed="exit status 1")
        return Sighting(files={"out": str(Atom("uid", "other") in trial.atoms)})

    found = investigated(build)
    assert sets_of(found) == {BUILDS: {atoms("locale")}, "out": {atoms("uid")}}


def test_a_pair_that_keeps_it_from_being_built_is_told() -> None:
    def build(trial: Trial) -> Sighting:
        if atoms("locale", "shell") <= trial.atoms:
            return Sighting(failed="exit status 1")
        return Sighting(files={"out": str(Atom("shell", "other") in trial.atoms)})

    assert sets_of(investigated(build)) == {BUILDS: {atoms("locale", "shell")}, "out": {atoms("shell")}}


def test_what_cannot_be_built_at_all_is_asked_for_no_longer() -> None:
    found = investigated(lambda _trial: Sighting(failed="exit status 2"))
    assert (found.failed, found.builds) == ("exit status 2", 3)


def test_a_file_that_is_there_in_some_worlds_only_differs() -> None:
    def build(trial: Trial) -> Sighting:
        return Sighting(files={"out/a": "", **({"out/b": ""} if Atom("home", "other") in trial.atoms else {})})

    assert sets_of(investigated(build)) == {"out/b": {atoms("home")}}


@pytest.mark.parametrize("builds_max", range(3, 45, 3))
def test_no_budget_is_ever_overrun(builds_max: int) -> None:
    for seed in range(5):
        truth = drawn(3, (2,), seed)
        found = investigated(telling({"out": truth}), space(builds_max=builds_max))
        assert found.builds <= builds_max
        assert sets_of(found).get("out", set()) <= set(truth)
        assert not found.is_complete or set(truth) == sets_of(found)["out"]


def test_a_budget_that_just_holds_the_base_world_is_kept_and_a_smaller_one_is_refused() -> None:
    where = Space(factors=LEVELS, bases=20, shakes=8, builds_max=20)
    assert investigated(telling({"out": [atoms("home")]}), where).builds == 20
    with pytest.raises(ValueError, match="the base world alone takes 20 builds, and builds_max is 19"):
        attrs.evolve(where, builds_max=19)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0.01, 0.9))
def test_it_ends_within_its_builds_whatever_the_builds_make(seed: int, share: float) -> None:
    draws = random.Random(seed)  # noqa: S311 -- repeatable, not secret

    def build(trial: Trial) -> Sighting:
        known = len(trial.atoms) > 0 and draws.random() < share
        return Sighting(files={"out/a": str(known), "out/b": ""}, failed="" if draws.random() < 0.95 else "failed")

    assert investigated(build).builds <= BUILDS_MAX


def varied(trial: Trial) -> set[str]:
    return {atom.factor for atom in trial.atoms}


def test_what_another_factor_undoes_is_found_all_the_same() -> None:
    for one, other in itertools.islice(itertools.permutations(FACTORS, 2), 0, None, 80):

        def build(trial: Trial, one: str = one, other: str = other) -> Sighting:
            return Sighting(files={"out": str(one in varied(trial) and other not in varied(trial))})

        found = investigated(build)
        assert sets_of(found) == {"out": {atoms(one)}}
        assert found.builds <= BUILDS_MAX


def test_two_factors_that_cancel_each_other_out_are_both_found() -> None:
    for one, other in itertools.islice(itertools.combinations(FACTORS, 2), 0, None, 40):

        def build(trial: Trial, one: str = one, other: str = other) -> Sighting:
            return Sighting(files={"out": str((one in varied(trial)) != (other in varied(trial))), "host": ""})

        assert sets_of(investigated(build)) == {"out": {atoms(one), atoms(other)}}


@pytest.mark.parametrize(("odds", "told"), [(0.5, 0.98), (0.3, 0.95), (0.2, 0.9), (0.1, 0.75)])
def test_a_race_is_told_as_a_race_whatever_its_odds_and_never_blamed_on_factors(odds: float, told: float) -> None:
    races = wrong = 0
    for seed in range(40):
        draws = random.Random(seed)  # noqa: S311 -- repeatable, not secret

        def build(_trial: Trial, draws: random.Random = draws) -> Sighting:
            return Sighting(files={"out": str(draws.random() < odds)})

        found = investigated(build)
        races += RACE in found.factors
        wrong += bool(found.sets)
    assert races >= told * 40
    assert wrong <= 1


def test_what_fails_now_and_then_is_a_race_and_hides_no_cause() -> None:
    for seed in range(15):
        draws = random.Random(seed)  # noqa: S311 -- repeatable, not secret

        def build(trial: Trial, draws: random.Random = draws) -> Sighting:
            if trial == Trial(repeat=1) or draws.random() < 0.2:
                return Sighting(failed="exit status 1")
            return Sighting(files={"out": str(Atom("uid", "other") in trial.atoms)})

        (whether, file) = investigated(build).files
        assert (whether.path, whether.races, set(file.sets)) == (BUILDS, True, {atoms("uid")})


def test_where_the_busiest_world_cannot_be_built_a_race_is_looked_for_in_another() -> None:
    def build(trial: Trial) -> Sighting:
        if Atom("jobs", "other") in trial.atoms:
            return Sighting(failed="exit status 2")
        return Sighting(files={"out": str(trial.repeat if trial.shaken and trial.atoms else 0)})

    assert {each.path: each.factors for each in investigated(build).files} == {BUILDS: {"jobs"}, "out": {RACE}}


def test_a_pair_that_keeps_it_from_being_built_leaves_builds_for_the_rest() -> None:
    def build(trial: Trial) -> Sighting:
        if atoms("home", "username") <= trial.atoms:
            return Sighting(failed="exit status 3")
        return Sighting(files={"out": str(Atom("uptime", "other") in trial.atoms)})

    assert sets_of(investigated(build)) == {BUILDS: {atoms("home", "username")}, "out": {atoms("uptime")}}


def test_a_level_that_draws_anew_in_each_build_is_a_cause_and_no_race() -> None:
    draws = random.Random(5)  # noqa: S311 -- repeatable, not secret

    def build(trial: Trial) -> Sighting:
        return Sighting(files={"out": str(draws.random()) if Atom("aslr", "other") in trial.atoms else "fixed"})

    where = attrs.evolve(space(), chancy=atoms("aslr"))
    assert sets_of(investigated(build, where)) == {"out": {atoms("aslr")}}


def test_what_changed_and_could_not_be_explained_is_told_as_that() -> None:
    found = investigated(telling({"out/a": [atoms("home")], "out/b": []}), space(builds_max=9))
    assert [(each.path, each.sets, each.is_complete) for each in found.files] == [("out/a", (), False)]
    assert not found.is_complete


def test_fewer_factors_are_as_good_as_many() -> None:
    few = Space(factors={name: LEVELS[name] for name in ("tz", "home")})
    assert sets_of(investigated(telling({"out": [atoms("tz", "home")]}), few)) == {"out": {atoms("tz", "home")}}


def test_a_further_level_is_tried_on_a_file_although_the_first_one_acts_alone_on_another() -> None:
    for factor, level in (("clock", "far"), ("random", "third")):

        def build(trial: Trial, factor: str = factor, level: str = level) -> Sighting:
            here = {atom.level for atom in trial.atoms if atom.factor == factor}
            return Sighting(files={"out/any": str(sorted(here)), "out/one": str(level in here), "out/none": ""})

        wanted = {"out/any": {atoms(factor)}, "out/one": {atoms(f"{factor}={level}")}}
        assert sets_of(investigated(build)) == wanted


def test_what_is_undone_is_never_told_as_acting_only_with_others() -> None:
    for one, other in itertools.islice(itertools.permutations(FACTORS, 2), 3, None, 60):

        def build(trial: Trial, one: str = one, other: str = other) -> Sighting:
            here = varied(trial)
            shown = {"out/a": one in here and other not in here, "out/b": (other in here, "readdir" in here)}
            return Sighting(files={path: str(value) for path, value in shown.items()})

        assert sets_of(investigated(build))["out/a"] <= {atoms(one)}


def test_of_three_factors_of_which_any_two_cancel_each_other_out_all_are_found() -> None:
    for three in itertools.islice(itertools.combinations(FACTORS, 3), 5, None, 300):

        def build(trial: Trial, three: tuple[str, ...] = three) -> Sighting:
            return Sighting(files={"out": str(len(varied(trial).intersection(three)) % 2)})

        assert sets_of(investigated(build)) == {"out": {atoms(each) for each in three}}


@pytest.mark.parametrize(("odds", "told"), [(1.0, 1.0), (0.9, 0.98), (0.5, 0.85), (0.25, 0.5)])
def test_what_is_drawn_may_be_what_the_base_world_has_and_is_a_cause_all_the_same(odds: float, told: float) -> None:
    right = wrong = 0
    for seed in range(40):
        draws = random.Random(seed)  # noqa: S311 -- repeatable, not secret

        def build(trial: Trial, draws: random.Random = draws) -> Sighting:
            shown = Atom("aslr", "other") in trial.atoms and draws.random() < odds
            return Sighting(files={"out/order": str(shown), "out/none": ""})

        found = investigated(build, attrs.evolve(space(), chancy=atoms("aslr")))
        right += sets_of(found) == {"out/order": {atoms("aslr")}} and not any(file.races for file in found.files)
        wrong += any(each != atoms("aslr") for each in found.sets)
    assert right >= told * 40
    assert not wrong


@pytest.mark.parametrize("odds", [0.5, 0.2])
def test_a_race_beside_causes_of_other_files_is_not_blamed_on_them_or_on_what_is_drawn(odds: float) -> None:
    for seed in range(40):
        draws = random.Random(seed)  # noqa: S311 -- repeatable, not secret

        def build(trial: Trial, draws: random.Random = draws) -> Sighting:
            shown = sorted(varied(trial) & {"tz", "home"})
            return Sighting(files={"out/a": str(draws.random() < odds), "out/b": str(shown)})

        found = investigated(build, attrs.evolve(space(), chancy=atoms("aslr")))
        assert {each.path: each.factors for each in found.files} == {"out/a": {RACE}, "out/b": {"tz", "home"}}
