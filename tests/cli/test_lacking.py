"""What a failed build lacked: named, who has it, which file a source leaves out, and which files it looked for."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.realize.opened import Lookup, lacking, lookups, undeclared

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import CommandLine

traced = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@pytest.fixture
def project(hermetica: CommandLine) -> CommandLine:
    hermetica.module(
        "gnumake = sh('gnumake-4', 'mkdir -p $out/bin; echo > $out/bin/make; chmod +x $out/bin/make')",
        "zlib = sh('zlib-1', 'mkdir -p $out $dev/include; echo > $dev/include/zlib.h', outputs=('out', 'dev'))",
        "bare = sh('bare', 'make all', env={'PATH': f'{busybox}/bin'})",
        "given = sh('given', 'make all', env={'PATH': f'{busybox}/bin', 'MAKE': f'{gnumake}'})",
        "said = 'main.c:1:10: fatal error: zlib.h: No such file or directory'",
        "header = sh('header', f'echo {said!r}; exit 1')",
        "alone = sh('alone', 'wget http://example.invalid/x')",
        "needs = sh('needs', 'cat config.h', env={'PATH': f'{busybox}/bin'})",
    )
    return hermetica


pytestmark = pytest.mark.sandbox


def test_a_program_is_named_with_the_package_that_has_it(project: CommandLine) -> None:
    told = project("build", "--no-link", "./pkgs.py:bare", status=100).stderr
    assert "error[HM103] bare: make: not found in the sandbox (exit 127)" in told
    assert "add it: tools=[…]   (your set has: gnumake)" in told  # by its name: it is not built yet
    project("build", "--no-link", "./pkgs.py:gnumake")
    told = project("build", "--no-link", "./pkgs.py:bare", status=100).stderr
    assert "has make  gnumake (bin/make)" in told
    assert 'fix       add it: tools=[…, gnumake] in hm.run, or env={"PATH": f"…:{gnumake}/bin"}' in told
    told = project("build", "--no-link", "./pkgs.py:given", status=100).stderr
    assert "has make  gnumake (bin/make), which is an input of it already" in told
    assert "put gnumake/bin on its PATH" in told


def test_a_header_is_named_with_the_output_that_has_it(project: CommandLine) -> None:
    project("build", "--no-link", "./pkgs.py:zlib")
    told = project("build", "--no-link", "./pkgs.py:header", status=100).stderr
    assert "lacked      the header zlib.h" in told
    assert 'has zlib.h  f"{zlib:dev}" (include/zlib.h)' in told
    assert "add the package that has it to the inputs" in told


def test_a_build_that_wants_a_network_is_told_that_there_is_none(project: CommandLine) -> None:
    told = project("build", "--no-link", "./pkgs.py:alone", status=100).stderr
    assert "error[HM105]" in told
    assert "a build has none: fetch it before, with hm.fetchurl" in told


def test_failures_are_collected_at_the_end_with_each_way_out_once(project: CommandLine) -> None:
    targets = ["./pkgs.py:bare", "./pkgs.py:given", "./pkgs.py:header", "./pkgs.py:zlib"]
    end = project("build", "-k", "--no-link", *targets, status=100).stderr.partition("3 failed:\n")[2].splitlines()
    assert sorted(end[:3]) == [
        "  HM103  bare: make: not found in the sandbox (exit 127)",
        "  HM103  given: make: not found in the sandbox (exit 127)",
        "  HM105  header: the builder ended with status 1",
    ]
    assert all(line.startswith("  fix  ") for line in end[3:])
    assert sum("(header)" in line for line in end[3:]) == 1


def ignoring(project: CommandLine) -> None:
    """A source of which git ignores a file that its build wants."""
    source = project.directory / "app"
    (source / "src").mkdir(parents=True)
    (source / "src" / "main.c").write_text('#include "gen.h"\n')
    (source / "src" / "gen.h").write_text("\n")
    (source / ".gitignore").write_text("gen.*\n")
    subprocess.run(["git", "init", "-q"], cwd=source, check=True)
    project.module("here = hm.source('app')", "app = sh('app', f'cd {here}/src; echo; cat gen.h')")


def test_a_file_that_a_source_leaves_out_is_named_with_the_rule(project: CommandLine) -> None:
    ignoring(project)
    told = project("build", "--no-link", "./pkgs.py:app", status=100).stderr
    assert "error[HM215] app: src/gen.h is not in its source" in told  # LeftOutOfSource
    assert "exists  src/gen.h, ignored: .gitignore:1 (gen.*)" in told
    assert "fix     hm.source(…, include=[…, 'src/gen.h'])" in told


def test_an_embedder_gets_what_was_lacking(tmp_path: Path, project: CommandLine) -> None:
    tools = project.directory.parent / "tools"
    with hm.evaluation(), hm.Store.open(tmp_path / "store") as store:
        busybox = hm.source(tools)
        bad = hm.derivation(name="bad", builder=f"{busybox}/bin/sh", args=["-c", "nothing"])
        error = store.realize_all([bad], keep_going=True).failures[0].error
    assert [lack.text for lack in getattr(error, "lacks", ())] == ["the program nothing"]


@traced
def test_files_are_traced_in_a_second_run_and_written_down(project: CommandLine) -> None:
    hermetica = project
    hermetica.module(
        "x = sh('x', 'cat config.h /etc/passwd /etc/shells || exec nothing', env={'PATH': f'{busybox}/bin'})"
    )
    told = hermetica("build", "--no-link", "--trace-files", "opened.jsonl", "./pkgs.py:x", status=100).stderr
    assert "the program nothing" in told
    assert "the header config.h" in told
    assert "/etc/shells: this machine has it" in told
    rows = [json.loads(line) for line in (hermetica.directory / "opened.jsonl").read_text().splitlines()]
    found = {row["path"]: row["found"] for row in rows}
    assert found["/build/config.h"] is False
    assert found["/etc/passwd"] is True  # of the sandbox
    assert found["/etc/shells"] is False
    assert not any("bwrap" in path for path in found)
    assert {row["format"] for row in rows} == {"hermetica.opened/1"}


@traced
def test_what_succeeds_is_not_traced(project: CommandLine) -> None:
    project("build", "--no-link", "--trace-files", "opened.jsonl", "./pkgs.py:zlib")
    assert (project.directory / "opened.jsonl").read_text() == ""
    told = project("build", "--no-link", "--trace-files", "none/opened", "./pkgs.py:zlib", status=2).stderr
    assert "--trace-files none/opened: No such file or directory" in told


def test_without_strace_it_is_said_before_anything_is_built(project: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("git", "bwrap", "setpriv"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "/nowhere")
    words = ("build", "--no-link", "--trace-files", "opened.jsonl", "./pkgs.py:bare")
    told = project(*words, status=4, env={"PATH": str(tmp_path / "bin")}).stderr
    assert "error[HM136] files cannot be traced without strace" in told  # TracerMissing
    assert "apt install strace" in told


PROCESS = r"""execve("/hermetica/store/bb/bin/sh", [...], 0x5 /* 14 vars */) = 0
openat(AT_FDCWD</build>, "caf\303\251.h", O_RDONLY) = -1 ENOENT (No such file or directory)
chdir("sub")                            = 0
openat(AT_FDCWD</build/sub>, "../x.h", O_RDONLY) = -1 ENOENT (No such file or directory)
openat(AT_FDCWD</build/sub>, "/inc/x.h", O_RDONLY) = 3</inc/x.h>
newfstatat(3</inc>, "y", {st_mode=S_IFREG|0444, st_size=0, ...}, 0) = 0
access("secret", R_OK)                  = -1 EACCES (Permission denied)
openat(AT_FDCWD</build/sub>, "half", O_RDONLY <unfinished ...>
newfstatat(AT_FDCWD</build/sub>, "/p/make", 0x7, 0) = -1 ENOENT (No such file or directory)
newfstatat(AT_FDCWD</build/sub>, "/q/make", 0x7, 0) = -1 ENOENT (No such file or directory)
newfstatat(AT_FDCWD</build/sub>, "/p/cc", 0x7, 0) = -1 ENOENT (No such file or directory)
newfstatat(AT_FDCWD</build/sub>, "/q/cc", {st_mode=S_IFREG|0755, ...}, 0) = 0
execve("/opt/tool", [...], 0x5 /* 14 vars */) = -1 ENOENT (No such file or directory)
"""


def test_lines_of_strace_become_paths_that_were_there_or_not() -> None:
    found = lookups([PROCESS])
    assert Lookup(path="/build/café.h", found=False) in found
    assert Lookup(path="/build/x.h", found=False) in found
    assert Lookup(path="/inc/y", found=True) in found
    assert Lookup(path="/build/sub/secret", found=True) in found  # it is there, and may not be read
    assert not any(each.path.endswith("half") for each in found)
    assert [each.text for each in lacking(found, ["/p", "/q"])] == [
        "the file /opt/tool",
        "the program make",
        "the header café.h",
    ]
    assert undeclared(found) == ["/p/make", "/q/make", "/p/cc", "/opt/tool"]
