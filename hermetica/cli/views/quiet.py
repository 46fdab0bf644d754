"""Nothing but warnings; failures are told by the command, as always."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica.realize.events import Warned

if TYPE_CHECKING:
    from hermetica.cli.console import Console
    from hermetica.realize.events import Event


class QuietView:
    """Says only what the user should know.

    Args:
        console: where it goes.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, event: Event) -> None:
        """Takes the next event."""
        if isinstance(event, Warned):
            self._console.warn(event.message)

    def close(self) -> None:
        """Nothing to restore."""


def make(console: Console, *, verbose: bool) -> QuietView:  # noqa: ARG001 -- the signature of every view's
    """The view."""
    return QuietView(console)
