"""``hermetica doctor --world``: each factor tried for real, by root and by an ordinary user."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from typing import TYPE_CHECKING

import pytest

from hermetica.cli.status import ENVIRONMENT
from hermetica.sandbox import FACTORS
from tests.sandbox.conftest import ROOT, as_ordinary_user

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="a clock is held on x86-64 only"),
    pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="the factor cpus needs two processors"),
]


def test_every_factor_can_be_fixed_and_varied_and_the_table_says_so(hermetica: CommandLine) -> None:
    document = json.loads(hermetica("doctor", "--world", "--json").stdout)
    assert document["format"] == "hermetica.worlds/1"
    assert document["tier"] == "T3"
    assert [each["name"] for each in document["factors"]] == list(FACTORS)
    for each in document["factors"]:
        assert each["cause"] == ""
        assert each["fixed"]
        assert each["varied"] == dict.fromkeys(FACTORS[each["name"]].varied, True)


def test_an_ordinary_user_can_fix_and_vary_all_of_them_too() -> None:
    code = "import runpy, sys; sys.argv[1:] = ['doctor', '--world']; runpy.run_module('hermetica', run_name='__main__')"
    done = subprocess.run(as_ordinary_user(code), capture_output=True, text=True, check=False, cwd=ROOT, timeout=120)
    assert "all 29 factors can be fixed and varied here" in done.stderr
    assert "ok       clock       T2  fixed at 2036-01-01; varied to 2037-02-02, 2040-02-29\n" in done.stdout
    assert done.returncode == 0


def test_a_factor_that_cannot_be_had_is_named_with_its_cause(hermetica: CommandLine) -> None:
    bound = subprocess.run(
        ["taskset", "-c", str(min(os.sched_getaffinity(0))), *hermetica.words, "doctor", "--world"],
        capture_output=True,
        text=True,
        check=False,
        cwd=hermetica.directory,
        env=hermetica.environment,
    )
    assert bound.returncode == ENVIRONMENT
    assert "two: this host cannot give the world's cpus; 2 processors are wanted, and 1 may be used" in bound.stdout
    assert "1 of 29 factors cannot be had here: cpus" in bound.stderr


def test_the_doctor_says_how_far_this_host_goes(hermetica: CommandLine) -> None:
    assert "clock: can be held still, and strict worlds be given (tier T3)" in hermetica("doctor").stdout
