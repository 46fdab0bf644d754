"""The table of what is identical and what differs, through the real command and as lines."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from hermetica.cli.console import Paint
from hermetica.cli.verdicts import Compared, Verdict, table

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

MODULE = """
text = hm.text("text", "hello")
same = sh("same", "echo same > $out")
other = sh("other", "mkdir $out && head -c 8 /dev/urandom > $out/noise")
after = sh("after", "cat $other/noise > $out", env={"other": f"{other}"})
"""
FAILING = MODULE + 'bad = sh("bad", "false")\n'
TABLE = re.compile(r"^(\S+)\s+(identical|differs|failed|not compared)\s+(-|[\d.]+ s)(?:  (.*))?$")


def rows(talk: str) -> dict[str, tuple[str, str]]:
    found = [TABLE.match(line) for line in talk.splitlines()]
    return {each[1].removeprefix("./pkgs.py:"): (each[2], each[4] or "") for each in found if each}


def test_a_check_of_several_ends_with_a_table(hermetica: CommandLine) -> None:
    hermetica.module(MODULE)
    hermetica("build", "--no-link", "./pkgs.py")
    talk = hermetica("build", "--check", "-k", "./pkgs.py", status=104).stderr
    assert rows(talk) == {
        "text": ("identical", ""),
        "same": ("identical", ""),
        "other": ("differs", "out"),
        "after": ("identical", ""),
    }
    assert "3 identical, 1 differs" in talk.splitlines()
    one = hermetica("build", "--check", "./pkgs.py:same").stderr
    assert rows(one) == {}


def test_rounds_say_what_was_not_compared_and_why(hermetica: CommandLine) -> None:
    hermetica.module(FAILING)
    words = ("build", "--rounds", "2", "-k", "--no-link", "./pkgs.py")
    first = rows(hermetica(*words, status=104).stderr)
    assert first["same"] == ("identical", "")
    assert first["other"] == ("differs", "out")
    assert first["after"] == ("failed", "not tried, because an input failed")
    assert first["bad"][0] == "failed"
    assert first["bad"][1].startswith("HM1")
    assert rows(hermetica(*words, status=104).stderr)["same"] == (
        "not compared",
        "unchanged since it went through as many builds",
    )


def test_what_is_not_there_was_not_compared(hermetica: CommandLine) -> None:
    hermetica.module(MODULE)
    hermetica("build", "--no-link", "./pkgs.py:same")
    talk = hermetica("build", "--check", "-k", "./pkgs.py:same", "./pkgs.py:text", status=2).stderr
    assert rows(talk)["same"] == ("identical", "")
    assert rows(talk)["text"] == ("not compared", "HM118 there is nothing to compare with: it is not in the store")


def test_json_has_the_same_for_each_result(hermetica: CommandLine) -> None:
    hermetica.module(MODULE)
    hermetica("build", "--no-link", "./pkgs.py")
    ended = hermetica("build", "--check", "-k", "--json", "--ui=quiet", "./pkgs.py", status=104)
    results = {row["target"]: row for row in json.loads(ended.stdout)["results"]}
    assert rows(ended.stderr) == {}
    assert (results["./pkgs.py:other"]["compared"], results["./pkgs.py:other"]["compared_note"]) == ("differs", "out")
    assert results["./pkgs.py:same"]["compared"] == "identical"
    plain = json.loads(hermetica("build", "--json", "--no-link", "./pkgs.py:same").stdout)["results"]
    assert "compared" not in plain[0]


def test_the_table_lines_up() -> None:
    lines = table(
        [
            Compared(name="a", verdict=Verdict.IDENTICAL, duration_s=61.0),
            Compared(name="longer", verdict=Verdict.NOT_COMPARED, duration_s=0.0, note="why"),
        ],
        Paint(enabled=False),
    )
    assert lines == [
        "a       identical       1:01 min",
        "longer  not compared           -  why",
        "1 identical, 1 not compared",
    ]
