"""Where a definition stands in the user's own files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from types import FrameType


@attrs.frozen
class Origin:
    """A line of a file.

    Attributes:
        file: as the interpreter names it.
        line: counted from 1.
    """

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @classmethod
    def parse(cls, text: str) -> Origin:
        """The origin written as ``file:line``; a text without a line number is a file's line 0."""
        file, _, line = text.rpartition(":")
        return cls(file, int(line)) if file and line.isdecimal() else cls(text, 0)


def _is_ours(frame: FrameType) -> bool:
    name: str | None = frame.f_globals.get("__name__")
    if name is None:
        return frame.f_code.co_filename.startswith("<attrs")
    return name.startswith(("hermetica.", "attr.", "attrs.")) or name == "hermetica"


def caller() -> Origin | None:
    """The nearest line on the stack outside hermetica itself; None where there is none."""
    # 50 times cheaper than the inspect module, and documented
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    while frame is not None and _is_ours(frame):
        frame = frame.f_back
    return Origin(frame.f_code.co_filename, frame.f_lineno) if frame is not None else None


def user_line() -> str | None:
    """``caller`` as the text that an error carries."""
    origin = caller()
    return None if origin is None else str(origin)
