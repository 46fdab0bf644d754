"""The two streams: results on stdout, talk on stderr; and colour, which never says anything alone."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from typing import TYPE_CHECKING, Any, Final, Self

from hermetica.cli.misuse import Misuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SEQUENCES = re.compile(r"\x1b\[[0-9;:]*m|\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_]?)")
_CONTROLS: Final = {code: None for code in [*range(32), *range(127, 160)] if chr(code) != "\t"}
_FALLBACK_WIDTH: Final = 80


def clean(text: str, *, keep_color: bool = False) -> str:
    """One line of foreign text, fit for a terminal: nothing in it moves the cursor or rings a bell.

    Args:
        text: without a line feed at its end; after a carriage return only the rest is kept, as a terminal would show.
        keep_color: whether colours may stay.
    """
    text = text.rstrip("\r").rpartition("\r")[2]
    if text.isprintable():
        return text
    colors: list[str] = []

    def keep(match: re.Match[str]) -> str:
        if keep_color and match[0].endswith("m"):
            colors.append(match[0])
            return "\ue000"
        return ""

    text = _SEQUENCES.sub(keep, text.replace("\ue000", "")).translate(_CONTROLS)
    for color in colors:
        text = text.replace("\ue000", color, 1)
    return f"{text}\x1b[0m" if colors else text


class Paint:
    """Colours, or nothing of the kind.

    Args:
        enabled: whether to use them.
    """

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.enabled else text

    def bold(self, text: str) -> str:
        """For what is named."""
        return self._in("1", text)

    def dim(self, text: str) -> str:
        """For what may be skipped."""
        return self._in("2", text)

    def bad(self, text: str) -> str:
        """For failures."""
        return self._in("1;31", text)

    def good(self, text: str) -> str:
        """For success."""
        return self._in("32", text)

    def warn(self, text: str) -> str:
        """For warnings."""
        return self._in("33", text)


def wants_color(choice: str, *, is_terminal: bool) -> bool:
    """Whether to colour, by ``--color``, ``NO_COLOR`` and what the stream is."""
    if choice != "auto":
        return choice == "always"
    return is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _write(text: str) -> None:
    """Writes results, line by line: with PYTHONUNBUFFERED, Python takes a write that was cut short for a whole one.

    Where they cannot be written, that is the user's to mend.
    """
    try:
        sys.stdout.writelines(text.splitlines(keepends=True))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Misuse(f"stdout cannot be written: {error.strerror}") from error


class Console:
    """Where a command writes.

    Args:
        json: whether results are JSON.
        color: ``auto``, ``always`` or ``never``.

    Attributes:
        transcript: what was printed, for whoever set it to a list.
    """

    def __init__(self, *, json: bool = False, color: str = "auto") -> None:
        self.json = json
        self.transcript: list[str] | None = None
        self.is_terminal = sys.stderr is not None and sys.stderr.isatty()
        self.paint = Paint(enabled=wants_color(color, is_terminal=self.is_terminal))
        self.paint_results = Paint(
            enabled=wants_color(color, is_terminal=sys.stdout is not None and sys.stdout.isatty())
        )

    @classmethod
    def early(cls, words: Sequence[str]) -> Self:
        """The console before the words are understood: errors in them are laid out as they seem to ask."""
        return cls(json="--json" in words, color="never" if "--color=never" in words else "auto")

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        try:
            return os.get_terminal_size(2).columns or _FALLBACK_WIDTH
        except OSError:
            return _FALLBACK_WIDTH

    def print(self, text: str) -> None:
        """One line of result."""
        self._result(f"{text}\n")

    def _result(self, text: str) -> None:
        if self.transcript is not None:
            self.transcript.append(text)
        _write(text)

    def print_json(self, value: Mapping[str, Any], *, indent: int | None = 1) -> None:
        """A result as JSON."""
        import json  # noqa: PLC0415 -- plain results need none

        self._result(json.dumps(value, indent=indent, ensure_ascii=False) + "\n")

    def result(self, value: Mapping[str, Any], lines: Iterable[str]) -> None:
        """A result in the form that was asked for; ``lines`` is not touched where that is JSON."""
        if self.json:
            self.print_json(value)
            return
        self._result("".join([f"{line}\n" for line in lines]))

    def say(self, text: str) -> None:
        """One line of talk; results that came before it are seen before it, where both go to one place."""
        with contextlib.suppress(OSError, ValueError):  # a stdout that cannot be written is met when it is closed
            sys.stdout.flush()
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def warn(self, text: str) -> None:
        """A warning."""
        self.say(f"{self.paint.warn('warning')}: {text}")
