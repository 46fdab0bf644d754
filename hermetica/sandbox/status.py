"""What bubblewrap reports through ``--json-status-fd``: first whom it started, at the end how the builder exited. Pure.

A missing end report means that the builder was never executed. Each report is one line, a JSON object of numbers; the
three that matter are found without reading the rest, for this is read twice in every build. Source: bwrap(1).
"""

from __future__ import annotations

import re
from typing import Final

import attrs

_NUMBER: Final = re.compile(rb'"(child-pid|pid-namespace|exit-code)": *(\d+)')


@attrs.frozen
class Started:
    """The first process of the sandbox, as the host counts, and its process-id namespace (an inode number)."""

    pid: int
    namespace: int


@attrs.define
class StatusReader:
    """Puts the report together from the pieces that a pipe delivers.

    Attributes:
        started: once known.
        exit_status: of the builder; 128 + n if signal n killed it; None unless it was executed.
    """

    started: Started | None = None
    exit_status: int | None = None
    _rest: bytes = b""

    @property
    def is_complete(self) -> bool:
        """Whether the last line has come to its end."""
        return not self._rest

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            told = dict(_NUMBER.findall(line))
            if b"child-pid" in told:
                self.started = Started(int(told[b"child-pid"]), int(told.get(b"pid-namespace", 0)))
            if b"exit-code" in told:
                self.exit_status = int(told[b"exit-code"])
