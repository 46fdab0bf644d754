"""A covering array proves no cause; it says which one or two factors would explain all builds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from hermetica.study.attribution_form import attribution_json, read_attribution
from hermetica.study.cells import concluded
from hermetica.study.declaration import Design
from hermetica.study.design import worlds_of
from hermetica.study.families import fitting_sets, minimal
from hermetica.study.summary import outcome
from hermetica.study.verdict import Verdict
from tests.study.test_results import trial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermetica.study.causes import Attribution

FACTORS = {
    "uid": ("2345",),
    "home": ("other",),
    "clock": ("ahead", "2040"),
    "tz": ("ahead",),
    "locale": ("C",),
    "shell": ("bash",),
}
WORLDS = st.lists(st.frozensets(st.sampled_from("abcde")), max_size=6)


def pairs(seed: int, cause: set[str], factors: Mapping[str, tuple[str, ...]]) -> Attribution:
    """What a study of pairs says of a file that changes wherever all factors of a cause are varied."""
    trials: list[dict[str, Any]] = []
    for world in worlds_of(Design.PAIRWISE, factors, seed):
        levels = {atom.factor: atom.level for atom in world}
        trials.append(trial(levels, {"out/a": str(sorted(levels))} if cause <= levels.keys() else {}))
    return concluded(trials)


@given(st.integers(1, 99), st.sets(st.sampled_from(sorted(FACTORS)), min_size=1, max_size=2))
def test_the_cause_is_proven_or_among_the_suspects(seed: int, cause: set[str]) -> None:
    attribution = pairs(seed, cause, FACTORS)
    (found,) = attribution.files
    known = [{atom.factor for atom in each} for each in found.sets]
    assert cause in known if known else any(each <= cause for each in found.suspects)
    assert read_attribution(attribution_json(attribution)) == attribution


def test_a_suspect_is_told_as_one_and_advice_waits_for_proof() -> None:
    found = pairs(1, {"clock"}, FACTORS)
    assert found.files[0].suspects[0] == {"clock"}
    text = list(Verdict(target="t", attribution=found, tier="T3", left_out={}, evidence={}, seconds=1.0).lines())
    assert "changes with something that was not found; all builds would follow from clock" in "\n".join(text)
    assert "what to do" not in "".join(text)
    assert outcome(attribution_json(found)["files"]) == "changes with something (perhaps clock)"


@given(WORLDS, WORLDS)
def test_sets_fit_where_every_member_of_one_family_has_them_and_none_of_another(
    with_it: list[frozenset[str]], without_it: list[frozenset[str]]
) -> None:
    sets = {frozenset([one, other]) for one in "abcde" for other in "abcde"}
    fitting = [each for each in sets if with_it and all(each <= other for other in with_it)]
    fitting = [each for each in fitting if not any(each <= other for other in without_it)]
    assert set(fitting_sets(with_it, without_it)) == set(minimal(fitting))
