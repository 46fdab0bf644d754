"""A command line that makes no sense, said without importing anything: argument parsing must stay cheap."""

from __future__ import annotations


class Misuse(Exception):
    """What the user typed is no command line of hermetica.

    Attributes:
        message: one line.
        details: (label, text) pairs.
        hint: the way out, or None.
    """

    def __init__(self, message: str, *, details: tuple[tuple[str, str], ...] = (), hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.hint = hint
