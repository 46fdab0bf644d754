"""The command line, as the interface was designed: every command, every form of a target, and the texts of errors."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import pytest

from hermetica.cli.parser import COMMANDS
from tests.behaviours.conftest import command_line, module

if TYPE_CHECKING:
    from pathlib import Path

    from tests.behaviours.conftest import CommandLine

pytestmark = pytest.mark.sandbox

PROJECT = module(
    "lib = sh('lib-1.0', 'mkdir $out $dev; echo lib > $out/lib; echo h > $dev/h', outputs=('out', 'dev'))",
    "TEXT = 'printf \"#!$bb/bin/sh\\\\necho $lib says \\\\$*\\\\n\" > $out/bin/app; '",
    "app = sh('app-1.0', 'echo building; mkdir $out $out/bin; ' + TEXT + 'chmod +x $out/bin/app',",
    "         env={'lib': f'{lib}', 'bb': f'{busybox}', 'CFLAGS': '-O2'})",
    "bad = sh('bad', 'echo the reason; gmake all')",
    "class Set(hm.PackageSet):",
    "    @hm.matrix(python=['3.11', '3.12'], debug=[0, 1])",
    "    def wheel(self, *, python: str, debug: int) -> hm.Derivation:",
    "        return sh(f'wheel-{python}', f'echo {python} {debug} > $out')",
    "    @hm.check",
    "    def works(self) -> hm.Derivation:",
    "        return sh('works', 'echo > $out')",
    "pkgs = Set()",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A project whose ``app`` is built; nothing here changes what is in its store but by adding to it."""
    command = command_line(tmp_path_factory.mktemp("interface"))
    for place in ("pkgs.py", "mypkg/pkgs.py"):
        command.write(place, PROJECT)
    command.write("mypkg/__init__.py", "")
    command.write("pyproject.toml", "[tool.hermetica.sets]\nset = 'mypkg.pkgs'\n")
    command("build", "./pkgs.py:app")
    return command


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("./pkgs.py:lib", ["lib-1.0"]),
        ("mypkg.pkgs:lib^dev", ["lib-1.0"]),
        ("set#pkgs.works", ["works"]),
        ("./pkgs.py:l*", ["lib-1.0"]),
        ("./pkgs.py:pkgs.wheel[python=3.12,debug=0]", ["wheel-3.12"]),
        ("./pkgs.py:pkgs.wheel[python=3.12]", ["wheel-3.12"] * 2),
        ("./pkgs.py:pkgs.wheel", ["wheel-3.11"] * 2 + ["wheel-3.12"] * 2),
        ("./pkgs.py", ["lib-1.0", "app-1.0", "bad", "wheel-3.11", "wheel-3.11", "wheel-3.12", "wheel-3.12", "works"]),
    ],
)
def test_every_form_of_a_target_names_what_it_should(project: CommandLine, target: str, named: list[str]) -> None:
    listed = json.loads(project("ls", "--json", target).stdout)["targets"]
    assert [row["name"] for row in listed] == named


