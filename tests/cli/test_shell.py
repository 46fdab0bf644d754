"""Shells: programs of packages on the PATH, on the host or apart from it; dev shells with variables and a hook."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.model.devshell import DevShell, read_devshell
from hermetica.sandbox import Mount
from hermetica.sandbox.beside import beside_options
from tests.cli.screen import Terminal

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine


@pytest.fixture
def project(hermetica: CommandLine) -> CommandLine:
    hermetica.write("data.txt", "local\n")
    hermetica.module(
        "program = '#!' + f'{busybox}/bin/sh'",
        "def tool(name, says):",
        '    lines = f\'mkdir -p $out/bin; printf "%s\\n" "#!{busybox}/bin/sh" "echo {says}" > $out/bin/{name};\'',
        "    return sh(name, lines + f'chmod +x $out/bin/{name}')",
        "greet = tool('greet', 'hello')",
        "other = tool('greet', 'good day')",
        "variables = {'FLAVOUR': 'sweet', 'WHERE': f'{greet}'}",
        "dev = hm.devshell('dev', [greet, busybox], env=variables, hook='export A=$FLAVOUR')",
        "more = hm.devshell('more', [other], env={'FLAVOUR': 'sour'})",
        "bare = hm.devshell('bare', [greet])",
        "tree = sh('tree', 'mkdir -p $out/bin; cp -L /hermetica/store/*/bin/busybox $out/bin/sh')",
        "whole = hm.devshell('whole', rootfs=tree)",
        "second = hm.devshell('second', rootfs=greet)",
        "broken = sh('broken', 'exit 3')",
    )
    return hermetica


pytestmark = pytest.mark.sandbox


def test_a_package_is_found_before_what_the_host_has_and_the_directory_is_the_hosts(project: CommandLine) -> None:
    ran = project(
        "shell", "./pkgs.py:greet", "--", "sh", "-c", "greet; cat data.txt; echo new > made; echo $HERMETICA_SHELL"
    )
    assert ran.stdout == "hello\nlocal\ngreet\n"
    assert (project.directory / "made").read_text() == "new\n"
    assert project("shell", "./pkgs.py:other", "./pkgs.py:greet", "--", "greet").stdout == "good day\n"


def test_variables_and_the_hook_of_a_dev_shell_are_there_and_the_last_one_sets_a_variable(project: CommandLine) -> None:
    script = 'echo $FLAVOUR $A; "$WHERE"/bin/greet'
    assert project("shell", "./pkgs.py:dev", "--", "sh", "-c", script).stdout == "sweet sweet\nhello\n"
    both = project("shell", "./pkgs.py:dev", "./pkgs.py:more", "--", "sh", "-c", "greet; echo $FLAVOUR $A")
    assert both.stdout == "hello\nsour sour\n"


def test_a_pure_shell_has_this_directory_and_nothing_else_of_the_host(project: CommandLine) -> None:
    script = 'greet; pwd; cat data.txt; echo $FLAVOUR $A; [ -e /root -o -n "$MINE" ] || echo alone; touch new'
    project.environment["MINE"] = "1"
    ran = project("shell", "--pure", "./pkgs.py:dev", "--", "sh", "-c", script)
    assert ran.stdout == "hello\n/build\nlocal\nsweet sweet\nalone\n"
    assert (project.directory / "new").stat().st_uid == os.getuid()


def test_a_tree_at_the_root_is_a_pure_shell(project: CommandLine) -> None:
    assert project("shell", "./pkgs.py:whole", "--", "sh", "-c", "echo $(pwd) $0").stdout == "/build /bin/sh\n"


def test_the_status_is_that_of_the_command(project: CommandLine) -> None:
    project("shell", "./pkgs.py:greet", "--", "sh", "-c", "exit 7", status=7)
    project("shell", "./pkgs.py:greet", "--", "sh", "-c", "kill -TERM $$", status=128 + signal.SIGTERM)
    project("shell", "--pure", "./pkgs.py:dev", "--", "sh", "-c", "exit 7", status=7)


def test_what_cannot_be_is_told_with_a_cause_and_what_to_do(project: CommandLine) -> None:
    told = project("shell", "./pkgs.py:greet", "--", "nothing-of-the-kind", status=100).stderr
    assert "nothing-of-the-kind" in told
    assert "error[HM001]" not in told
    told = project("shell", "--pure", "./pkgs.py:bare", status=2).stderr
    assert "none of these targets has a shell" in told
    assert "add one: busybox or dash, or say what to run: -- COMMAND" in told
    told = project("shell", "--pure", "./pkgs.py:bare", "--", "gret", status=2).stderr
    assert "none of these targets has a program gret" in told
    assert "greet" in told
    told = project("shell", "./pkgs.py:whole", "./pkgs.py:second", status=2).stderr
    assert "two of these dev shells want a tree at /" in told
    assert "error[HM105]" in project("shell", "./pkgs.py:broken", status=100).stderr


def test_on_a_terminal_the_users_shell_begins_and_ctrl_c_leaves_it_running(project: CommandLine) -> None:
    project.environment.update(SHELL="/bin/sh", PS1="prompt> ")
    terminal = Terminal(project, "shell", "./pkgs.py:greet")
    typed = ["greet\n", "sh -c 'echo =$((6*7))=; exec sleep 100'\n", "\x03", "exit 5\n"]  # which is one process
    shown = ["hello\r\n", "=42=\r\n", "", ""]
    for line, answer in zip(typed, shown, strict=True):
        if line != "\x03":
            terminal.until(lambda: terminal.text.endswith("prompt> "))
        terminal.press(line)
        terminal.until(lambda: answer in terminal.text)  # noqa: B023 -- called before the next round
    assert terminal.wait() == 5
    terminal.close()


def test_a_dev_shell_is_checked_where_it_is_written() -> None:
    with hm.evaluation(), pytest.raises(hm.EvaluationError, match=r"packages\[0\] is no derivation: 'zlib'"):
        hm.devshell("dev", ["zlib"])
    with hm.evaluation(), pytest.raises(hm.EvaluationError, match=r"env\['N'\] is no text: 3"):
        hm.devshell("dev", env={"N": 3})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType] -- what is tried


def test_only_whole_documents_of_the_format_are_dev_shells() -> None:
    whole = b'{"format": "hermetica.devshell/1", "name": "x", "path": ["/p"], "env": {}, "hook": "", "rootfs": null}\n'
    assert read_devshell(whole) == DevShell(name="x", path=("/p",), env={})
    assert read_devshell(whole[:-20]) is None
    assert read_devshell(whole.replace(b'["/p"]', b"3")) is None
    assert read_devshell(b"#!/bin/sh\n") is None


def test_the_hosts_root_is_made_anew_and_objects_are_where_they_belong() -> None:
    mounts = [Mount("/s/hx1-a", "/hermetica/store/hx1-a"), Mount("/hermetica/store/hx2-b", "/hermetica/store/hx2-b")]
    words = beside_options([("usr", None), ("bin", "usr/bin")], mounts)
    assert words == [
        *("--symlink", "usr/bin", "/bin", "--dev-bind", "/usr", "/usr", "--tmpfs", "/hermetica/store"),
        *("--ro-bind", "/s/hx1-a", "/hermetica/store/hx1-a"),
    ]


def test_what_is_run_is_kept_whatever_else_the_module_names(project: CommandLine) -> None:
    assert project("run", "./pkgs.py:greet").stdout == "hello\n"
    assert "realized" in project("explain", "./pkgs.py:greet").stdout
