"""What bubblewrap reports through ``--json-status-fd``: first whom it started, at the end how the builder exited. Pure.

A missing end report means that the builder was never executed. Source: bwrap(1).
"""

from __future__ import annotations

import json
from typing import cast

import attrs


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
            document = cast("dict[str, int]", json.loads(line))
            if "child-pid" in document:
                self.started = Started(document["child-pid"], document.get("pid-namespace", 0))
            if "exit-code" in document:
                self.exit_status = document["exit-code"]
