"""Events: every one has a JSON form that any reader can take, named and versioned."""

from __future__ import annotations

import json
from typing import Any

import pytest

import hermetica.realize.events as all_events
from hermetica.errors import HermeticaError
from hermetica.model import derivation
from hermetica.realize.events import Event
from hermetica.realize.outcome import Outcome, Realization, Realizations
from hermetica.realize.plan import Work
from hermetica_store.path import StorePath

AT: dict[str, Any] = {"time_s": 1.5}
ERROR = HermeticaError("wrong", details=(("got", "x"),), hint="do y", origin="pkgs.py:3")
SAMPLES: tuple[Event, ...] = (
    all_events.RunStarted(**AT, total=3, to_build=2, to_fetch=1, fetch_bytes=10, reused=0),
    all_events.DerivationStarted(**AT, drv="00", name="app", origin=None, work=Work.BUILD, expected_s=2.5),
    all_events.DerivationPlanned(
        **AT, drv="01", name="lib", origin="pkgs.py:3", work=Work.FETCH, why="not there", inputs=("00",)
    ),
    all_events.DerivationWaiting(**AT, drv="00", name="app"),
    all_events.RebuildStarted(**AT, drv="00", name="app", number=2, total=3, against="round 1"),
    all_events.LogText(**AT, drv="00", name="app", text="é\n\ufffd"),
    all_events.FetchProgress(**AT, drv="00", name="app", done_bytes=1, total_bytes=None),
    all_events.SubstitutionStarted(**AT, drv="00", name="app", substituter="shelf=/srv"),
    all_events.SubstitutionFinished(
        **AT,
        drv="00",
        name="app",
        substituter="s",
        outputs={"out": "/x"},
        received_bytes=9,
        duration_s=0.1,
        error=ERROR,
    ),
    all_events.Warned(**AT, drv="00", name="app", message="hm", origin="pkgs.py:3"),
    all_events.DerivationFinished(
        **AT, drv="00", name="app", outcome=Outcome.TIMED_OUT, outputs={"out": "/x"}, duration_s=0.1, error=ERROR
    ),
    all_events.CollectionStarted(**AT, free_bytes=1, min_free_bytes=2),
    all_events.CollectionFinished(**AT, objects=3, size_bytes=4, free_bytes=5, duration_s=0.5, error=ERROR),
    all_events.HookStarted(**AT, drv="00", name="app", hook="/bin/true"),
    all_events.HookText(**AT, drv="00", name="app", text="uploaded\n"),
    all_events.HookFinished(**AT, drv="00", name="app", duration_s=0.5, error=ERROR),
    all_events.ClosureKnown(**AT, targets=("/x",), objects={"/x": 5}),
    all_events.RunFinished(**AT, counts={"built": 1}, duration_s=2.0),
)


def kinds() -> set[type[Event]]:
    found: set[type[Event]] = set()
    pending = [Event]
    while pending:
        for each in pending.pop().__subclasses__():
            if each not in found:
                found.add(each)
                pending.append(each)
    return found


def test_every_kind_has_a_sample_here_and_a_name_of_its_own() -> None:
    ours = {each for each in kinds() if each.__module__ == all_events.__name__}
    assert {type(sample).__name__ for sample in SAMPLES} == {each.__name__ for each in ours}
    assert len({sample.kind for sample in SAMPLES}) == len(SAMPLES)


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: event.kind)
def test_an_event_is_json_with_its_format_and_kind(event: Event) -> None:
    form = event.to_json()
    assert json.loads(json.dumps(form)) == form
    assert (form["format"], form["kind"], form["time_s"]) == ("hermetica.event/1", event.kind, 1.5)


def test_an_error_keeps_its_parts() -> None:
    form = next(event for event in SAMPLES if event.kind == "derivation-finished").to_json()
    assert form["outcome"] == "timed-out"
    assert form["error"] == {
        "code": "HM000",
        "class": "HermeticaError",
        "message": "wrong",
        "details": [["got", "x"]],
        "hint": "do y",
        "origin": "pkgs.py:3",
        "via": [],
    }


def test_successes_are_those_whose_outputs_are_in_the_store() -> None:
    assert {outcome for outcome in Outcome if outcome.is_success} == {
        Outcome.BUILT,
        Outcome.CACHED,
        Outcome.SUBSTITUTED,
        Outcome.REPRODUCED,
    }


def test_results_are_found_by_derivation_and_told_apart_by_success() -> None:
    good, bad, absent = (derivation(name=name, builder="/bin/sh") for name in ("a", "b", "c"))
    path = StorePath(f"hx{'1' * 30}", "a")
    built = Realization(derivation=good, outcome=Outcome.BUILT, outputs={"out": path})
    failed = Realization(derivation=bad, outcome=Outcome.FAILED, error=ERROR)
    results = Realizations((built, failed), (failed,), 2)
    assert (built.out, built["out"]) == (path, path)
    assert results[good] is built
    assert (results.ok, results.failed, len(results), list(results)) == (False, (failed,), 2, [built, failed])
    with pytest.raises(KeyError):
        results[absent]
    with pytest.raises(KeyError):
        failed.out  # noqa: B018 -- reading it is what fails
