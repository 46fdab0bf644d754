"""Asking diffoscope: what it says is kept, what goes wrong is told, and nothing of it outlives its time.

Where it is not installed, programs that are called as it is stand in; where it is, it answers itself.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.sandbox import Cancellation
from hermetica.study.carrying import Carrier
from hermetica.study.diffoscope import FILES_MAX, Diffoscope, find_diffoscope
from hermetica.study.log import of_kind, read_log
from hermetica.study.verdict import verdicts_of
from tests.study.conftest import scripted, tools
from tests.study.test_carrying import study

if TYPE_CHECKING:
    from pathlib import Path

SAYS = """printf '%s\\n%s\\n' "--- $6" "+++ $7" > "$2"; exit 1"""


def program(tmp_path: Path, script: str) -> Diffoscope:
    """A program that is called as diffoscope is: ``--text REPORT --max-text-report-size N --no-progress ONE OTHER``."""
    place = tmp_path / "diffoscope"
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)
    return Diffoscope(program=str(place), timeout_s=0.5)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (SAYS, "--- first\n+++ second\n"),
        ("exit 0", ""),
        ("echo no memory >&2; exit 2", "diffoscope ended with status 2"),
        ("sleep 60 & wait", "diffoscope ran longer than 0.5 s"),
    ],
    ids=["differs", "sees nothing", "fails", "takes too long"],
)
def test_what_it_says_or_why_it_says_nothing_is_told(tmp_path: Path, script: str, said: str) -> None:
    began = time.monotonic()
    places = tmp_path / "one", tmp_path / "other"
    assert program(tmp_path, script).told(*places, Cancellation()) == said
    assert time.monotonic() - began < 30, "what it started has not been waited for"


def test_one_that_is_not_there_is_told(tmp_path: Path) -> None:
    absent = Diffoscope(program=str(tmp_path / "none"))
    assert absent.told(tmp_path, tmp_path, Cancellation()) == "diffoscope cannot be run: No such file or directory"


def test_a_run_that_is_cancelled_takes_it_along(tmp_path: Path) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    slow = Diffoscope(program=program(tmp_path, "sleep 60").program)
    assert slow.told(tmp_path, tmp_path, cancellation) == "diffoscope was ended with the run"


@pytest.mark.sandbox
def test_a_few_files_of_each_cause_are_asked_about_and_the_log_says_so(store: hm.Store, tmp_path: Path) -> None:
    script = "mkdir $out; for each in a b c d; do echo $HOME > $out/$each; done"
    with hm.evaluation():
        made = scripted(tools(tmp_path / "tools"), {"four": script})
        carrier = Carrier(study=study("four"), store=store, diffoscope=program(tmp_path, SAYS))
        carrier.run(made, tmp_path / "study")
    events = read_log(tmp_path / "study")
    asked = of_kind(events, "diffoscope-asked")
    assert [(each["path"], each["timeout_s"]) for each in asked] == [(f"out/{name}", 0.5) for name in "abc"]
    assert len(asked) == FILES_MAX
    (verdict,) = verdicts_of(events)
    assert verdict.evidence["out/a"].diffoscope == "--- first\n+++ second\n"


@pytest.mark.sandbox
@pytest.mark.skipif(find_diffoscope() is None, reason="there is no diffoscope here")
def test_diffoscope_is_asked_about_what_causes_change(
    store: hm.Store, targets: dict[str, hm.Derivation], tmp_path: Path
) -> None:
    chosen = {"two": targets["two"]}
    asked = Diffoscope(program=find_diffoscope() or "diffoscope")
    Carrier(study=study("two"), store=store, diffoscope=asked).run(chosen, tmp_path / "study")
    (verdict,) = verdicts_of(read_log(tmp_path / "study"))
    assert "/nonexistent/second-home" in verdict.evidence["out/a"].diffoscope
