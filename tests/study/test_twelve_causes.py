"""Every pair of the page about the usual causes: before, the build changes with a factor; after, it does not."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.realize.in_world import workshop
from hermetica.sandbox import FACTORS, TierUnavailable, fixed_world, vary
from hermetica.study.advice import PAGE, USUAL
from hermetica.study.observe import prints_of
from tests.house.code import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermetica.study.advice import Advice

TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
PAIR = re.compile(r"^before  (.+)\nafter   (.+)$", re.MULTILINE)


def pair(advice: Advice) -> tuple[str, str]:
    """The scripts before and after."""
    section = TEXT.partition(f"## {advice.title}\n")[2].partition("\n## ")[0]
    found = PAIR.search(section)
    assert found is not None, advice.title
    return found[1], found[2]


def test_the_page_has_the_causes_that_are_advised_on_in_their_order_and_names_their_factors() -> None:
    titles = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    assert titles == [each.title for each in USUAL]
    assert [each.number for each in USUAL] == list(range(1, 13))
    for each in USUAL:
        section = TEXT.partition(f"## {each.title}\n")[2].partition("\n## ")[0]
        assert all(f"`{factor}`" in section for factor in each.factors)
        assert each.anchor.endswith(re.sub(r"[^\w-]", "", each.title.lower().replace(" ", "-")))


def test_there_is_advice_on_every_factor_and_on_races() -> None:
    assert {factor for each in USUAL for factor in each.factors} == {*FACTORS, "race"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hm.Store]:
    with hm.Store.open(tmp_path_factory.getbasetemp().parent / "docs-tools") as opened:  # as the pages' samples
        yield opened


@pytest.mark.sandbox
@pytest.mark.skipif(os.environ.get("HERMETICA_TEST_FETCH") != "1", reason="fetches a compiler and archivers")
@pytest.mark.parametrize("advice", USUAL, ids=[each.title for each in USUAL])
def test_a_mended_build_no_longer_changes(store: hm.Store, advice: Advice) -> None:
    from hermetica_derivations.toolchain import base_c

    varied = {factor: FACTORS[factor].varied[0] for factor in advice.factors if factor in FACTORS}
    tier = max(FACTORS[factor].tier for factor in varied)
    base = fixed_world(tier)
    with hm.evaluation():
        for script, changes in zip(pair(advice), (True, False), strict=True):
            env = {"PATH": "/usr/bin:/bin"}
            made = hm.derivation(name="made", builder="/bin/sh", args=["-euc", script], env=env, rootfs=base_c)
            seen: list[object] = []
            with workshop(store, made) as shop:
                for levels in ({}, varied):
                    try:
                        with shop.build(vary(base, levels)) as attempt:
                            assert attempt.error is None, attempt.log_tail
                            prints = prints_of(attempt.trees)
                    except TierUnavailable as error:
                        pytest.skip(error.message)
                    seen.append({path: each.normalised for path, each in prints.items()})
            assert (seen[0] != seen[1]) is changes, script
