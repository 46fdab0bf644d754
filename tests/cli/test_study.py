"""``hermetica study`` and ``hermetica metrics``: run, go on, read as text, page, tables and JSON."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

pytestmark = pytest.mark.sandbox

DECLARED = """\
name = "small"
targets = ["./pkgs.py:app", "./pkgs.py:calm"]
tier = "T0"
rebuilds = 2
[factors]
home = true
uid = true
"""


def test_a_study_is_run_gone_on_with_and_reported(hermetica: CommandLine) -> None:
    hermetica.module('app = sh("app-1.0", "echo $HOME > $out")', 'calm = sh("calm-1.0", "echo x > $out")')
    hermetica.write("small.toml", DECLARED)
    ran = hermetica("study", "run", "small.toml")
    assert "small: 2 targets" in ran.stdout
    assert "./pkgs.py:app   changes with home" in ran.stdout
    assert "./pkgs.py:calm  nothing changes it" in ran.stdout
    assert "./pkgs.py:app: changes with home after" in ran.stderr
    assert "every build is in small.study/log.jsonl; `hermetica study report small.toml -o FILE`" in ran.stderr
    again = hermetica("study", "run", "small.toml")
    assert again.stdout == ran.stdout
    assert "./pkgs.py:app: changes with home after 0 builds" in again.stderr
    assert "2 of 2 finished" in hermetica("study", "status", "small.toml").stdout
    files = ("-o", "page.html", "--csv", "cells.csv", "--builds-csv", "builds.csv")
    reported = hermetica("study", "report", "small.toml", "--json", *files)
    assert [line for line in reported.stderr.splitlines() if line.startswith("wrote")] == [
        "wrote page.html",
        "wrote cells.csv",
        "wrote builds.csv",
    ]
    results = json.loads(reported.stdout)
    assert results["format"] == "hermetica.study-results/1"
    assert results["targets"][0]["factors"]["home"]["state"] == "alone"
    assert "<!doctype html>" in (hermetica.directory / "page.html").read_text()
    assert "./pkgs.py:app,app-1.0,home,alone,2,2,1,T0" in (hermetica.directory / "cells.csv").read_text()
    assert (hermetica.directory / "builds.csv").read_text().count("\n") == results["builds"] + 1
    metrics = json.loads(hermetica("metrics", "--json").stdout)
    assert metrics["M1"]["reproducible_artifacts"]["total"] == 2
    assert (metrics["M1"]["in_every_world"]["hits"], metrics["M1"]["in_every_world"]["total"]) == (1, 2)
    assert "M10  flaky derivations" in hermetica("metrics").stdout


def test_a_budget_that_is_spent_is_told(hermetica: CommandLine) -> None:
    hermetica.module('app = sh("app-1.0", "echo $HOME > $out")', 'calm = sh("calm-1.0", "echo x > $out")')
    hermetica.write("small.toml", DECLARED.replace("[factors]", "[budget]\nbuilds = 3\n[factors]"))
    ran = hermetica("study", "run", "small.toml")
    assert "the budget is spent; not finished: ./pkgs.py:app, ./pkgs.py:calm" in ran.stderr
    assert "0 of 2 finished, 3 builds" in hermetica("study", "status", "small.toml").stdout


def test_targets_are_what_a_glob_names_and_one_that_is_never_built_is_a_failure(hermetica: CommandLine) -> None:
    hermetica.module('app = sh("app-1.0", "echo x > $out")', 'apt = sh("apt-1.0", "exit 3")')
    hermetica.write("all.toml", DECLARED.replace('"./pkgs.py:app", "./pkgs.py:calm"', '"./pkgs.py:ap*"'))
    ran = hermetica("study", "run", "all.toml", status=100)
    assert "./pkgs.py:app  nothing changes it" in ran.stdout
    assert "./pkgs.py:apt  failed: HM105 apt-1.0" in ran.stdout
    status = json.loads(hermetica("study", "status", "all.toml", "--json").stdout)
    assert [(each["target"], each["state"]) for each in status["targets"]] == [
        ("./pkgs.py:app", "finished"),
        ("./pkgs.py:apt", "failed"),
    ]


def test_a_place_that_takes_no_log_is_told(hermetica: CommandLine) -> None:
    hermetica.module('app = sh("app-1.0", "echo x > $out")')
    hermetica.write("small.toml", DECLARED.replace(', "./pkgs.py:calm"', ""))
    ended = hermetica("study", "run", "small.toml", "--directory", "small.toml", status=4)
    assert "error[HM693] small.toml/log.jsonl: File exists" in ended.stderr
    assert "make room, or name another place" in ended.stderr


def test_what_is_wrong_with_a_study_is_told_with_its_line(hermetica: CommandLine) -> None:
    hermetica.write("bad.toml", DECLARED.replace("home = true", "hoem = true"))
    ended = hermetica("study", "run", "bad.toml", status=2)
    assert "error[HM501] bad.toml:6 factors.hoem: there is no factor 'hoem'" in ended.stderr
    assert "did you mean home?" in ended.stderr
    assert "HM504" in hermetica("study", "status", "bad.toml", status=2).stderr
    for action in ("run", "status", "report"):
        told = hermetica("study", action, "none.toml", status=2).stderr
        assert "error[HM600] none.toml: No such file or directory" in told


def test_one_command_carries_a_study_out_and_writes_what_came_of_it(hermetica: CommandLine) -> None:
    hermetica.module('app = sh("app-1.0", "echo $HOME > $out")')
    hermetica.write("small.toml", DECLARED.replace(', "./pkgs.py:calm"', ""))
    asked = ("-o", "page.html", "--csv", "cells.csv", "--builds-csv", "builds.csv")
    ran = hermetica("study", "run", "small.toml", *asked)
    assert [line for line in ran.stderr.splitlines() if line.startswith("wrote")] == [
        "wrote page.html",
        "wrote cells.csv",
        "wrote builds.csv",
    ]
    assert ran.stderr.splitlines()[-1] == "every build is in small.study/log.jsonl"
    written = {name: (hermetica.directory / name).read_bytes() for name in ("page.html", "cells.csv", "builds.csv")}
    log_only = hermetica.directory / "elsewhere" / "small.study"
    log_only.parent.mkdir()
    (hermetica.directory / "small.study").rename(log_only)
    hermetica("study", "report", "elsewhere/small.study", *asked)
    assert {name: (hermetica.directory / name).read_bytes() for name in written} == written


def test_a_page_that_cannot_be_written_is_told_before_anything_is_built(hermetica: CommandLine) -> None:
    hermetica.module('app = sh("app-1.0", "echo x > $out")')
    hermetica.write("small.toml", DECLARED.replace(', "./pkgs.py:calm"', ""))
    ended = hermetica("study", "run", "small.toml", "--report", "nowhere/page.html", status=2)
    assert "error[HM600] nowhere/page.html cannot be written: No such file or directory" in ended.stderr
    assert not (hermetica.directory / "small.study").exists()


def test_a_tracer_that_is_not_there_is_told(hermetica: CommandLine) -> None:
    hermetica.module('app = sh("app-1.0", "echo $HOME > $out")')
    hermetica.write("small.toml", DECLARED.replace(', "./pkgs.py:calm"', ""))
    (hermetica.directory / "bin").mkdir()
    (hermetica.directory / "bin" / "bwrap").symlink_to(shutil.which("bwrap") or "/usr/bin/bwrap")
    alone = {"PATH": str(hermetica.directory / "bin")}
    ended = hermetica("study", "run", "small.toml", "--writers", env=alone)
    assert "which command wrote what is not known: " in ended.stderr
    assert "./pkgs.py:app  changes with home" in ended.stdout


def test_a_diffoscope_that_is_demanded_and_not_there_is_told(hermetica: CommandLine) -> None:
    hermetica.module('app = sh("app-1.0", "echo x > $out")')
    hermetica.write("small.toml", DECLARED.replace(', "./pkgs.py:calm"', ""))
    ended = hermetica("study", "run", "small.toml", "--diffoscope", status=2, env={"PATH": "/nonexistent"})
    assert "--diffoscope: it is not installed" in ended.stderr


def test_without_comparisons_metrics_say_what_makes_them(hermetica: CommandLine) -> None:
    assert "nothing was compared yet" in hermetica("metrics").stderr
