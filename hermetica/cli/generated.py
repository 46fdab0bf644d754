"""What attrs writes for our classes, kept compiled beside our modules, as Python keeps those.

attrs writes the methods of a class as text and has it compiled whenever a process begins, which is two thirds of what a
class costs. Here something stands in for ``compile`` in the one module of attrs that calls it, and gives what was
compiled of the same text before. Where attrs no longer calls it so, nothing is different but the time. Only the command
and the child that evaluates do this: a library leaves its host's attrs alone.
Source: docs/adr/0020-both-processes-begin-at-once-and-compile-nothing.md.
"""

from __future__ import annotations

import marshal
import os
import sys

import hermetica

TYPE_CHECKING = False  # the module that has it costs five milliseconds
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

_OURS = "<attrs generated methods hermetica"
_HASH, _SALT = "def __hash__(self", "hash((\n"


def usual_place() -> str | None:
    """The file; None where Python is to keep nothing that it compiles, or keeps it elsewhere."""
    if sys.flags.optimize or sys.pycache_prefix is not None or not sys.implementation.cache_tag:
        return None
    directory = os.path.dirname(str(hermetica.__file__))
    return os.path.join(directory, "__pycache__", f"attrs.{sys.implementation.cache_tag}.marshal")


class Generated:
    """What was compiled of what attrs wrote, by the name of the class.

    Args:
        place: the file; None keeps nothing.

    Attributes:
        known: name -> text and code, of processes before this one.
        fresh: the same, of this one.
    """

    def __init__(self, place: str | None) -> None:
        self.place = place
        self.known: dict[str, tuple[str, bytes]] = _read(place)
        self.fresh: dict[str, tuple[str, bytes]] = {}

    def stand_in(self) -> None:
        """From here on attrs has texts compiled here."""
        from attr import _make  # noqa: PLC0415 -- where this is called it is needed next

        setattr(_make, "compile", self.compile)  # noqa: B010 -- to type checkers it has no such name

    def compile(self, text: str, name: str, mode: str) -> CodeType:
        """What Python's own gives."""
        if self.place is None or not name.startswith(_OURS) or mode != "exec":
            return compile(text, name, mode)  # which inherits from here what it would inherit there
        same = _without_salt(text)
        found = self.known.get(name)
        if found is not None and found[0] == same:
            code: CodeType = marshal.loads(found[1])  # noqa: S302 -- trusted as the compiled modules beside it are
            return code
        made = compile(text, name, mode)
        self.fresh[name] = same, marshal.dumps(made)
        return made

    def save(self) -> None:
        """Keeps what is new, if this process may."""
        if not self.fresh or self.place is None or sys.dont_write_bytecode:
            return
        temporary = f"{self.place}.{os.getpid()}"
        try:
            with open(temporary, "xb") as file:
                file.write(marshal.dumps({**self.known, **self.fresh}))
            os.replace(temporary, self.place)
        except OSError:  # as with compiled modules: who cannot keep them goes without
            return


def _without_salt(text: str) -> str:
    """A text without the number by which attrs tells hashes of classes apart: it is another in every process.

    Which number it is makes no difference, so the one of the process that compiled it first will do.
    """
    method = text.find(_HASH)
    start = text.find(_SALT, method) + len(_SALT) if method >= 0 else 0
    end = text.find(",\n", start)
    if start < len(_SALT) or not text[start:end].strip(" -").isdecimal():
        return text
    return text[:start] + text[end:]


def _read(place: str | None) -> dict[str, Any]:
    """What a file holds; nothing where it is damaged."""
    if place is None:
        return {}
    try:
        with open(place, "rb") as file:
            rows = marshal.loads(file.read())  # noqa: S302 -- trusted as the compiled modules beside it are
        return {name: (text, bytes(code)) for name, (text, code) in rows.items()}
    except (OSError, ValueError, TypeError, EOFError, AttributeError):
        return {}
