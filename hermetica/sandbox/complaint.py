"""Tells bubblewrap's own complaints from the builder's output: they share a pipe. Pure.

Nothing is withheld for long: only output that begins as a complaint does, and only until the run's end says
what it was.
"""

from __future__ import annotations

from typing import Final

import attrs

_PREFIXES: Final = (b"bwrap: ", b"hermetica-farm: ")
_LIMIT: Final = 8192
_EXEC: Final = b"bwrap: execvp "


@attrs.define
class Complaint:
    """Holds back the head of the output while it may be a complaint.

    Attributes:
        held: what is held back.
        over: whether the head is decided to be the builder's.
    """

    held: bytes = b""
    over: bool = False

    def feed(self, piece: bytes) -> bytes:
        """What of the output so far may be passed on now."""
        if self.over:
            return piece
        self.held += piece
        head = self.held[:32]
        if len(self.held) <= _LIMIT and any(head.startswith(prefix[: len(head)]) for prefix in _PREFIXES):
            return b""
        return self.release()

    def release(self) -> bytes:
        """What is held back, for it was the builder's own."""
        self.over = True
        held, self.held = self.held, b""
        return held

    @property
    def text(self) -> str:
        """What is held back, as text."""
        return self.held.decode("utf-8", "replace").strip()

    def exec_failure(self, builder: str) -> str | None:
        """Why the builder could not be executed, if that is what this says."""
        head = _EXEC + builder.encode("utf-8", "surrogateescape") + b": "
        if not self.held.startswith(head) or self.held.count(b"\n") != 1:
            return None
        return self.held[len(head) :].decode("utf-8", "replace").strip()
