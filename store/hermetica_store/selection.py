"""Which files of a tree are meant: everything, or a list of relative paths chosen by the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from hermetica_store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

Selection: TypeAlias = "dict[bytes, Selection | None]"
"""By name: None takes the entry with all below it, a dictionary takes only what it names."""


class InvalidSelection(StoreError, ValueError):
    """A chosen path that is not relative and plain."""

    code = "HM416"


def select(files: Iterable[str]) -> Selection:
    """The selection of these relative POSIX paths; one that names a directory means all of it.

    Raises:
        InvalidSelection: a path is absolute or empty, or has an empty, ``.`` or ``..`` component.
    """
    selection: Selection = {}
    for file in files:
        *directories, name = parts = file.encode("utf-8", "surrogateescape").split(b"/")
        if any(part in {b"", b".", b".."} for part in parts):
            raise InvalidSelection(f"not a plain relative path: {file!r}", hint="write it like src/main.c")
        level = selection
        for directory in directories:
            below = level.setdefault(directory, {})
            if below is None:  # all of it is chosen already
                break
            level = below
        else:
            level[name] = None
    return selection
