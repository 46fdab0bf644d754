"""Runs are recorded, and can be shown again or made into a trace; what is no recording is refused."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

GRAPH = (
    "low = sh('low', 'echo @ build; echo working; echo low > $out')",
    "high = sh('high', 'cat $l > $out; echo high >> $out', env={'l': f'{low}'})",
    "bad = sh('bad', 'echo the reason; exit 3')",
)


@pytest.mark.sandbox
def test_a_run_is_recorded_listed_and_shown_again_with_its_failures(hermetica: CommandLine) -> None:
    hermetica.module(*GRAPH)
    ended = hermetica("build", "-k", "--no-link", "-v", "./pkgs.py", status=100)
    again = hermetica("replay", "-v")
    assert again.stdout == ""
    assert again.stderr == ended.stderr
    (run,) = json.loads(hermetica("events", "ls", "--json").stdout)["runs"]
    assert (run["targets"], run["counts"]) == (["low", "high", "bad"], {"built": 2, "failed": 1})
    assert run["name"] in hermetica("events", "ls").stdout
    assert hermetica("replay", run["name"], "--ui=quiet").stderr.startswith("error[HM105] bad")


@pytest.mark.sandbox
@pytest.mark.parametrize("name", ["events.jsonl", "events.jsonl.zst"])
def test_events_in_a_file_are_those_of_the_run_even_where_the_end_is_lost(hermetica: CommandLine, name: str) -> None:
    hermetica.module(*GRAPH)
    hermetica("build", "--no-link", "--events", name, "./pkgs.py:high")
    whole = hermetica("replay", "--ui=json", f"./{name}").stdout.splitlines()
    assert [json.loads(whole[index])["kind"] for index in (0, -1)] == ["run-started", "run-finished"]
    file = hermetica.directory / name
    file.write_bytes(file.read_bytes()[:-3])
    left = hermetica("replay", "--ui=json", f"./{name}").stdout.splitlines()
    assert left
    assert left == whole[: len(left)]
    assert len(left) < len(whole)


@pytest.mark.sandbox
def test_a_trace_has_a_lane_for_each_worker_and_marks_the_critical_path(hermetica: CommandLine) -> None:
    hermetica.module(*GRAPH)
    hermetica("build", "--no-link", "-j1", "--trace", "now.json", "./pkgs.py:high")
    hermetica("replay", "--trace", "later.json")
    now, later = (json.loads((hermetica.directory / name).read_text()) for name in ("now.json", "later.json"))
    assert now == later
    spans = {event["name"]: event for event in now["traceEvents"] if event["ph"] == "X"}
    assert set(spans) == {"low", "high", "build"}
    assert spans["low"]["ts"] + spans["low"]["dur"] <= spans["high"]["ts"]
    assert {spans[name]["tid"] for name in ("low", "high")} == {0}
    assert all(spans[name]["args"]["critical path"] for name in ("low", "high"))
    assert [event["ph"] for event in now["traceEvents"] if event["ph"] in "sf"] == ["s", "f"]


@pytest.mark.sandbox
def test_a_page_of_the_run_is_written_as_it_ends_or_later_and_holds_all_of_it(hermetica: CommandLine) -> None:
    hermetica.module(*GRAPH)
    told = hermetica("build", "-k", "--no-link", "--report", "now.html", "./pkgs.py", status=100).stderr
    assert f"report: {hermetica.directory.resolve() / 'now.html'}" in told
    hermetica("replay", "--report", "later.html")
    now, later = ((hermetica.directory / name).read_text(encoding="utf-8") for name in ("now.html", "later.html"))
    assert now == later
    data = re.search(r'<script id="data" type="application/json">(.*?)</script>', now, re.DOTALL)
    assert data is not None
    report = json.loads(data[1])
    assert (report["result"], report["counts"]) == ("failed", {"built": 2, "failed": 1})
    rows = {row["name"]: row for row in (dict(zip(report["columns"], row, strict=True)) for row in report["tasks"])}
    assert rows["bad"]["log"] == "the reason"
    assert [each["name"] for each in rows.values() if each["inputs"]] == ["high"]
    hermetica("build", "--no-link", "./pkgs.py:high")
    hermetica("build", "--no-link", "--report", "nothing.html", "./pkgs.py:high")
    assert '"reused":' in (hermetica.directory / "nothing.html").read_text(encoding="utf-8")
    refused = hermetica("build", "--report", "no/such/place.html", "./pkgs.py:high", status=2).stderr
    assert "no/such/place.html cannot be written: No such file or directory" in refused


def test_what_is_no_recording_is_refused_with_its_line(hermetica: CommandLine) -> None:
    hermetica.write("notes.txt", "hello\n")
    refused = hermetica("replay", "./notes.txt", status=2).stderr
    assert refused.startswith("error[HM662] notes.txt is no recording of a run\n  line 1  ")
    assert "HM662" in hermetica("replay", "./none.jsonl", status=2).stderr
    assert "no run is recorded" in hermetica("replay", status=2).stderr
