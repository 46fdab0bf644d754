"""Entering a kept build: the same sandbox, with a terminal."""

# ruff: noqa: E501 -- scripts and tables are read as they are run
from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time

import pytest

from hermetica.sandbox import enter
from tests.sandbox.conftest import BUSYBOX, ROOT, Box, import_paths

pytestmark = pytest.mark.sandbox

CTRL_C = b"\x03"
CODE = """
import os, sys
from pathlib import Path
from hermetica.sandbox import enter
from tests.sandbox.conftest import BUSYBOX, Box
status = enter(Box(Path(sys.argv[1])).spec(":", env=(("PATH", "/hermetica/store/busybox/bin"), ("out", "/x"))), [BUSYBOX, "sh", "-i"])
print("STATUS", status, os.tcgetpgrp(0) == os.getpgrp())
"""


def converse(box: Box, typed: list[bytes]) -> str:
    """Type lines into a shell that was entered on a terminal of its own; everything that the terminal showed."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": import_paths()}
    command = ["setsid", "-c", "-w", sys.executable, "-c", CODE, str(box.root)]
    shown = bytearray()
    with subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, env=environment, cwd=ROOT
    ) as process:
        os.close(follower)
        end_s = time.monotonic() + 30
        lines, seen = list(typed), 0
        while time.monotonic() < end_s:
            if select.select([leader], [], [], 0.1)[0]:
                try:
                    piece = os.read(leader, 4096)
                except OSError:  # the other side is closed
                    break
                shown += piece
            if b"$ " in shown[seen:] and lines:
                seen = len(shown)
                os.write(leader, lines.pop(0))
                if lines and lines[0] == CTRL_C:
                    time.sleep(1)
                    os.write(leader, lines.pop(0))
        process.kill()
    os.close(leader)
    return shown.decode("utf-8", "replace")


def test_a_shell_on_a_terminal_is_in_the_sandbox_survives_ctrl_c_and_gives_the_terminal_back(box: Box) -> None:
    box.run("echo kept > left; exit 1")
    shown = converse(
        box,
        [b"id; cat left; echo $out $HERMETICA_SHELL; tty\n", b"sleep 100\n", CTRL_C, b"echo after\n", b"exit 7\n"],
    )
    for text in ("uid=1000(build) gid=100(build)", "kept\r\n", "/x 1\r\n", "\nafter\r\n", "STATUS 7 True"):
        assert text in shown, shown


def test_a_command_without_a_terminal_gives_its_status(box: Box, capfd: pytest.CaptureFixture[str]) -> None:
    assert enter(box.spec(":"), [BUSYBOX, "sh", "-c", "echo entered; exit 3"]) == 3
    assert "entered" in capfd.readouterr().out
