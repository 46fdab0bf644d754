"""For build services: the log of each build in one block, folded where the service can fold.

On GitHub a log is wrapped in ``::stop-commands::``, so that what a builder prints commands nobody.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Final

from hermetica.cli.console import clean
from hermetica.cli.views.plain import PlainView
from hermetica.realize.events import DerivationFinished, LogText

if TYPE_CHECKING:
    from hermetica.cli.console import Console
    from hermetica.realize.events import Event

_KEPT_CHARACTERS: Final = 1 << 20


class CiView:
    """One block a build.

    Args:
        console: where it goes.
        is_github: whether the service folds ``::group::`` blocks.
    """

    def __init__(self, console: Console, *, is_github: bool) -> None:
        self._console = console
        self._is_github = is_github
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
        if isinstance(event, DerivationFinished) and (log := self._logs.pop(event.drv, "")) and lines:
            lines = self._block(event, log.splitlines(), lines[-1])
        for line in lines:
            self._console.say(line)

    def _block(self, event: DerivationFinished, log: list[str], head: str) -> list[str]:
        if event.drv in self._cut:
            log = [f"(the beginning is left out: hermetica log {event.drv[:12]})", *log]
        log = [clean(line, keep_color=self._console.paint.enabled) for line in log]
        if not self._is_github:
            return [f"--- {head}", *(f"    {line}" for line in log)]
        token = secrets.token_hex(16)
        return [f"::group::{head}", f"::stop-commands::{token}", *log, f"::{token}::", "::endgroup::"]

    def close(self) -> None:
        """Nothing to restore."""


def make(console: Console, *, verbose: bool) -> CiView:  # noqa: ARG001 -- the signature of every view's
    """The view."""
    return CiView(console, is_github=bool(os.environ.get("GITHUB_ACTIONS")))
