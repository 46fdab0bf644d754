"""The events themselves, one JSON object a line on stdout: ``hermetica.event/1``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from hermetica.realize.event_lines import event_line

if TYPE_CHECKING:
    from hermetica.cli.console import Console
    from hermetica.realize.events import Event


class JsonView:
    """Writes events as they come."""

    def __call__(self, event: Event) -> None:
        """Takes the next event."""
        sys.stdout.write(event_line(event))
        sys.stdout.flush()

    def close(self) -> None:
        """Nothing to restore."""


def make(_console: Console, *, verbose: bool) -> JsonView:  # noqa: ARG001 -- the signature of every view's
    """The view."""
    return JsonView()
