"""The live view: finished lines scroll, a frame of what runs stays below, keys ask for more. Ten frames a second."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.cli.views.frame import Look, columns, frame
from hermetica.cli.views.plain import PlainView

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from hermetica.cli.console import Console
    from hermetica.cli.views.keyboard import Keyboard
    from hermetica.realize.events import Event

_FRAME_S: Final = 0.1
_HIDE_CURSOR: Final = "\x1b[?25l"
_SHOW_CURSOR: Final = "\x1b[?25h"
_COLOR: Final = re.compile(r"\x1b\[[0-9;]*m")


class LiveView:
    """Draws on the terminal of stderr, and reads keys where stdin is a terminal.

    The drawing thread holds the lock while it writes; the run's thread while it learns. Both are short. A signal's
    handler, in the run's thread, may find it held there: hence it can be taken again.

    Args:
        console: where lines go.
        verbose: whether logs scroll as they come.
        now: the time, in seconds since the epoch; of a run that is shown again, that of then.
    """

    def __init__(self, console: Console, *, verbose: bool = False, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._plain = PlainView(console, verbose=verbose)
        self._paint = console.paint
        self._lock = threading.RLock()
        self._scroll: list[str] = []
        self._drawn: list[str] = []
        self._width = 0
        self._is_hidden = False
        self._over = threading.Event()
        self._keyboard = self._listen()
        self._look: Look = Look(has_keys=self._keyboard is not None)
        self._thread = threading.Thread(target=self._tick, name="hermetica-view", daemon=True)
        self._thread.start()

    def _listen(self) -> Keyboard | None:
        from hermetica.cli.views.keyboard import keyboard_for  # noqa: PLC0415 -- where there is no terminal, not needed

        return keyboard_for(self._stopped)

    def __call__(self, event: Event) -> None:
        """Takes the next event."""
        with self._lock:
            self._scroll += self._plain.lines_of(event)

    def _tick(self) -> None:
        while not self._over.is_set():
            keys = self._wait()
            with self._lock:
                for key in keys:
                    self._press(key)
                self._draw()

    def _wait(self) -> list[str]:
        if self._keyboard is not None:
            with suppress(OSError, ValueError):
                return self._keyboard.wait(_FRAME_S)
        self._over.wait(_FRAME_S)
        return []

    def _press(self, key: str) -> None:
        look, ids = self._look, list(self._plain.progress.running)
        if key in {"up", "down"} and ids:
            at = ids.index(look.selected) if look.selected in ids else -1 if key == "down" else len(ids)
            at = min(len(ids) - 1, max(0, at + (1 if key == "down" else -1)))
            self._look = attrs.evolve(look, selected=ids[at])
        elif key in {"l", "\n", "\r"}:
            self._look = attrs.evolve(look, follows=not look.follows)
        elif key == "w":
            self._look = attrs.evolve(look, waits=not look.waits)
        elif key in {"?", "h"}:
            self._look = attrs.evolve(look, helps=not look.helps)
        elif key == "v":
            self._plain.verbose = not self._plain.verbose
        elif key == "\x1b":
            self._look = Look(has_keys=True)
        elif key == "q":
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _seen(self) -> Look:
        """What the user asked to see; where what was selected has ended, or nothing was, that is the first."""
        running = self._plain.progress.running
        if self._look.selected not in running and (self._look.selected or self._look.follows):
            self._look = attrs.evolve(self._look, selected=next(iter(running), ""))
        return self._look

    def _draw(self) -> None:
        try:
            width, height = os.get_terminal_size(2)
        except OSError:
            width, height = 80, 24
        progress, now_s = self._plain.progress, self._now()
        shown = () if _is_behind() else frame(progress, now_s, width or 80, height or 24, self._paint, self._seen())
        lines = list(shown)
        if not self._scroll and lines == self._drawn and width == self._width:
            return
        rows = self._rows(width or 80)
        back = f"\x1b[{rows}A" if rows else ""
        text = "".join(f"{line}\n" for line in [*self._scroll, *lines])
        hide = "" if self._is_hidden or not lines else _HIDE_CURSOR
        self._is_hidden = self._is_hidden or bool(lines)
        self._scroll = []
        self._drawn, self._width = lines, width
        sys.stderr.write(f"{hide}{back}\r\x1b[J{text}" if back else f"{hide}{text}")
        sys.stderr.flush()

    def _rows(self, width: int) -> int:
        """How many rows the last frame takes: more than its lines where the terminal became narrower and broke them."""
        if width >= self._width:
            return len(self._drawn)
        return sum(max(1, -(-columns(_COLOR.sub("", line)) // width)) for line in self._drawn)

    def _leave(self) -> None:
        """Leaves the frame where it is, and gives the cursor back: the terminal is somebody else's now."""
        with self._lock:
            self._drawn = []
            if self._is_hidden:
                sys.stderr.write(_SHOW_CURSOR)
                sys.stderr.flush()
            self._is_hidden = False

    @contextmanager
    def _stopped(self) -> Generator[None]:
        """While the process is stopped; nothing is drawn just before."""
        with self._lock:
            self._leave()
            yield

    def close(self) -> None:
        """Draws what is left without the frame, and gives the cursor and the keys back."""
        self._over.set()
        if self._keyboard is not None:
            self._keyboard.wake()
        self._thread.join()
        with self._lock:
            self._plain.progress.is_over = True
            try:
                self._draw()
                self._leave()
            finally:
                if self._keyboard is not None:
                    self._keyboard.close()


def _is_behind() -> bool:
    """Whether the terminal is somebody else's just now, to whom finished lines may be shown but no frame."""
    try:
        return os.tcgetpgrp(2) != os.getpgrp()
    except OSError:  # not the terminal of this session
        return False


def make(console: Console, *, verbose: bool) -> LiveView:
    """The view."""
    return LiveView(console, verbose=verbose)
