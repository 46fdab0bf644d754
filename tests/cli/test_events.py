"""What real runs tell is what the published schema says, in the order that is documented."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

GRAPH = (
    "text = hm.text('words', 'some words')",
    "low = sh('low', 'echo working; cat $t > $out', env={'t': f'{text}'})",
    "high = sh('high', 'echo $l > $out', env={'l': f'{low}'})",
    "bad = sh('bad', 'echo Ünglück; exit 3')",
    "after = sh('after', 'cat $b > $out', env={'b': f'{bad}'})",
    "wild = sh('wild', 'cat /proc/sys/kernel/random/uuid > $out')",
)


def events_of(hermetica: CommandLine, *words: str, status: int = 0) -> list[dict[str, Any]]:
    lines = hermetica("build", "--no-link", "--ui=json", *words, status=status).stdout.splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.sandbox
def test_every_event_of_real_runs_is_as_the_published_schema_says(hermetica: CommandLine) -> None:
    hermetica.module(*GRAPH)
    schema = json.loads(hermetica("events", "schema").stdout)
    validator: Any = Draft202012Validator(schema)
    events = events_of(hermetica, "-k", "./pkgs.py:high", "./pkgs.py:after", status=100)
    events += events_of(hermetica, "--rounds=2", "./pkgs.py:wild", status=104)
    events += events_of(hermetica, "./pkgs.py:high", "--post-build-hook", "/bin/false")
    assert [error.message for event in events for error in validator.iter_errors(event)] == []
    assert {event["kind"] for event in events} >= {
        *("run-started", "derivation-planned", "derivation-started", "rebuild-started", "log"),
        *("derivation-finished", "closure", "run-finished"),
    }
    undocumented = [
        (event["kind"], name)
        for event in events
        for name in event
        if name not in schema["$defs"][event["kind"]]["properties"]
    ]
    assert undocumented == []


@pytest.mark.sandbox
def test_a_run_tells_its_plan_first_and_what_all_of_it_weighs_last(hermetica: CommandLine) -> None:
    hermetica.module(*GRAPH)
    events = events_of(hermetica, "./pkgs.py:high")
    planned = [event for event in events if event["kind"] == "derivation-planned"]
    assert [event["kind"] for event in events[:4]] == ["run-started", *["derivation-planned"] * 3]
    by_name = {event["name"]: event for event in planned}
    assert [by_name[name]["work"] for name in ("words", "low", "high")] == ["builtin", "build", "build"]
    assert by_name["high"]["inputs"] == [by_name["low"]["drv"]]
    assert by_name["words"]["why"] == "nothing with these inputs is in the store"
    assert [event["kind"] for event in events[-2:]] == ["closure", "run-finished"]
    finished = {event["name"]: event for event in events if event["kind"] == "derivation-finished"}
    assert finished["low"]["sizes"] == {"out": len("some words")}
    (target,) = events[-2]["targets"]
    assert target == finished["high"]["outputs"]["out"]
    assert events[-2]["objects"] == {
        target: finished["high"]["sizes"]["out"],
        finished["low"]["outputs"]["out"]: len("some words"),
    }


@pytest.mark.sandbox
def test_a_run_with_nothing_to_do_tells_no_plan(hermetica: CommandLine) -> None:
    hermetica.module(*GRAPH)
    hermetica("build", "--no-link", "./pkgs.py:low")
    assert [event["kind"] for event in events_of(hermetica, "./pkgs.py:low")] == ["run-started", "run-finished"]
