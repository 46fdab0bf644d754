"""Entering the sandbox of a build: all that the build would find is there, and nothing else."""

from __future__ import annotations

import os
import platform
import pty
import select
import subprocess
from typing import TYPE_CHECKING

import pytest

from hermetica.sandbox import fixed_world
from hermetica.sandbox.factors import CLOCK_S

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

needs_x86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="a clock is held on x86-64 only")
pytestmark = pytest.mark.sandbox


@pytest.fixture
def project(hermetica: CommandLine) -> CommandLine:
    hermetica.write("data.txt", "local\n")
    hermetica.module(
        "data = hm.source('data.txt')",
        "tool = sh('tool', 'echo made > $out')",
        "top = sh('top', f'cat {tool} {data} > $out; echo $FLAVOUR', env={'FLAVOUR': 'sweet'})",
        "frozen = sh('frozen', 'date > $out', features=('clock:frozen',))",
        "strict = sh('strict', 'date > half; exit 3', features=('world:strict',))",
        "broken = sh('broken', 'exit 3')",
        "needy = sh('needy', f'cat {broken}')",
        "fetched = hm.fetchurl('http://127.0.0.1:9/x', sha256='0' * 64)",
        "odd = hm.derivation(name='odd', builder=f'{busybox}/bin/cat', args=['x'])",
    )
    return hermetica


def shell(project: CommandLine) -> str:
    """The path of the shell in the sandbox."""
    return next(
        line.split()[1] for line in project("show", "./pkgs.py:top").stdout.splitlines() if line.startswith("builder")
    )


def test_a_command_finds_inputs_variables_and_what_the_build_would_run(project: CommandLine) -> None:
    sh = shell(project)
    script = "echo $FLAVOUR; . /build/.build; "
    ended = project("develop", "./pkgs.py:top", "--", sh, "-c", script)
    assert ended.stdout == "sweet\nsweet\n"
    assert "built     tool" in ended.stderr
    assert project("develop", "./pkgs.py:top", "--", sh, "-c", "[ ! -e $out ]; echo $out").stdout.endswith("-top\n")
    assert project("ls", "./pkgs.py:top").stdout.startswith("-")  # nothing was registered


def test_a_name_without_a_slash_is_looked_for_by_the_builders_shell(project: CommandLine) -> None:
    assert project("develop", "./pkgs.py:top", "--", "echo", "one  two").stdout == "one  two\n"
    assert "HM303" in project("develop", "./pkgs.py:odd", "--", "cat", "x", status=3).stderr


def test_the_status_is_that_of_the_command(project: CommandLine) -> None:
    project("develop", "./pkgs.py:top", "--", shell(project), "-c", "exit 7", status=7)
    assert "error" in project("develop", "./pkgs.py:top", "--", "/bin/none", status=100).stderr


def test_there_is_no_network_and_no_home(project: CommandLine) -> None:
    script = "[ ! -e /home ] && [ ! -e /root ] && echo alone"
    assert project("develop", "./pkgs.py:top", "--", shell(project), "-c", script).stdout == "alone\n"


def test_what_cannot_be_entered_is_told(project: CommandLine) -> None:
    told = project("develop", "./pkgs.py:fetched", status=2).stderr
    assert "error[HM673] x is made by hermetica itself" in told  # NothingToEnter
    told = project("develop", "./pkgs.py:odd", status=2).stderr
    assert "the builder of odd is no shell: cat" in told
    assert "error[HM105]" in project("develop", "./pkgs.py:needy", status=100).stderr
    assert "one of TARGET and --failed is wanted" in project("develop", status=2).stderr
    assert (
        "one of TARGET and --failed is wanted" in project("develop", "./pkgs.py:top", "--failed", "x", status=2).stderr
    )


@needs_x86_64
def test_the_clock_stands_where_that_of_the_build_does(project: CommandLine) -> None:
    sh, script = shell(project), "date +%s; head -c 8 /dev/urandom | md5sum; touch made; stat -c %Y made"

    def seen(target: str, *, prefer: str = "running") -> list[str]:
        words = ("develop", f"./pkgs.py:{target}", "--", sh, "-c", script)
        return project(*words, env={"HERMETICA_CLOCK": prefer}).stdout.splitlines()

    frozen, strict = seen("frozen"), seen("strict")
    assert frozen[0] == strict[0] == seen("top", prefer="frozen")[0] == str(CLOCK_S)
    assert frozen[1:] != strict[1:] == seen("strict")[1:]
    assert strict[2] == str(fixed_world().file_time_s)
    assert int(seen("top")[0]) < CLOCK_S


@needs_x86_64
def test_a_failed_build_is_entered_in_the_world_that_it_failed_in(project: CommandLine) -> None:
    ended = project("build", "--keep-failed", "./pkgs.py:strict", status=100)
    kept = next(line.split()[-1] for line in ended.stderr.splitlines() if line.strip().startswith("kept"))
    script = "date +%s; stat -c %Y half; date -r half +%s; echo more >> half; stat -c %Y half"
    ended = project("develop", "--failed", kept, "--", shell(project), "-c", script)
    assert ended.stdout.split() == [str(CLOCK_S), *[str(fixed_world().file_time_s)] * 3]


def test_what_no_sandbox_offers_is_not_entered_without_it(project: CommandLine) -> None:
    project.module("odd = sh('odd', 'date > $out', features=('clock:backwards',))")
    assert "it requires clock:backwards" in project("develop", "./pkgs.py:odd", "--", "date", status=4).stderr


@needs_x86_64
@pytest.mark.parametrize(("target", "told"), [("top", b""), ("frozen", b"the clock stands at 2036-01-01 00:00:00 UTC")])
def test_a_shell_has_the_terminal(project: CommandLine, target: str, told: bytes) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*project.words, "develop", f"./pkgs.py:{target}"],
        cwd=project.directory,
        env=project.environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as running:
        os.close(theirs)
        os.write(ours, b"echo =${FLAVOUR-sweet}=; exit 5\n")
        said = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                said += os.read(ours, 4096)
            except OSError:  # nobody has the other end any more
                break
        assert running.wait(60) == 5
    os.close(ours)
    assert b"=sweet=" in said
    text = f"in the sandbox of {target}: its inputs and its environment are there, $out is still to be made"
    assert text.encode() in said
    assert told in said
    assert told or b"clock" not in said
