"""Sets that a project names, through the real command and as text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hermetica.cli.sets import InvalidSets, find_sets, parse_sets

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

SETS = '[tool.hermetica.sets]\nfiles = "pkgs.py"\nnamed = "mypkg.pkgs"\ngone = "nothing.there"\nlost = "./lost.py"\n'


def a_project(hermetica: CommandLine) -> None:
    hermetica.write("pyproject.toml", SETS)
    hermetica.module("x = sh('x', 'true', outputs=('out', 'dev'))", "xy = sh('xy', 'true')", "z = sh('z', 'true')")
    hermetica.write("mypkg/__init__.py", "")
    hermetica.module("x = sh('x', 'echo > $out')", name="mypkg/pkgs.py")


def targets(hermetica: CommandLine, *texts: str) -> list[str]:
    return [row["target"] for row in json.loads(hermetica("ls", "--json", *texts).stdout)["targets"]]


def test_a_set_is_a_module_that_the_project_names(hermetica: CommandLine) -> None:
    a_project(hermetica)
    assert targets(hermetica, "files#*") == targets(hermetica, "files#") == ["files#x", "files#xy", "files#z"]
    assert targets(hermetica, "files#x*", "named#x") == ["files#x", "files#xy", "named#x"]
    rows = json.loads(hermetica("ls", "--json", "files#x^dev").stdout)["targets"]
    assert list(rows[0]["outputs"]) == ["dev"]


def test_sets_mean_the_same_from_everywhere_in_the_project(hermetica: CommandLine) -> None:
    a_project(hermetica)
    here = hermetica.directory / "deep" / "er"
    here.mkdir(parents=True)
    below = type(hermetica)(here, hermetica.environment)
    for text in ("files#*", "named#*"):
        assert targets(below, text) == targets(hermetica, text)


def test_dependants_of_a_member_are_looked_for_in_its_set(hermetica: CommandLine) -> None:
    hermetica.write("pyproject.toml", SETS)
    hermetica.module("x = sh('x', 'true')", "y = sh('y', 'true', env={'x': f'{x}'})")
    assert [line.split()[-1] for line in hermetica("query", "rdeps", "files#x").stdout.splitlines()] == ["y"]


def test_a_name_that_leads_nowhere_gets_the_close_ones(hermetica: CommandLine) -> None:
    a_project(hermetica)
    assert hermetica("ls", "file#x", status=2).stderr.splitlines() == [
        f"error[HM221] {hermetica.directory}/pyproject.toml has no set 'file'",
        "  fix  did you mean files?",
    ]
    assert hermetica("ls", "files#qqqq", status=2).stderr.splitlines() == [
        "error[HM221] files has no 'qqqq'",
        "  fix  hermetica ls 'files#*' lists what it has",
    ]
    assert "is in no module: nothing.there" in hermetica("ls", "gone#x", status=2).stderr
    assert "is in no file: ./lost.py" in hermetica("ls", "lost#x", status=2).stderr
    (hermetica.directory / "pyproject.toml").unlink()
    assert '[tool.hermetica.sets] of pyproject.toml names sets: files = "package.module"' in (
        hermetica("ls", "files#x", status=2).stderr
    )


def test_a_build_of_a_set_is_remembered_until_the_set_is_another(hermetica: CommandLine) -> None:
    a_project(hermetica)
    first, second = (hermetica("build", "--print-paths", "named#x").stdout for _ in range(2))
    hermetica.module("x = sh('other', 'echo 2 > $out')", name="other.py")
    hermetica.write("pyproject.toml", SETS.replace("mypkg.pkgs", "./other.py"))
    assert first == second != hermetica("build", "--print-paths", "named#x").stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.hermetica.sets\n", "is no TOML"),
        ("[tool]\nhermetica = 3\n", "tool.hermetica.sets is no table"),
        ("[tool.hermetica]\nsets = ['a']\n", "tool.hermetica.sets is no table"),
        ("[tool.hermetica.sets]\nx = 3\n", "the set x cannot be 3"),
        ('[tool.hermetica.sets]\nx = ""\n', "the set x cannot be ''"),
    ],
)
def test_sets_that_are_none_are_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSets) as caught:
        parse_sets(text, "pyproject.toml")
    assert said in caught.value.message
    (tmp_path / "pyproject.toml").write_bytes(b"\xff")
    with pytest.raises(InvalidSets, match="cannot be read"):
        find_sets(tmp_path)


def test_a_project_without_sets_has_none() -> None:
    assert parse_sets("[tool.other]\n", "pyproject.toml") == {}
    assert find_sets(Path("/")).modules == {}
