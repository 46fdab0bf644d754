"""Text that comes in pieces, given on in whole lines, each for its own speaker."""

from __future__ import annotations

_LONGEST = 64 << 10


class Lines:
    """Joins pieces of text to lines, by key."""

    def __init__(self) -> None:
        self._open: dict[str, str] = {}

    def take(self, key: str, text: str) -> list[str]:
        """The lines that ``text`` completes; a line without end is broken at 64 KiB."""
        *whole, rest = (self._open.pop(key, "") + text).split("\n")
        if len(rest) > _LONGEST:
            whole.append(rest)
            rest = ""
        if rest:
            self._open[key] = rest
        return whole

    def finish(self, key: str) -> list[str]:
        """What is left without an end of line."""
        rest = self._open.pop(key, "")
        return [rest] if rest else []
