"""How a run is shown: consumers of its events and of nothing else.

A view is called with each event, in the thread of the run, and closed at its end whatever happens.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermetica.cli.console import Console
    from hermetica.realize.events import Event


_MODULES: Final = {"live": "live", "plain": "plain", "ci": "ci", "json": "json_lines", "quiet": "quiet"}


class View(Protocol):
    """Something that shows a run."""

    def __call__(self, event: Event) -> None:
        """Takes the next event."""
        ...

    def close(self) -> None:
        """Leaves the terminal as it was."""
        ...


class Deferred:
    """A view that is made when there is something to show: a run that finds everything in the store costs none.

    Args:
        make: makes the view.
    """

    def __init__(self, make: Callable[[], View]) -> None:
        self._make = make
        self._view: View | None = None

    def __call__(self, event: Event) -> None:
        """Takes the next event."""
        if self._view is None:
            if event.kind in {"run-started", "run-finished"} and not getattr(event, "total", 0):
                return
            self._view = self._make()
        self._view(event)

    def close(self) -> None:
        """Closes the view, if there is one."""
        if self._view is not None:
            self._view.close()


def view_for(mode: str, console: Console, *, verbose: bool) -> View:
    """The view of a run, made as late as it can be."""
    if mode == "json":
        return choose(mode, console, verbose=verbose)
    return Deferred(lambda: choose(mode, console, verbose=verbose))


def choose(mode: str, console: Console, *, verbose: bool) -> View:
    """The view that ``--ui`` asks for; ``auto`` is live on a terminal, folded logs on CI, plain lines elsewhere."""
    if mode == "auto":
        live = console.is_terminal and os.environ.get("TERM", "dumb") != "dumb"
        mode = "ci" if any(map(os.environ.get, ("GITHUB_ACTIONS", "GITLAB_CI"))) else "live" if live else "plain"
    module = import_module(f"hermetica.cli.views.{_MODULES[mode]}")
    view: View = module.make(console, verbose=verbose)
    return view
