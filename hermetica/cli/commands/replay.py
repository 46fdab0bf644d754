"""``hermetica replay``: a recorded run once more, in any view, or as the files that ``build`` could have written."""

from __future__ import annotations

import math
import os
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hermetica.cli.misuse import Misuse
from hermetica.cli.recordings import Recordings, add_recording_options
from hermetica.cli.report import show
from hermetica.spelling import did_you_mean

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from hermetica.cli.session import Session
    from hermetica.cli.views import View
    from hermetica.realize import Event

_PAUSE_MAX_S: Final = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("run", nargs="?", default="last", metavar="RUN", help="last, a name, or a file (last)")
    parser.add_argument("--speed", type=_speed, metavar="N", help="N times as fast as it was; else without waiting")
    add_recording_options(parser)
    parser.epilog = "hermetica events ls lists the runs that are kept; --ui says how one is shown."


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed < math.inf:
        raise ValueError(text)
    return speed


_speed.__name__ = "number above 0"


def run(session: Session) -> int:
    """Shows the run; 0 whatever became of it."""
    from hermetica.report import recorded_events  # noqa: PLC0415 -- after the options, which may be wrong

    options = session.options
    path = _path(session, options.run)
    recordings = Recordings(options, None)
    files_wanted = options.events or options.trace or options.report
    if files_wanted and options.ui == "auto" and options.speed is None:
        for event in recorded_events(path):
            recordings(event)
        recordings.close(session.console)
        return 0
    failures: list[Event] = []
    events = recorded_events(path)
    first = next(events, None)
    if first is None:
        raise Misuse(f"{path} holds no events: the run was killed before it began")
    clock = _Clock(first.time_s, options.speed)
    with closing(_view(session, clock)) as view:
        for event in clock.paced(_chained(first, events)):
            view(event)
            recordings(event)
            if getattr(event, "error", None) is not None and event.kind == "derivation-finished":
                failures.append(event)
    recordings.close(session.console)
    for event in failures:
        if str(getattr(event, "outcome", "")) != "cancelled" and options.ui != "json":
            show(getattr(event, "error"), session.console)  # noqa: B009 -- events of this kind have one
    return 0


def _chained(first: Event, rest: Iterable[Event]) -> Iterator[Event]:
    yield first
    yield from rest


class _Clock:
    """The time of the run that is shown again.

    Args:
        began_s: when it began, in seconds since the epoch.
        speed: how much faster it goes on now; None where nothing waits.
    """

    def __init__(self, began_s: float, speed: float | None) -> None:
        self._began_s = began_s
        self._speed = speed
        self._now_s = began_s
        self._started_s = time.monotonic()

    def __call__(self) -> float:
        if self._speed is None:
            return self._now_s
        return self._began_s + (time.monotonic() - self._started_s) * self._speed

    def paced(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            while self._speed is not None and (ahead_s := event.time_s - self()) > 0:
                time.sleep(min(_PAUSE_MAX_S, ahead_s / self._speed))
            self._now_s = event.time_s
            yield event


def _view(session: Session, clock: _Clock) -> View:
    options, console = session.options, session.console
    live = options.ui == "live" or (
        options.ui == "auto" and options.speed is not None and console.is_terminal and os.environ.get("TERM") != "dumb"
    )
    if live:
        from hermetica.cli.views.live import LiveView  # noqa: PLC0415 -- only where it is shown

        return LiveView(console, verbose=options.verbose, now=clock)
    from hermetica.cli.views import choose  # noqa: PLC0415 -- only where it is shown

    return choose("plain" if options.ui == "auto" else options.ui, console, verbose=options.verbose)


def _path(session: Session, text: str) -> Path:
    """The file of the run that ``text`` names."""
    if text != "last" and (os.sep in text or Path(text).exists()):
        return Path(text)
    from hermetica.report import recorded_runs  # noqa: PLC0415 -- a file needs no store

    runs = recorded_runs(session.objects)
    if text == "last":
        if not runs:
            raise Misuse("no run is recorded in this store", hint="hermetica build records what it does")
        return runs[0].path
    for each in runs:
        if each.name == text:
            return each.path
    hint = did_you_mean(text, [each.name for each in runs]) or "hermetica events ls lists the runs"
    raise Misuse(f"no recorded run is called {text}, and no file", hint=hint)
