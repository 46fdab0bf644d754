"""The live view: finished lines scroll, a frame of what runs stays below. At most ten frames a second."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from hermetica.cli.views.frame import frame
from hermetica.cli.views.plain import PlainView

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermetica.cli.console import Console
    from hermetica.realize.events import Event

_FRAME_S: Final = 0.1
_HIDE_CURSOR: Final = "\x1b[?25l"
_SHOW_CURSOR: Final = "\x1b[?25h"


class LiveView:
    """Draws on the terminal of stderr.

    The drawing thread holds the lock while it writes; the run's thread while it learns. Both are short.

    Args:
        console: where lines go.
        verbose: whether logs scroll as they come.
        now: the time, in seconds since the epoch; of a run that is shown again, that of then.
    """

    def __init__(self, console: Console, *, verbose: bool = False, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._plain = PlainView(console, verbose=verbose)
        self._paint = console.paint
        self._lock = threading.Lock()
        self._scroll: list[str] = []
        self._drawn: list[str] = []
        self._is_hidden = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="hermetica-view", daemon=True)
        self._thread.start()

    def __call__(self, event: Event) -> None:
        """Takes the next event."""
        with self._lock:
            self._scroll += self._plain.lines_of(event)

    def _tick(self) -> None:
        while not self._over.wait(_FRAME_S):
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        try:
            width, height = os.get_terminal_size(2)
        except OSError:
            width, height = 80, 24
        lines = frame(self._plain.progress, self._now(), width or 80, height or 24, self._paint)
        if not self._scroll and lines == self._drawn:
            return
        back = f"\x1b[{len(self._drawn)}A" if self._drawn else ""
        text = "".join(f"{line}\n" for line in [*self._scroll, *lines])
        hide = "" if self._is_hidden or not lines else _HIDE_CURSOR
        self._is_hidden = self._is_hidden or bool(lines)
        self._scroll = []
        self._drawn = lines
        sys.stderr.write(f"{hide}{back}\r\x1b[J{text}" if back else f"{hide}{text}")
        sys.stderr.flush()

    def close(self) -> None:
        """Draws what is left without the frame, and gives the cursor back."""
        self._over.set()
        self._thread.join()
        with self._lock:
            self._plain.progress.is_over = True
            self._draw()
            if self._is_hidden:
                sys.stderr.write(_SHOW_CURSOR)
                sys.stderr.flush()
                self._is_hidden = False


def make(console: Console, *, verbose: bool) -> LiveView:
    """The view."""
    return LiveView(console, verbose=verbose)
