"""Commands of plug-ins, through the real command line."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hermetica.cli.parser import COMMANDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import CommandLine
    from tests.plugins.conftest import Install

GREET = '''\
"""Says how much targets weigh.

And more.
"""
import hermetica as hm


def add_arguments(parser):
    parser.add_argument("targets", nargs="+")
    parser.add_argument("--loud", action="store_true")


def run(session):
    derivations = session.derivations(session.options.targets)
    results, status = session.realize(derivations)
    rows = [(each.derivation.name, session.store.on_disk(each.out).stat().st_size) for each in results if each.outputs]
    session.result({"format": "greet/1", "sizes": dict(rows)}, (f"{name} {size}" for name, size in rows))
    session.say("DONE" if session.options.loud else "done")
    return status
'''


@pytest.mark.sandbox
def test_a_command_of_a_plugin_evaluates_realizes_and_answers_as_ours_do(
    hermetica: CommandLine, install: Install
) -> None:
    install("greet_plug", GREET, "commands greet = greet_plug")
    hermetica.module('a = sh("a", "echo 12345 > $out")', 'bad = sh("bad", "exit 3")')
    ended = hermetica("greet", "./pkgs.py:a", "--loud")
    assert ended.stdout == "a 6\n"
    assert ended.stderr.endswith("DONE\n")
    assert json.loads(hermetica("greet", "./pkgs.py:a", "--json").stdout) == {"format": "greet/1", "sizes": {"a": 6}}
    assert "error[HM105] bad: " in hermetica("greet", "./pkgs.py:bad", status=100).stderr
    assert "no 'aa'" in hermetica("greet", "./pkgs.py:aa", status=2).stderr


def test_help_lists_it_under_its_own_heading_without_importing_it(hermetica: CommandLine, install: Install) -> None:
    install("greet_plug", "raise RuntimeError", "commands greet = greet_plug", "commands build = greet_plug")
    text = hermetica("--help").stdout
    _, _, plugged = text.partition("\nFrom plug-ins:\n")
    assert plugged.splitlines()[0].split() == ["greet", "from", "greet-plug", "1.2"]
    assert "build" not in plugged.partition("\n\n")[0]


def test_its_own_help_is_that_of_its_parser_and_says_whose_it_is(hermetica: CommandLine, install: Install) -> None:
    install("greet_plug", GREET, "commands greet = greet_plug")
    text = hermetica("greet", "--help").stdout
    assert text.startswith("usage: hermetica greet [")
    assert "Says how much targets weigh. (from greet-plug 1.2)" in text
    assert "unknown option --lout" in hermetica("greet", "x", "--lout", status=2).stderr


def test_a_typo_gets_names_of_plugins_too(hermetica: CommandLine, install: Install) -> None:
    install("greet_plug", GREET, "commands greet = greet_plug")
    assert "did you mean greet?" in hermetica("gret", status=2).stderr


def test_a_command_of_ours_is_never_replaced_and_never_looks_for_plugins(
    hermetica: CommandLine, install: Install, site: Path
) -> None:
    install("version_plug", "raise RuntimeError", "commands version = version_plug")
    assert hermetica("version").stdout.startswith("hermetica ")
    question = "import sys; from hermetica.cli.main import main; main(['version']); print(*sys.modules)"
    asked = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True)
    assert "hermetica.cli.parser" in asked.stdout
    assert "hermetica.entry_points" not in asked.stdout
    assert "hermetica has a command of this name" in hermetica("doctor").stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def add_arguments(parser): pass", "cause     breaking has no run"),
        ("import nothing_like_it", "cause     ModuleNotFoundError: No module named 'nothing_like_it'"),
    ],
)
def test_a_command_that_cannot_be_used_is_told_by_its_distribution(
    hermetica: CommandLine, install: Install, text: str, said: str
) -> None:
    install("breaking", text, "commands brk = breaking")
    ended = hermetica("brk", status=4)
    assert ended.stderr.startswith("error[HM700] the command brk of breaking 1.2 cannot be used\n")
    assert said in ended.stderr
    assert "update breaking, or uninstall it" in ended.stderr


RAISING = "def add_arguments(parser): pass\ndef run(session):\n    "


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{RAISING}raise KeyError('x')", "raised  KeyError: 'x'"),
        (f"{RAISING}return 'fine'", "ended with 'fine', which is no exit status"),
        ("def add_arguments(parser): parser.add_argument('--json')\ndef run(session): return 0", "ArgumentError"),
    ],
)
def test_a_command_that_fails_is_told_by_its_distribution(
    hermetica: CommandLine, install: Install, text: str, said: str
) -> None:
    install("raising", text, "commands rais = raising")
    ended = hermetica("rais", status=4)
    assert ended.stderr.startswith("error[HM703] the command rais of raising 1.2 failed\n")
    assert said in ended.stderr


def test_an_error_of_hermetica_that_a_command_raises_is_told_as_ever(hermetica: CommandLine, install: Install) -> None:
    text = f"{RAISING}import hermetica as hm; raise hm.HermeticaError('the shelf is empty', hint='fill it')"
    install("raising", text, "commands rais = raising")
    assert hermetica("rais", status=1).stderr == "error[HM000] the shelf is empty\n  fix  fill it\n"


def test_two_distributions_with_one_command_are_a_clash(hermetica: CommandLine, install: Install) -> None:
    install("one_plug", GREET, "commands greet = one_plug")
    install("two_plug", GREET, "commands greet = two_plug")
    assert "error[HM701] 2 distributions offer a command greet" in hermetica("greet", "x", status=4).stderr
    assert "from one-plug 1.2 and two-plug 1.2" in hermetica("--help").stdout


def test_completion_knows_the_commands_of_plugins_and_survives_those_that_break(
    hermetica: CommandLine, install: Install
) -> None:
    install("greet_plug", GREET, "commands greet = greet_plug")
    install("breaking", "import nothing_like_it", "commands brk = breaking")
    for shell in ("bash", "zsh", "fish"):
        text = hermetica("completion", shell).stdout
        assert "greet" in text
        assert "loud" in text
        assert all(name in text for name in COMMANDS)


def test_doctor_names_the_plugins_in_force_and_those_that_are_not(hermetica: CommandLine, install: Install) -> None:
    install("greet_plug", GREET, "commands greet = greet_plug", "fetchers ipfs = greet_plug:run")
    install("breaking", "import nothing_like_it", "reporters brk = breaking:make")
    rows = {row["about"]: row for row in json.loads(hermetica("doctor", "--json").stdout)["findings"]}
    assert rows["command greet of greet-plug 1.2"]["level"] == "ok"
    assert rows["fetcher ipfs of greet-plug 1.2"]["message"] == "greet_plug:run"
    broken = rows["reporter brk of breaking 1.2"]
    assert (broken["level"], broken["message"]) == ("warning", "not used")
    assert broken["cause"] == "ModuleNotFoundError: No module named 'nothing_like_it'"
