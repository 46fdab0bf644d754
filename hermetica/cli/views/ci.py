"""For build services: the log of each build in one block, folded where the service can fold.

On GitHub a log is wrapped in ``::stop-commands::``, so that what a builder prints commands nobody, and a failure is
pinned to the line that defines what failed. On GitLab blocks are sections; what a builder prints loses its control
characters, so it can end none.

Source: GitHub, "Workflow commands"; GitLab, "Custom collapsible sections".
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Final

from hermetica.cli.console import clean
from hermetica.cli.report import near
from hermetica.cli.views.plain import PlainView
from hermetica.realize.events import DerivationFinished, LogText

if TYPE_CHECKING:
    from hermetica.cli.console import Console
    from hermetica.realize.events import Event

_KEPT_CHARACTERS: Final = 1 << 20
_ERASE: Final = "\x1b[0K"
SERVICES: Final = {"github": "GITHUB_ACTIONS", "gitlab": "GITLAB_CI"}
"""The services whose folds are known, and the variables that tell of them."""


def service() -> str:
    """The build service that this process runs on, of those whose folds are known; empty on none."""
    return next((name for name, variable in SERVICES.items() if os.environ.get(variable)), "")


class CiView:
    """One block a build.

    Args:
        console: where it goes.
        service: the service that folds, of ``SERVICES``; empty for none.
    """

    def __init__(self, console: Console, *, service: str = "") -> None:
        self._console = console
        self._service = service
        self._plain = PlainView(console)
        self._logs: dict[str, str] = {}
        self._cut: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Takes the next event."""
        if isinstance(event, LogText):
            text = self._logs.get(event.drv, "") + event.text
            if len(text) > 2 * _KEPT_CHARACTERS:
                text = text[-_KEPT_CHARACTERS:]
                self._cut.add(event.drv)
            self._logs[event.drv] = text
        lines = self._plain.lines_of(event)
        if isinstance(event, DerivationFinished):
            if (log := self._logs.pop(event.drv, "")) and lines:
                lines = self._block(event, log.splitlines(), lines[-1])
            lines = [*lines, *self._annotation(event)]
        for line in lines:
            self._console.say(line)

    def _block(self, event: DerivationFinished, log: list[str], head: str) -> list[str]:
        if event.drv in self._cut:
            log = [f"(the beginning is left out: hermetica log {event.drv[:12]})", *log]
        log = [clean(line, keep_color=self._console.paint.enabled) for line in log]
        if self._service == "github":
            token = secrets.token_hex(16)
            return [f"::group::{head}", f"::stop-commands::{token}", *log, f"::{token}::", "::endgroup::"]
        if self._service == "gitlab":
            name, ended_s = f"hermetica_{event.drv[:16]}", int(event.time_s)
            begun_s = ended_s - int(event.duration_s)
            begin = f"{_ERASE}section_start:{begun_s}:{name}[collapsed=true]\r{_ERASE}{head}"
            return [begin, *log, f"{_ERASE}section_end:{ended_s}:{name}\r{_ERASE}"]
        return [f"--- {head}", *(f"    {line}" for line in log)]

    def _annotation(self, event: DerivationFinished) -> list[str]:
        """What pins a failure to the user's line."""
        error = event.error
        if self._service != "github" or error is None or not error.origin or event.outcome == "cancelled":
            return []
        file, _, line = near(error.origin).rpartition(":")
        if not line.isdecimal():
            return []
        places = f"file={_property(file)},line={line},title={_property(f'{error.code} {event.name}')}"
        return [f"::error {places}::{_data(error.message)}"]

    def close(self) -> None:
        """Nothing to restore."""


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def make(console: Console, *, verbose: bool) -> CiView:  # noqa: ARG001 -- the signature of every view's
    """The view."""
    return CiView(console, service=service())
