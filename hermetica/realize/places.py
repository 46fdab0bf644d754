"""Lines of the user's own files in what a builder in Python says.

Inside the sandbox the texts that it runs have names, ``<builder NAME>``: a path of the host there would be an input
that nobody declared. What comes out of it is rewritten on its way into the log.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hermetica.model import Origin

_NAMED: Final = re.compile(rb'<builder ([^<>\n]+)>(", line |:)(\d+)')
_LONGEST: Final = 512  # of a name and its line; what is longer is none
_FRAME: Final = re.compile(r'^ *File "([^"\n]+)", line (\d+)', re.MULTILINE)
_IMPORTS: Final = "<builder imports>"
_RAISED: Final = re.compile(r"^[A-Za-z_][\w.]*(?:: .*)?$", re.MULTILINE)


class Spelling:
    """Takes the bytes of a log, and passes them on with the places that they mean.

    Args:
        write: takes what comes out.
        places: name -> where its text begins.
    """

    def __init__(self, write: Callable[[bytes], None], places: Mapping[str, Origin]) -> None:
        self._write = write
        self._places = {name.encode(): place for name, place in places.items()}
        self._held = b""

    def write(self, data: bytes) -> None:
        """Takes the next bytes; a name that may go on in the next is held back."""
        data = self._held + data
        begun = data.rfind(b"<")
        open_ended = begun >= 0 and b"\n" not in data[begun:] and len(data) - begun < _LONGEST
        ready, self._held = (data[:begun], data[begun:]) if open_ended else (data, b"")
        if ready:
            self._write(_NAMED.sub(self._spelled, ready))

    def end(self) -> None:
        """Passes on what is held back."""
        if self._held:
            self._write(_NAMED.sub(self._spelled, self._held))
            self._held = b""

    def _spelled(self, found: re.Match[bytes]) -> bytes:
        place = self._places.get(found[1])
        if place is None:
            return found[0]
        return os.fsencode(place.file) + found[2] + str(place.line + int(found[3]) - 1).encode()


def raised(log_tail: str, places: Mapping[str, Origin]) -> tuple[str, str] | None:
    """What a builder in Python raised, and ``file:line`` of the user's own; None where it raised nothing.

    What it could not import has no line: imports are gathered from the whole module.

    Args:
        log_tail: the end of what it said, spelled.
        places: as above.
    """
    trace = log_tail.rpartition("Traceback (most recent call last):")[2]
    files = {place.file for place in places.values()}
    frames = [f"{file}:{line}" for file, line in _FRAME.findall(trace) if file in files]
    said = _RAISED.findall(trace)
    if not said or not (frames or _IMPORTS in trace):
        return None
    return said[-1], frames[-1] if frames else ""
