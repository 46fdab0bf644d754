"""Where a definition stands in the user's own files.

That is the line that gives the definition its name. A function that was given the name, or a part of it, only passes
it on: then the line that called the function is meant, and what lies between is remembered.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CodeType, FrameType

_OURS: Final = ("hermetica.", "attr.", "attrs.")
_SETS: Final = "hermetica.packages."
_IS_FUNCTION: Final = 0x01  # CO_OPTIMIZED: modules and the bodies of classes have it not
_HAS_MORE: Final = 0x04 | 0x08  # CO_VARARGS, CO_VARKEYWORDS
_CALLS_MAX: Final = 8


@attrs.frozen
class Origin:
    """A line of a file.

    Attributes:
        file: as the interpreter names it.
        line: counted from 1.
        calls: (file, line, function) of each function that only passed the definition on, outermost first.
    """

    file: str
    line: int
    calls: tuple[tuple[str, int, str], ...] = attrs.field(default=(), eq=False, repr=False)

    @property
    def via(self) -> tuple[str, ...]:
        """The calls, each as ``file:line in function``."""
        return tuple(f"{file}:{line} in {function}" for file, line, function in self.calls)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @classmethod
    def parse(cls, text: str) -> Origin:
        """The origin written as ``file:line``; a text without a line number is a file's line 0."""
        file, _, line = text.rpartition(":")
        return cls(file, int(line)) if file and line.isdecimal() else cls(text, 0)


@functools.lru_cache(maxsize=1024)
def _line(file: str, line: int) -> Origin:
    """One value for all that a loop defines."""
    return Origin(file, line)


def caller(name: str | None = None) -> Origin | None:
    """The line on the stack, outside hermetica itself, that asks for something; None where there is none.

    Args:
        name: what it calls it; without one the nearest line is meant.
    """
    frame = _theirs(sys._getframe(1))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] -- documented, and 50 times cheaper than inspect
    if frame is None:
        return None
    code = frame.f_code  # taken once: Python tells audit hooks each time
    if not code.co_flags & _IS_FUNCTION or type(name) is not str:
        return _line(code.co_filename, frame.f_lineno)
    calls: tuple[tuple[str, int, str], ...] = ()
    while len(calls) < _CALLS_MAX and _passes_on(code, frame, name) and (outer := _outer(frame)) is not None:
        calls = ((code.co_filename, frame.f_lineno, code.co_name), *calls)
        frame, code = outer, outer.f_code
    return Origin(code.co_filename, frame.f_lineno, calls)


def _theirs(frame: FrameType | None) -> FrameType | None:
    """The nearest frame outside hermetica, from this one outwards."""
    while frame is not None:
        name: str | None = frame.f_globals.get("__name__")
        if name is None:
            is_ours = frame.f_code.co_filename.startswith("<attrs")
        else:
            is_ours = name.startswith(_OURS) or name == "hermetica"
        if not is_ours:
            return frame
        frame = frame.f_back
    return None


def _outer(frame: FrameType) -> FrameType | None:
    """The frame outside hermetica that called a function; None for a package of a set, which nobody has to call."""
    above = frame.f_back
    if above is not None and str(above.f_globals.get("__name__")).startswith(_SETS):
        return None
    return _theirs(above)


def _passes_on(code: CodeType, frame: FrameType, name: str) -> bool:
    """Whether a function was given the name, or a word that is part of it."""
    if not code.co_flags & _IS_FUNCTION:
        return False
    for given in _arguments(code, frame.f_locals):
        if type(given) is str and (given == name or (given in name and given[:1].isalpha() and len(given) > 1)):
            return True
    return False


def _arguments(code: CodeType, values: Mapping[str, Any]) -> list[Any]:
    """The arguments of a function, those in ``*args`` and ``**kwargs`` included."""
    named = code.co_argcount + code.co_kwonlyargcount
    given: list[Any] = [values.get(argument) for argument in code.co_varnames[:named]]
    if code.co_flags & _HAS_MORE:
        for argument in code.co_varnames[named : named + 2]:
            more = values.get(argument)
            given += more.values() if isinstance(more, dict) else more if isinstance(more, tuple) else ()
    return given


def user_line(name: str | None = None) -> str | None:
    """``caller`` as the text that an error carries."""
    origin = caller(name)
    return None if origin is None else str(origin)
