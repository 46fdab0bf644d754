"""Patterns that choose files: ``src/**``, ``**/*.md``, ``docs``, ``[abc].c``. Pure.

``*`` and ``?`` stay within one part of a path, ``**`` spans any number of parts, and a pattern that names a directory
takes all that is below it. Patterns are relative to the source's root; there is no leading dot rule.
"""

from __future__ import annotations

import functools
import re

from hermetica.errors import EvaluationError

__all__ = ["InvalidPattern", "Patterns", "SourceOutside"]


class SourceOutside(EvaluationError, ValueError):
    """A source, or a part of one, where none may be."""

    code = "HM212"


class InvalidPattern(EvaluationError, ValueError):
    """A pattern that can match nothing."""

    code = "HM214"


def _part(part: str) -> str:
    """The regular expression of one part of a path.

    What stands between two stars is taken where it first occurs, as in `fnmatch`: trying the others too changes nothing
    and takes time without end.
    """
    pieces, position = [""], 0
    while position < len(part):
        character = part[position]
        position += 1
        end = part.find("]", position + 1) if character == "[" else -1
        if character == "*":
            pieces.append("")
        elif character == "?":
            pieces[-1] += "[^/]"
        elif end > 0:
            pieces[-1] += _set(part[position:end])
            position = end + 1
        else:
            pieces[-1] += re.escape(character)
    first, *between = pieces
    if not between:
        return first
    return first + "".join(f"(?>[^/]*?{piece})" for piece in between[:-1] if piece) + f"[^/]*{between[-1]}"


def _set(inner: str) -> str:
    is_negated = inner[0] in "!^"
    escaped = re.sub(r"([\\\[\]&|~])", r"\\\1", inner[1:] if is_negated else inner)
    return f"[^/{escaped}]" if is_negated else f"[{escaped}]"


@functools.lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = [part for part in pattern.split("/") if part not in {"", "."}]
    parts = [part for part, before in zip(parts, ["", *parts], strict=False) if not part == before == "**"]
    if pattern.startswith("/") or ".." in parts:
        raise SourceOutside(
            f"a pattern cannot leave the source: {pattern!r}", hint="write it relative to the source's root: src/**"
        )
    if not pattern:
        raise InvalidPattern("an empty pattern", hint="** is everything")
    text = ""
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        if part == "**":
            text += ".*" if is_last else "(?:[^/]+/)*"
        else:
            text += _part(part) + ("" if is_last else "/")
    try:
        return re.compile(f"{text}(?:/.*)?" if parts else ".*", re.DOTALL)
    except re.error as error:
        raise InvalidPattern(f"not a pattern: {pattern!r}", details=(("cause", str(error)),)) from error


class Patterns:
    """Some patterns, any of which may match.

    Raises:
        InvalidPattern: one of them is none.
        SourceOutside: one of them leads out of the source.
    """

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self.patterns = patterns
        self._compiled = tuple(_compiled(pattern) for pattern in patterns)

    def match(self, path: str) -> str | None:
        """The first pattern that matches a relative path; None where none does."""
        for pattern, compiled in zip(self.patterns, self._compiled, strict=True):
            if compiled.fullmatch(path):
                return pattern
        return None

    def matching(self, path: str) -> tuple[str, ...]:
        """All patterns that match."""
        return tuple(
            pattern for pattern, each in zip(self.patterns, self._compiled, strict=True) if each.fullmatch(path)
        )
