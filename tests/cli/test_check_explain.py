"""``hermetica check --explain``: causes for people and for programs, and the statuses that go with them."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from hermetica.study.diffoscope import TIMEOUT_S
from hermetica.study.space import BUILDS_MAX

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

pytestmark = pytest.mark.sandbox


def test_a_target_that_changes_is_explained_with_place_writer_and_remedy(hermetica: CommandLine) -> None:
    hermetica.module(
        "app = sh('app-1.0', 'mkdir $out; echo prefix=$HOME > $out/conf; echo for $LC_ALL > $out/lang; '",
        "         'echo > $out/x; id -u > $out/ids; id -g >> $out/ids')",
    )
    ended = hermetica("check", "--explain", "./pkgs.py:app", "--tier", "T0", status=104)
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("./pkgs.py:app: not reproducible: 3 of 4 files change (")
    text = ended.stdout
    assert "changes with home (other)\n    out/conf\n" in text
    assert "line 1: prefix=/homeless-shelter, then prefix=/nonexistent/second-home" in text
    assert "changes with locale (et_EE.UTF-8)\n    out/lang\n" in text
    assert "home: what the environment says" in text
    assert "      uid (2345): line 1: 1000, then 2345\n" in text
    assert "      gid (678): line 2: 100, then 678\n" in text
    assert "docs/guides/twelve-causes.md#the-locale" in text
    if shutil.which("strace"):
        assert "written by  " in text
    else:
        assert "which command wrote what is not known" in ended.stderr
    assert "./pkgs.py:app: changes with gid, home, locale, uid after" in ended.stderr


def test_a_target_that_nothing_changes_is_told_so(hermetica: CommandLine) -> None:
    hermetica.module('app = sh("app-1.0", "echo same > $out")')
    ended = hermetica("check", "--explain", "./pkgs.py:app", "--tier", "T0")
    assert "reproducible: nothing that was varied changes any of its 1 file (" in ended.stdout


def test_a_target_that_is_never_built_says_why_and_what_it_said(hermetica: CommandLine) -> None:
    hermetica.module('bad = sh("bad-1.0", "echo no compiler >&2; exit 3")')
    ended = hermetica("check", "--explain", "./pkgs.py:bad", "--tier", "T0", status=100)
    assert "./pkgs.py:bad: it cannot be built in the fixed world: HM105 bad-1.0" in ended.stdout
    assert "\n  no compiler\n" in ended.stdout


def test_the_same_for_programs(hermetica: CommandLine) -> None:
    hermetica.module('app = sh("app-1.0", "id -u > $out")', 'bad = sh("bad-1.0", "exit 3")')
    ended = hermetica(
        "check", "--explain", "--json", "--tier", "T0", "./pkgs.py:app", "./pkgs.py:bad", "--study", "kept", status=104
    )
    document = json.loads(ended.stdout)
    assert document["format"] == "hermetica.causes/1"
    app, bad = document["targets"]
    assert [(each["path"], each["causes"]) for each in app["files"]] == [("out", [{"uid": "2345"}])]
    assert app["files"][0]["loci"][0]["first"] == "1000"
    assert app["advice"][0]["title"] == "Users and permissions"
    assert (bad["failed"][:5], bad["reproducible"], bad["builds"]) == ("HM105", False, 3)
    again = hermetica("check", "--explain", "--json", "--tier", "T0", "./pkgs.py:app", "--study", "kept", status=104)
    assert json.loads(again.stdout)["targets"][0]["files"] == app["files"]


def test_diffoscope_is_asked_where_it_is_there_and_not_refused(hermetica: CommandLine) -> None:
    hermetica.module('app = sh("app-1.0", "echo $HOME > $out")')
    program = hermetica.write("bin/diffoscope", "#!/bin/sh\nprintf '%s\\n' --- said +++ > $2; exit 1\n")
    program.chmod(0o755)
    beside = {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    explain = ("check", "--explain", "./pkgs.py:app", "--tier", "T0", "--json")
    for options, said in (((), "---\nsaid\n+++\n"), (("--no-diffoscope",), None)):
        ended = hermetica(*explain, *options, env=beside, status=104)
        assert [each["diffoscope"] for each in json.loads(ended.stdout)["targets"][0]["files"]] == [said]


def test_numbers_and_options_without_meaning_are_refused(hermetica: CommandLine) -> None:
    ended = hermetica("check", "--diffoscope-timeout", "9", status=2)
    assert "--diffoscope-timeout does nothing without --explain" in ended.stderr
    hermetica.module('app = sh("app-1.0", "echo x > $out")')
    ended = hermetica("check", "--explain", "./pkgs.py:app", "--builds", "2", status=2)
    assert "--builds 2: the fixed world alone is built 3 times" in ended.stderr


def test_the_help_says_the_numbers_that_hold(hermetica: CommandLine) -> None:
    text = " ".join(hermetica("check", "--help").stdout.split())
    assert f"builds of each target at most ({BUILDS_MAX})" in text
    assert f"seconds that it may take a file ({TIMEOUT_S:g})" in text


def test_it_needs_a_target_that_a_builder_makes(hermetica: CommandLine) -> None:
    hermetica.module('note = hm.text("note", "x")')
    assert "which target?" in hermetica("check", "--explain", status=2).stderr
    assert "HM500" in hermetica("check", "--explain", "./pkgs.py:note", status=2).stderr


def test_what_a_target_is_built_from_is_shown_as_in_every_run_and_logs_where_they_are_wanted(
    hermetica: CommandLine,
) -> None:
    hermetica.module(
        'part = sh("part-1.0", "echo making a part; echo x > $out")',
        'app = sh("app-1.0", "echo using $part; id -u > $out", env={"part": f"{part}"})',
    )
    ended = hermetica("check", "--explain", "-v", "--tier", "T0", "./pkgs.py:app", status=104)
    said = ended.stderr.splitlines()
    assert said[0].startswith("to do: 1 build")
    assert "part-1.0> making a part" in said
    assert any(line.startswith("app-1.0> using /hermetica/store/hx") for line in said)
    builds = [line for line in said if line.startswith("./pkgs.py:app: build ")]
    assert builds[0] == "./pkgs.py:app: build 1, varied nothing: the first, to compare with"
    assert "varied uid: different: out\n" in "\n".join(builds)
    assert "varied nothing: like the first (normalised)\n" in "\n".join(builds)
    assert f"after {len(builds)} builds" in said[-1]
    quiet = hermetica("check", "--explain", "--ui", "quiet", "--tier", "T0", "./pkgs.py:app", status=104)
    assert quiet.stderr == ""


def test_an_input_that_cannot_be_made_is_told_and_takes_no_other_target_with_it(hermetica: CommandLine) -> None:
    hermetica.module(
        'part = sh("part-1.0", "exit 5")',
        'app = sh("app-1.0", "echo $part > $out", env={"part": f"{part}"})',
        'calm = sh("calm-1.0", "echo x > $out")',
    )
    ended = hermetica("check", "--explain", "--tier", "T0", "./pkgs.py:app", "./pkgs.py:calm", status=100)
    assert "./pkgs.py:calm: reproducible" in ended.stdout
    assert "error[HM105] part-1.0" in ended.stderr


def test_what_builds_call_their_files_and_write_into_them_reaches_no_terminal_as_it_is(hermetica: CommandLine) -> None:
    hermetica.module(
        r"app = sh('app-1.0', r'''mkdir $out; cd $out",
        r"for each in 'a\377b' 'two\nlines' 'red\033[31m'; do",
        r"""printf '\033[7m%s\n' $HOME > "$(printf "$each")"; done''')""",
    )
    ended = hermetica("check", "--explain", "--tier", "T0", "./pkgs.py:app", status=104)
    for name in (r"a\xffb", r"two\nlines", r"red\x1b[31m"):
        assert f"\n    out/{name}\n      line 1: \\x1b[7m/homeless-shelter, then \\x1b[7m/nonexistent" in ended.stdout
    assert all(line.isprintable() for line in ended.stdout.splitlines())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--builds", "9"), "--builds does nothing without --explain"),
        (("--compare", "bitwise"), "--compare does nothing without --explain"),
        (("--explain", "--pure"), "--pure and --explain are two checks"),
        (("--explain", "--report", "page.html"), "--report tells of one run"),
    ],
)
def test_options_that_would_do_nothing_are_refused(hermetica: CommandLine, words: tuple[str, ...], said: str) -> None:
    hermetica.module('app = sh("app-1.0", "echo x > $out")')
    ended = hermetica("check", "./pkgs.py:app", *words, status=2)
    assert f"error[HM600] {said}" in ended.stderr
    assert "fix  " in ended.stderr
