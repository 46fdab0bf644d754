"""Keys while a run goes on, on a real terminal, which is given back as it was however the run ends."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.cli.screen import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import CommandLine

pytestmark = pytest.mark.sandbox
SLOW = (
    "low = sh('low', 'for i in 1 2 3 4 5; do echo step $i of low; done; sleep 1000')",
    "other = sh('other', 'echo another; sleep 1000')",
    "high = sh('high', 'cat $l > $out', env={'l': f'{low}'})",
)


@pytest.fixture
def at_terminal(hermetica: CommandLine) -> Iterator[Terminal]:
    hermetica.module(*SLOW)
    terminal = Terminal(hermetica, "build", "--no-link", "-j2", "./pkgs.py")
    yield terminal
    terminal.close()


def test_keys_show_the_log_what_waits_and_the_keys_themselves_and_q_stops(at_terminal: Terminal) -> None:
    at_terminal.until("step 5 of low")
    at_terminal.until("another")
    assert at_terminal.is_raw
    at_terminal.press("?")
    at_terminal.until("q     stop, as Ctrl-C does")
    at_terminal.press("?\x1b[Bl")
    at_terminal.until("step 2 of low")
    lines = [line for line in at_terminal.screen.lines if line]
    assert any(line.startswith(">") and "low" in line for line in lines)
    at_terminal.press("\x1b[B")
    at_terminal.until(lambda: any(line.startswith(">") and "other" in line for line in at_terminal.screen.lines))
    at_terminal.press("w")
    at_terminal.until("waiting  high  for low")
    at_terminal.press("q")
    assert at_terminal.wait() == 130
    shown = [line for line in at_terminal.screen.lines if line]
    assert shown[-1] == "interrupted"
    assert not any("waiting  high" in line or "? keys" in line for line in shown)
    assert at_terminal.screen.is_cursor_shown
    assert at_terminal.mode() == at_terminal.usual
    assert "?" not in "".join(shown)  # what was pressed is not echoed


def test_the_log_of_everything_scrolls_once_v_is_pressed(hermetica: CommandLine) -> None:
    hermetica.module("x = sh('x', 'echo early; sleep 1.5; echo late; sleep 0.5; echo > $out')")
    terminal = Terminal(hermetica, "build", "--no-link", "./pkgs.py:x")
    terminal.until("early")
    terminal.press("v")
    assert terminal.wait() == 0
    assert "x> late" in terminal.screen.lines
    assert "x> early" not in terminal.screen.lines
    assert terminal.mode() == terminal.usual
    terminal.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT])
def test_a_signal_gives_the_terminal_back(at_terminal: Terminal, number: int) -> None:
    at_terminal.until("? keys")
    assert at_terminal.is_raw
    os.kill(at_terminal.pid, number)
    assert at_terminal.wait() in {128 + number, -number}
    assert at_terminal.mode() == at_terminal.usual
    assert at_terminal.screen.is_cursor_shown


def test_a_crash_of_what_listens_gives_the_terminal_back(hermetica: CommandLine) -> None:
    hermetica.module("x = sh('x', 'echo begun; sleep 1; echo > $out')")
    crash = (
        "import sys\n"
        "from hermetica.cli.views import plain\n"
        "from hermetica.cli.main import main\n"
        "def broken(self, event): raise RuntimeError('a defect')\n"
        "taken = plain.PlainView.lines_of\n"
        "plain.PlainView.lines_of = lambda self, event: "
        "broken(self, event) if event.kind == 'derivation-finished' else taken(self, event)\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    hermetica.write("crash.py", crash)
    terminal = Terminal(hermetica, "build", "--no-link", "./pkgs.py:x", program="crash.py")
    terminal.until("? keys")
    assert terminal.is_raw
    assert terminal.wait() != 0
    assert terminal.mode() == terminal.usual
    assert terminal.screen.is_cursor_shown
    terminal.close()


def test_ctrl_z_gives_the_terminal_back_until_the_run_goes_on(at_terminal: Terminal) -> None:
    at_terminal.until("? keys")
    os.kill(at_terminal.pid, signal.SIGTSTP)
    # the leader of a session without a parent in it is not stopped: what matters is what it did before and after
    at_terminal.until(lambda: at_terminal.text.count("\x1b[?25h") == 1)
    at_terminal.until(lambda: at_terminal.text.count("\x1b[?25l") == 2 and at_terminal.is_raw)
    at_terminal.press("q")
    assert at_terminal.wait() == 130
    assert at_terminal.mode() == at_terminal.usual


def test_a_terminal_that_becomes_narrower_is_drawn_anew_with_nothing_left_over(at_terminal: Terminal) -> None:
    at_terminal.until("another")
    at_terminal.resize(20, 40)
    at_terminal.screen.reflow(40)
    at_terminal.until(lambda: at_terminal.screen.lines[1].endswith("0 of 3 done · 2 running"))
    assert all(len(line) < 40 for line in at_terminal.screen.lines)
    assert sum("of 3 done" in line for line in at_terminal.screen.lines) == 1
    assert at_terminal.screen.lines[0] == "to do: 3 builds"
    at_terminal.press("q")
    assert at_terminal.wait() == 130


def test_input_that_is_no_terminal_is_left_alone(hermetica: CommandLine) -> None:
    hermetica.module("x = sh('x', 'echo begun; sleep 1; echo > $out')")
    terminal = Terminal(hermetica, "build", "--no-link", "./pkgs.py:x", stdin_from="pkgs.py")
    terminal.until("begun")
    assert not terminal.is_raw
    assert not any("? keys" in line for line in terminal.screen.lines)
    assert terminal.wait() == 0
    terminal.close()


def test_a_terminal_whose_keys_somebody_reads_already_is_left_alone(hermetica: CommandLine) -> None:
    hermetica.module("x = sh('x', 'echo begun; sleep 1; echo > $out')")
    script = (
        "import sys, termios, tty\n"
        "from hermetica.cli.main import main\n"
        "tty.setcbreak(0)\n"
        "before = termios.tcgetattr(0)\n"
        "status = main(sys.argv[1:])\n"
        "sys.exit(status if termios.tcgetattr(0) == before else 99)\n"
    )
    hermetica.write("reads.py", script)
    terminal = Terminal(hermetica, "build", "--no-link", "./pkgs.py:x", program="reads.py")
    terminal.until("begun")
    assert not any("? keys" in line for line in terminal.screen.lines)
    assert terminal.wait() == 0
    terminal.close()


def test_a_run_that_is_shown_again_takes_keys_too(hermetica: CommandLine) -> None:
    hermetica.module("x = sh('x', 'echo one line; sleep 1; echo > $out')")
    hermetica("build", "--no-link", "./pkgs.py:x")
    terminal = Terminal(hermetica, "replay", "--speed", "0.1")
    terminal.until("one line")
    terminal.press("q")
    assert terminal.wait() == 130
    assert terminal.mode() == terminal.usual
    assert "interrupted" in terminal.screen.lines
    terminal.close()