def test_an_object_is_named_by_its_path_a_link_and_the_beginning_of_its_digest(project: CommandLine) -> None:
    (path,) = project("query", "outputs", "./pkgs.py:app").stdout.split()
    digest = path.removeprefix("/hermetica/store/")[:10]
    closures = {project("query", "closure", each).stdout for each in (path, "./result", digest)}
    assert len(closures) == 1


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        ("run ./pkgs.py:app you", r"/hermetica/store/hx\w+-lib-1\.0 says you\n"),
        ("check", r"holds +\./pkgs\.py:pkgs\.works\n"),
        ("check --pure ./pkgs.py:lib", r""),
        ("show ./pkgs.py:app", r"name +app-1\.0\n[^$]*"),
        ("log ./pkgs.py:app", r"building\n"),
        ("explain ./pkgs.py:app", r"app-1\.0 is reused as hx\w+…: nothing that it declares has changed [^$]*"),
        ("diff ./pkgs.py:app ./pkgs.py:bad", r'[^$]*name "app-1\.0" -> "bad" [^$]*'),
        ("why-depends ./pkgs.py:app ./pkgs.py:lib", r"[^$]*bin/app, bytes, offset \d+: …[^$]*"),
        ("graph ./pkgs.py:app", r"digraph hermetica \{[^$]*"),
        ("query deps ./pkgs.py:app", r"\w{12}  lib-1\.0\n"),
        ("size ./pkgs.py:app", r" *[\d,]+ +[\d,]+ +[\d,]+  /hermetica/store/\S+app-1\.0\n[^$]*"),
        ("source ls ./pkgs.py:busybox", r"bin/busybox\nbin/sh\n"),
        ("root ls", r"[^$]*app-1\.0\n"),
        ("gc --dry-run --older-than 1d", r""),
        ("store info", r"[^$]*objects +\d+\n[^$]*"),
        ("store verify", r""),
        ("events ls", r"[^$]*app-1\.0[^$]*"),
        ("replay --ui=quiet", r""),
        ("completion bash", r"[^$]*complete[^\0]*"),
        ("version", r"hermetica \S+\n|\d[\d.]*\n"),
        ("init", r"[^$]*c-library[^$]*"),
    ],
)
def test_every_command_answers_on_standard_output_alone(project: CommandLine, line: str, printed: str) -> None:
    answered = project(*line.split())
    if printed:
        assert re.fullmatch(printed.replace("[^$]", r"[\s\S]"), answered.stdout), answered.stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_that_says_what_it_does(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from hermetica.cli.main import main

    assert main([name, "--help"]) == 0
    assert f"hermetica {name}" in capsys.readouterr().out


def test_explain_names_the_field_both_values_the_line_and_the_dependants(project: CommandLine) -> None:
    file = project.directory / "later.py"
    file.write_text(PROJECT)
    project("build", "--no-link", "./later.py:app")
    file.write_text(PROJECT.replace("'-O2'", "'-O3'") + "top = sh('top', 'echo > $out', env={'a': f'{app}'})\n")
    said = project("explain", "./later.py:app").stdout
    assert re.match(
        r'app-1\.0 will be built because env\.CFLAGS "-O2" -> "-O3" \(later\.py:\d+; last realized .* ago as hx\w+…\), '
        r"and 1 dependant follows\n",
        said,
    ), said


def test_hm102_names_the_line_both_hashes_and_the_command_that_writes_the_right_one(project: CommandLine) -> None:
    got = "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7"  # of "data"
    (project.directory / "zlib-1.3.1.tar.gz").write_text("data")
    address = (project.directory / "zlib-1.3.1.tar.gz").as_uri()
    project.write("wrong.py", f"import hermetica as hm\nzlib = hm.fetchurl({address!r}, sha256={'9a' * 32!r})\n")
    said = project("build", "--ui=quiet", "./wrong.py:zlib", status=102).stderr
    assert said.splitlines()[:4] == [
        "error[HM102] zlib-1.3.1.tar.gz: hash mismatch",
        "  --> wrong.py:2",
        f"  expected  sha256 {'9a' * 32}",
        f"  got       sha256 {got}  (4 bytes)",
    ]
    assert "hermetica build --fix-hashes ./wrong.py:zlib" in said
    assert "first ask why upstream changed" in said
    project("build", "--fix-hashes", "--no-link", "./wrong.py:zlib")
    assert got in (project.directory / "wrong.py").read_text()


def test_hm103_names_the_program_the_line_and_a_way_out(project: CommandLine) -> None:
    said = project("build", "--ui=quiet", "./pkgs.py:bad", status=100).stderr
    assert said.startswith("error[HM103] bad: gmake: not found in the sandbox (exit 127)\n  --> pkgs.py:")
    assert "\n  fix  " in said
    assert "| the reason" in said


def test_hm301_names_the_refusal_its_cause_and_the_remedy(project: CommandLine, tmp_path: Path) -> None:
    old = tmp_path / "bwrap"
    old.write_text("#!/bin/sh\necho bubblewrap 0.1.0\n")
    old.chmod(0o755)
    environment = project.environment | {"HERMETICA_BWRAP": os.fspath(old), "HERMETICA_EVAL_SANDBOX": "never"}
    told = type(project)(environment, project.directory)
    for words in (("build", "--no-link", "./pkgs.py:pkgs.wheel"), ("doctor",)):
        said = told(*words, status=4)
        text = said.stderr + said.stdout
        assert "cause" in text
        assert "0.1.0" in text
    assert "error[HM301]" in told("build", "--no-link", "./pkgs.py:pkgs.wheel", status=4).stderr


def test_a_name_that_leads_nowhere_gets_the_close_ones(project: CommandLine) -> None:
    assert "did you mean app?" in project("build", "./pkgs.py:ap", status=2).stderr
    assert "did you mean explain?" in project("explian", status=2).stderr
