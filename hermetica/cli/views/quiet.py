"""Nothing but warnings, and what was deleted; failures are told by the command, as always."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica.cli.views import words
from hermetica.realize.events import CollectionFinished, Warned

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
        elif isinstance(event, CollectionFinished):
            self._console.say(words.collecting(event, self._console.paint))

    def close(self) -> None:
        """Nothing to restore."""


def make(console: Console, *, verbose: bool) -> QuietView:  # noqa: ARG001 -- the signature of every view's
    """The view."""
    return QuietView(console)
