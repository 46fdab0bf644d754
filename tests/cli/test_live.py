"""The live view on a real terminal: what is on the screen at the end, and at a moment in between."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.cli.screen import Screen

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

pytestmark = pytest.mark.sandbox


def on_a_terminal(command: CommandLine, *words: str, interrupt_after: str = "") -> tuple[Screen, int]:
    master, slave = pty.openpty()
    environment = command.environment | {"TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen(
        [*command.words, *words],
        cwd=command.directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=slave,
    )
    os.close(slave)
    screen, until = Screen(), time.monotonic() + 60
    while time.monotonic() < until:
        if select.select([master], [], [], 1)[0]:
            try:
                data = os.read(master, 1 << 16)
            except OSError:
                break
            screen.feed(data.decode())
            if interrupt_after and any(interrupt_after in line for line in screen.lines):
                process.send_signal(signal.SIGINT)
                interrupt_after = ""
    os.close(master)
    return screen, process.wait(timeout=10)


def test_finished_lines_stay_and_the_frame_goes(hermetica: CommandLine) -> None:
    hermetica.module(
        "a = sh('first', 'echo > $out')",
        "b = sh('second', 'echo working hard; sleep 1.5; cat $a > $out; echo b >> $out', env={'a': f'{a}'})",
        "c = sh('third', 'cat $b > $out; echo c >> $out', env={'b': f'{b}'})",
    )
    screen, status = on_a_terminal(hermetica, "build", "--no-link", "./pkgs.py")
    assert status == 0
    shown = [re.sub(r"\d+\.\d s", "N s", line) for line in screen.lines if line]
    assert shown == [
        "to do: 3 builds",
        "built     first  N s",
        "built     second  N s",
        "built     third  N s",
        "3 built in N s",
    ]
    assert screen.is_cursor_shown
    frames = ["\n".join(frame) for frame in screen.frames]
    assert any(
        re.search(r"1 of 3 done · 1 running · 1 waiting\n └ second +0:0[01]  working hard", frame) for frame in frames
    )
    assert len(frames) <= 40


def test_ctrl_c_gives_the_terminal_back(hermetica: CommandLine) -> None:
    hermetica.module("x = sh('x', 'echo begun; sleep 1000')")
    screen, status = on_a_terminal(hermetica, "build", "./pkgs.py:x", interrupt_after="begun")
    assert status == 130
    assert screen.is_cursor_shown
    shown = [line for line in screen.lines if line]
    assert shown[0] == "to do: 1 build"
    assert shown[-1] == "interrupted"
    assert not any("Traceback" in line for line in shown)
