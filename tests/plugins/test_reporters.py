"""Reporters: told every event beside the view, and never in the way of a build."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine
    from tests.plugins.conftest import Install

pytestmark = pytest.mark.sandbox

TALLY = """\
import json

class Tally:
    def __init__(self, file):
        self.file = open(file or "tally.jsonl", "w")

    def __call__(self, event):
        self.file.write(json.dumps(event.to_json()) + "\\n")

    def close(self):
        self.file.write("closed\\n")
        self.file.close()


class Falling(Tally):
    def __call__(self, event):
        raise ConnectionError("the service is away")


def late(argument):
    tally = Tally("")
    tally.close = lambda: 1 / 0
    return tally
"""
ENTRIES = (
    "reporters tally = tally_plug:Tally",
    "reporters falling = tally_plug:Falling",
    "reporters late = tally_plug:late",
    "reporters strange = tally_plug:str",
)


@pytest.fixture
def tally(install: Install, hermetica: CommandLine) -> CommandLine:
    install("tally_plug", TALLY + "str = lambda argument: argument\n", *ENTRIES)
    hermetica.module('a = sh("a", "echo > $out")', 'bad = sh("bad", "exit 3")')
    return hermetica


def kinds(text: str) -> list[str]:
    import json

    return ["closed" if line == "closed" else json.loads(line)["kind"] for line in text.splitlines()]


def test_a_reporter_gets_every_event_and_is_closed(tally: CommandLine) -> None:
    tally("build", "./pkgs.py:a", "--reporter", "tally=told.jsonl", "--reporter", "tally")
    for name in ("told.jsonl", "tally.jsonl"):
        told = kinds((tally.directory / name).read_text())
        assert told[0] == "run-started"
        assert told[-2:] == ["run-finished", "closed"]
        assert {"derivation-started", "derivation-finished"} <= set(told)


def test_a_reporter_is_told_of_a_build_with_nothing_to_do_however_often(tally: CommandLine) -> None:
    for _ in range(4):  # the third would be answered from memory
        tally("build", "./pkgs.py:a", "--reporter", "tally")
        told = tally.directory / "tally.jsonl"
        assert kinds(told.read_text())[0] == "run-started"
        told.unlink()


def test_a_reporter_of_the_settings_is_told_too(tally: CommandLine) -> None:
    tally("build", "./pkgs.py:bad", status=100, env={"HERMETICA_REPORTERS": "tally=x.jsonl tally=y.jsonl"})
    for name in ("x.jsonl", "y.jsonl"):
        assert kinds((tally.directory / name).read_text())[-1] == "closed"


@pytest.mark.parametrize(("name", "raised"), [("falling", "ConnectionError: the service is away"), ("late", "ZeroD")])
def test_one_that_raises_ends_no_build_and_is_told_at_the_end(tally: CommandLine, name: str, raised: str) -> None:
    ended = tally("build", "./pkgs.py:a", "--reporter", name, "--reporter", "tally=told.jsonl", status=4)
    assert len(ended.stdout.splitlines()) == 1
    assert f"error[HM703] the reporter {name} of tally-plug 1.2 failed" in ended.stderr
    assert f"raised  {raised}" in ended.stderr
    assert "tally_plug.py:" in ended.stderr
    assert kinds((tally.directory / "told.jsonl").read_text())[-2:] == ["run-finished", "closed"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("tolly", "error[HM702] there is no reporter 'tolly'"),
        ("strange", "expected  an object that takes events, and has close()"),
        ("tally=/proc/nothing/x", "error[HM703] the reporter tally of tally-plug 1.2 failed"),
    ],
)
def test_one_that_cannot_begin_is_told_before_anything_is_built(tally: CommandLine, word: str, said: str) -> None:
    assert said in tally("build", "./pkgs.py:a", "--reporter", word, status=4).stderr
    assert tally("ls", "./pkgs.py:a").stdout.split()[0] != "realized"
