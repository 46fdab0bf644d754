"""As much of a terminal as the live view uses, and a command at one with a keyboard."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import CommandLine

_STEP = re.compile(r"\x1b\[\??(\d*)([A-Za-z])|([^\x1b\n\r]+)|(\n)|(\r)")


class Screen:
    """As much of a terminal as the live view uses: text, lines, cursor up, clear below, cursor on and off."""

    def __init__(self) -> None:
        self.lines: list[str] = [""]
        self.row = 0
        self.column = 0
        self.is_cursor_shown = True
        self.frames: list[list[str]] = []

    def feed(self, text: str) -> None:
        for step in _STEP.finditer(text):
            count, command, plain, line_feed, carriage_return = step.groups()
            if command == "A":
                self.row -= int(count or 1)
                assert self.row >= 0
            elif command == "J":
                self.frames.append(list(self.lines))
                self.lines = self.lines[: self.row + 1]
                self.lines[-1] = self.lines[-1][: self.column]
            elif command in {"h", "l"}:
                self.is_cursor_shown = command == "h"
            elif plain:
                line = self.lines[self.row]
                self.lines[self.row] = line[: self.column] + plain + line[self.column + len(plain) :]
                self.column += len(plain)
            elif line_feed:
                self.row += 1
                if self.row == len(self.lines):
                    self.lines.append("")
            elif carriage_return:
                self.column = 0

    def reflow(self, width: int) -> None:
        """Breaks lines that are too long, as most terminals do when they become narrower."""
        broken = [[line[at : at + width] for at in range(0, max(1, len(line)), width)] for line in self.lines]
        self.row += sum(len(parts) - 1 for parts in broken[: self.row])
        self.lines = [part for parts in broken for part in parts]


class Terminal:
    """A command whose input and output are a terminal of its own.

    Args:
        command: how to call it.
        words: its words.
        size: rows and columns.
        program: a script in the directory of the command that is run in its place.
        stdin_from: a file there that is its input, and not the terminal.
    """

    def __init__(
        self,
        command: CommandLine,
        *words: str,
        size: tuple[int, int] = (30, 100),
        program: str = "",
        stdin_from: str = "",
    ) -> None:
        self.screen = Screen()
        self.text = ""
        pid, self.master = pty.fork()
        if pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # as at a terminal, wherever the tests were started from
            os.chdir(command.directory)
            if stdin_from:
                os.dup2(os.open(stdin_from, os.O_RDONLY), 0)
            begin = [command.words[0], program] if program else command.words
            environment = command.environment | {"TERM": "xterm"}
            os.execve(begin[0], [*begin, *words], environment)  # noqa: S606 -- the child of a fork
        self.pid = pid
        self.resize(*size)
        self.usual = self.mode()

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def mode(self) -> list[Any]:
        """How the terminal treats input."""
        return termios.tcgetattr(self.master)

    @property
    def is_raw(self) -> bool:
        return not self.mode()[3] & termios.ICANON

    def until(self, fits: str | Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Reads until the screen shows a text, or something is true."""
        until = time.monotonic() + timeout_s
        while not (fits() if callable(fits) else any(fits in line for line in self.screen.lines)):
            assert time.monotonic() < until, f"never: {fits}\n" + "\n".join(self.screen.lines)
            assert self._read(), f"it ended before: {fits}\n" + "\n".join(self.screen.lines)

    def _read(self) -> bool:
        if select.select([self.master], [], [], 0.1)[0]:
            try:
                data = os.read(self.master, 1 << 16)
            except OSError:
                return False
            self.text += data.decode()
            self.screen.feed(data.decode())
            return bool(data)
        return True

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def wait(self) -> int:
        """What is left on the screen at the end; the status, negative for a signal."""
        while self._read():
            pass
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        os.close(self.master)
