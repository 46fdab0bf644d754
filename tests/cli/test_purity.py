"""What ids depend on besides their project is found, with the field and the line."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

pytestmark = pytest.mark.sandbox
PLANTED = {
    "os.environ.get('FLAVOUR', 'plain')": "a variable that the project does not declare",
    "str('FLAVOUR' in os.environ)": "a variable that the project does not declare",
    "os.path.expanduser('~/x')": "the home directory or the user's name",
    "getpass.getuser()": "the home directory or the user's name",
    "str(time.time_ns())": "chance, the clock, or where objects lie in memory",
    "str(random.random())": "chance, the clock, or where objects lie in memory",
    "repr(object())": "chance, the clock, or where objects lie in memory",
    "str(id(hm) // 3)": "chance, the clock, or where objects lie in memory",
    "str(datetime.date.today())": "the clock",
    "time.strftime('%Y')": "the clock",
    "str(datetime.datetime.now().year)": "the clock",
    "time.strftime('%H', time.localtime(0))": "the time zone",
    "os.getcwd()": "the working directory",
    "''.join({'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'})": "the order of a set, or a hash",
    "str(hash('x'))": "the order of a set, or a hash",
    "str(os.path.exists('/etc/passwd'))": "what lies outside the project",
    "os.environ.get('LANG', '')": "the language",
}


@pytest.fixture
def project(hermetica: CommandLine) -> CommandLine:
    shutil.rmtree(hermetica.directory.parent / ".jj")
    return hermetica


def write(hermetica: CommandLine, expression: str) -> None:
    hermetica.write(
        "pkgs.py",
        "import datetime, getpass, os, random, time\nimport hermetica as hm\n"
        "plain = hm.text('plain', 'always')\n"
        f"below = hm.derivation(name='below', builder='/b', env={{'STAMP': {expression}}})\n"
        "above = hm.derivation(name='above', builder='/b', args=[f'{below}'])\n",
    )


@pytest.mark.parametrize("expression", PLANTED)
def test_a_planted_impurity_is_found_with_its_field_and_line(expression: str, project: CommandLine) -> None:
    write(project, expression)
    found = project("check", "--pure", status=3).stdout.splitlines()
    expected = f"below (pkgs.py:4) depends on {PLANTED[expression]}: env.STAMP"
    assert any(line.startswith(expected) for line in found), found
    assert not any(line.startswith(("above", "plain")) for line in found)


def test_what_is_pure_is_said_to_be(project: CommandLine) -> None:
    write(project, "'fixed'")
    ended = project("check", "--pure")
    assert ended.stdout == "pure: 3 derivations have the same ids in 10 surroundings\n"
    alone = project("check", "--pure", "./pkgs.py:above").stdout
    assert alone == "pure: 1 derivation has the same id in 10 surroundings\n"
    document = json.loads(project("check", "--pure", "--json", "./pkgs.py:above").stdout)
    assert document == {"format": "hermetica.purity/1", "pure": True, "findings": []}


def test_what_fails_elsewhere_is_told(project: CommandLine) -> None:
    write(project, "open('pkgs.py').read(4)")
    found = project("check", "--pure", status=3).stdout
    assert "depends on the working directory" in found
    assert "pkgs.py:4" in found
    document = json.loads(project("check", "--pure", "--json", status=3).stdout)
    assert document["pure"] is False
    assert {each["depends_on"] for each in document["findings"]} == {"the working directory"}


def test_a_name_that_comes_and_goes_is_told(project: CommandLine) -> None:
    project.write(
        "pkgs.py",
        "import os\nimport hermetica as hm\na = hm.text('a', '')\nif os.environ.get('X'):\n    b = hm.text('b', '')\n",
    )
    assert "whether there is pkgs.py:b" in project("check", "--pure", status=3).stdout


def test_a_declared_variable_is_no_impurity(project: CommandLine) -> None:
    project.write("pyproject.toml", "[tool.hermetica.evaluation]\nenvironment = ['FLAVOUR']\n")
    write(project, "os.environ['FLAVOUR']")
    assert "pure: 3" in project("check", "--pure", env={"FLAVOUR": "sweet"}).stdout


def test_without_a_sandbox_nothing_can_be_said(project: CommandLine) -> None:
    write(project, "'fixed'")
    assert "error[HM692]" in project("check", "--pure", env={"HERMETICA_BWRAP": "/bin/false"}, status=4).stderr
