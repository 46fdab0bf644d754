"""What an evaluation reads by hermetica's own hand, said to whoever keeps account of what it reads.

The command line remembers what an evaluation led to for as long as all that it read is unchanged; it sees the user's
own reading, and is told of ours here. Where nobody listens, nothing happens.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Listener(Protocol):
    """Whoever keeps account."""

    def reading_ourselves(self) -> AbstractContextManager[None]:
        """A time in which what is read is told of afterwards."""
        ...

    def source(self, root: str, files: Sequence[str] | None) -> None:
        """A source was read: its root, and the relative paths of what was chosen; None where that is a file."""
        ...


listener: ContextVar[Listener | None] = ContextVar("hermetica_readings", default=None)


def reading_ourselves() -> AbstractContextManager[None]:
    """The time in which hermetica reads what it tells of afterwards."""
    listens = listener.get()
    return nullcontext() if listens is None else listens.reading_ourselves()


def tell_of_source(root: str, files: Sequence[str] | None) -> None:
    """Says that a source was read."""
    listens = listener.get()
    if listens is not None:
        listens.source(root, files)
