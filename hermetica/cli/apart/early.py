"""Starts the child that evaluates before the command line is even parsed, on a guess of what it will be asked.

Starting it takes as long as importing what the command needs, and there is more than one processor. The guess is
compared with what parsing and the settings lead to, whole; one that was wrong has cost a process, and nothing else.
"""

from __future__ import annotations

import os
import sys

from hermetica.cli.recall.answer import settings_mention
from hermetica.errors import HermeticaError

TYPE_CHECKING = False  # the module that has it costs five milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermetica.cli.apart.child import Beginning, Child

_EVALUATING = frozenset({"build", "run", "check", "explain", "ls", "develop", "shell", "graph", "show"})
_OTHERWISE = frozenset({"--impure", "--help", "-h"})
_BWRAP, _WANTED = "HERMETICA_BWRAP", "HERMETICA_EVAL_SANDBOX"


class Early:
    """A child that may be of use, until it is taken or ended."""

    def __init__(self, child: Child | None = None) -> None:
        self._child = child

    def __bool__(self) -> bool:
        """Whether there is one."""
        return self._child is not None

    def take(self, beginning: Beginning) -> Child | None:
        """The child, if it began so; None where it did not, and then it is no more."""
        if self._child is not None and not self._child.beginning.is_as(beginning):
            self.end()
        child, self._child = self._child, None
        return child

    def end(self) -> None:
        """Ends a child that nobody took."""
        if self._child is not None:
            self._child.end()
            self._child = None


def begin(words: Sequence[str]) -> Early:
    """The child that a command line will most likely want."""
    files = _files(words)
    if not files or not _is_wanted() or (bwrap := _bwrap()) is None:
        return Early()
    from hermetica.cli.apart.child import Child, beginning_of  # noqa: PLC0415 -- not every command evaluates

    try:
        return Early(Child(beginning_of(bwrap, files, sys.path)))
    except (OSError, HermeticaError):  # the whole way meets it too, and tells
        return Early()


def _files(words: Sequence[str]) -> list[str]:
    """The files of modules that a command line most likely names."""
    if not words or words[0] not in _EVALUATING or not _OTHERWISE.isdisjoint(words):
        return []
    names = [word.partition("^")[0] for word in words[1:] if not word.startswith("-")]
    places = [name.rpartition(":")[0] or name for name in names]
    return [place for place in places if place.endswith(".py") and os.path.isfile(place)]


def _is_wanted() -> bool:
    """Whether no setting says that modules are evaluated in the process itself, so far as that can be told."""
    return os.environ.get(_WANTED, "auto") != "never" and not settings_mention(b"eval_sandbox")


def _bwrap() -> str | None:
    """Where the program that makes sandboxes most likely is."""
    for place in os.environ.get("PATH", os.defpath).split(os.pathsep):
        file = os.environ.get(_BWRAP) or os.path.join(place, "bwrap")
        if os.access(file, os.X_OK) and not os.path.isdir(file):
            return os.path.abspath(file)
    return None
