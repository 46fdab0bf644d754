"""How far a study is: a line now and then where none can be written anew, and what it counts to."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import pytest

from hermetica.cli.console import Console
from hermetica.cli.session import Session
from hermetica.cli.studying import Progress, show_failures
from hermetica.study.attribution_form import attribution_json
from hermetica.study.carrying import Ended
from hermetica.study.causes import Attribution
from hermetica.study.declaration import Budget, Design, Study
from hermetica.study.design import builds_max
from hermetica.study.log import NoLog
from hermetica.study.results import results_of
from hermetica.study.summary import summary_lines
from tests.study.test_results import finished, log

if TYPE_CHECKING:
    from collections.abc import Sequence


def trial(*factors: str, shaken: bool = False) -> dict[str, Any]:
    return {
        "kind": "trial",
        "target": "./app",
        "levels": dict.fromkeys(factors, "other"),
        "shaken": shaken,
        "failed": "",
        "alike": "different" if factors else None,
        "changed": {f"out/{name}": "0" for name in factors} if factors else None,
    }


def shown(trials: Sequence[dict[str, Any]], *, verbose: bool = False, every_s: float = 0.0) -> None:
    options = argparse.Namespace(ui="plain", verbose=verbose)
    with Progress(Session(options=options, console=Console()), 1, 45, every_s=every_s) as progress:
        for each in trials:
            progress(each)


TRIALS = (trial(), trial("home", "tz", "uid", "gid", "umask"), trial("home", shaken=True))


def test_now_and_then_it_is_said_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    shown(TRIALS)
    assert capsys.readouterr().err.splitlines() == [
        "./app: 1 of at most 45 builds in 0 s; last varied nothing",
        "./app: 2 of at most 45 builds in 0 s; last varied 5 factors",
        "./app: 3 of at most 45 builds in 0 s; last varied home, scheduling disturbed",
    ]
    shown(TRIALS, every_s=3600.0)
    assert capsys.readouterr().err == ""


def test_where_every_build_is_told_nothing_is_told_twice(capsys: pytest.CaptureFixture[str]) -> None:
    shown(TRIALS, verbose=True)
    assert capsys.readouterr().err.splitlines() == [
        "./app: build 1, varied nothing: the first, to compare with",
        "./app: build 2, varied home, tz, uid, gid, umask: different: out/gid, out/home, out/tz, out/uid and 1 more",
        "./app: build 3, varied home, scheduling disturbed: different: out/home",
    ]


@pytest.mark.parametrize(("design", "expected"), [(Design.BISECT, 30), (Design.OFAT, 12), (Design.FULL, 18)])
def test_it_is_known_how_many_builds_there_can_be(design: Design, expected: int) -> None:
    factors = {"home": ("other",), "tz": ("ahead", "behind")}
    study = Study(name="s", targets=("a",), design=design, factors=factors, budget=Budget(builds_per_target=30))
    assert builds_max(study) == expected


def test_what_is_the_same_of_several_targets_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    failures = {name: NoLog("no room") for name in ("one", "two")} | {"three": NoLog("no right")}
    session = Session(options=argparse.Namespace(), console=Console(color="never"))
    show_failures(session, Ended(failures=failures))
    assert capsys.readouterr().err == "error[HM504] no room\nerror[HM504] no right\n"


def test_where_factors_were_varied_one_at_a_time_it_is_said_that_nothing_changes_a_target_alone() -> None:
    calm = attribution_json(Attribution(files=(), examined=2, builds=5))
    results = results_of(log("t", ended=finished(attribution=calm)))
    assert list(summary_lines(results))[-1] == "t  nothing changes it"
    results["study"]["design"] = "ofat"
    assert list(summary_lines(results))[-1] == "t  nothing changes it alone"
