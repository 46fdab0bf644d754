"""How far a study is: a line that is written anew on a terminal, else one now and then, and one a target that ends.

With ``-v`` there is a line for each build, and what its builder says.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Self

from hermetica.cli.console import clean
from hermetica.cli.report import show
from hermetica.cli.views.lines import Lines
from hermetica.cli.views.words import many

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from hermetica.cli.session import Session
    from hermetica.realize.events import Event
    from hermetica.study.carrying import Ended

_CLEAR: Final = "\r\x1b[2K"
_EVERY_S: Final = 30.0
_NAMED_MAX: Final = 4


class Progress:
    """Takes the events of a study's log, from any thread.

    Args:
        session: the command's.
        total: how many targets there are.
        builds_max: how many builds each may take.
        every_s: how often to say how far it is, where no line can be written anew.
    """

    def __init__(self, session: Session, total: int, builds_max: int, *, every_s: float = _EVERY_S) -> None:
        self._console = session.console
        self._ui = session.options.ui
        self._verbose = session.options.verbose
        self._live = self._ui in {"auto", "live"} and session.console.is_terminal
        self._total = total
        self._done = 0
        self._builds: dict[str, int] = {}
        self._builds_max = builds_max
        self._every_s = every_s
        self._began_s = self._told_s = time.monotonic()
        self._lock = threading.Lock()
        self._drawn = False
        self._lines = Lines()
        self._told: set[str] = set()

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Takes one event."""
        with self._lock:
            if self._ui == "json":
                self._console.print_json(event, indent=None)
                return
            if self._ui != "quiet":
                self._take(event)

    def log(self, event: Event) -> None:
        """Takes what builders say, and shows it where logs are wanted as they come."""
        from hermetica.realize.events import LogText  # noqa: PLC0415 -- neither help nor completion needs it

        if not self._verbose or self._ui in {"json", "quiet"} or not isinstance(event, LogText):
            return
        with self._lock:
            for line in self._lines.take(event.drv, event.text):
                self._say(f"{event.name}> {clean(line)}")

    def _take(self, event: Mapping[str, Any]) -> None:
        kind, target = event["kind"], event.get("target", "")
        if kind == "trial":
            self._builds[target] = self._builds.get(target, 0) + 1
            if self._verbose:
                self._say(f"{target}: build {self._builds[target]}, {_varied(event)}: {_came_out(event)}")
            self._draw(target, f"last {_varied(event, _NAMED_MAX)}")
        elif kind == "diffoscope-asked":
            self._draw(target, f"diffoscope looks at {event['path']}, for {event['timeout_s']:g} s at most")
        elif kind in {"target-finished", "target-failed"}:
            self._done += 1
            if self._total > 1 or not self._live:
                self._say(f"{target}: {_outcome(event)} after {many(self._builds.get(target, 0), 'build')}")
            if (why := event.get("not_traced")) and why not in self._told:
                self._told.add(why)
                self._say(f"which command wrote what is not known: {why}")

    def _draw(self, target: str, doing: str) -> None:
        now_s = time.monotonic()
        if not self._live and (self._verbose or now_s - self._told_s < self._every_s):
            return
        self._told_s = now_s
        done = f"[{self._done}/{self._total}] " if self._total > 1 else ""
        builds = f"{self._builds.get(target, 0):,} of at most {many(self._builds_max, 'build')}"
        text = f"{done}{target}: {builds} in {now_s - self._began_s:.0f} s; {doing}"
        if not self._live:
            self._console.say(text)
            return
        width = self._console.width - 1
        sys.stderr.write(_CLEAR + (text if len(text) <= width else f"{text[: width - 1]}…"))
        sys.stderr.flush()
        self._drawn = True

    def _say(self, text: str) -> None:
        self._wipe()
        self._console.say(text)

    def _wipe(self) -> None:
        if self._drawn:
            sys.stderr.write(_CLEAR)
            self._drawn = False

    def close(self) -> None:
        """Takes its line away."""
        with self._lock:
            self._wipe()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def show_failures(session: Session, ended: Ended) -> None:
    """Tells why nothing could be asked about targets; what is the same of several, such as a full disk, once."""
    for error in {each.message: each for each in ended.failures.values()}.values():
        show(error, session.console)


def _varied(event: Mapping[str, Any], named_max: int | None = None) -> str:
    """What a build varied: ``varied tz, scheduling disturbed``; more factors than may be named are counted."""
    levels = event["levels"]
    is_many = named_max is not None and len(levels) > named_max
    varied = f"{len(levels)} factors" if is_many else ", ".join(levels) or "nothing"
    return f"varied {varied}{', scheduling disturbed' if event['shaken'] else ''}"


def _came_out(event: Mapping[str, Any]) -> str:
    """How a build came out: beside the first one, of which there is only that it was built."""
    if event["failed"]:
        return str(event["failed"])
    if event["alike"] is None:
        return "the first, to compare with"
    changed = sorted(event["changed"])
    if not changed:
        return f"like the first ({event['alike']})"
    more = f" and {len(changed) - _NAMED_MAX:,} more" if len(changed) > _NAMED_MAX else ""
    return f"{event['alike']}: {', '.join(map(clean, changed[:_NAMED_MAX]))}{more}"


def _outcome(event: Mapping[str, Any]) -> str:
    if event["kind"] == "target-failed":
        return f"{event['code']} {event['message']}"
    found = event["attribution"]
    if found is None:
        return "all worlds built"
    if found["failed"]:
        return "not to be built in the fixed world"
    from hermetica.study.summary import outcome  # noqa: PLC0415 -- neither help nor completion needs it

    return outcome(found["files"])
