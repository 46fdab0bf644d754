"""Which files of a tree are meant: everything, or a list of relative paths chosen by the caller.

The index keeps a list under the digest of its JSON, once for all that use it. Source: docs/format-store.md,
"Selections".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import attrs

from hermetica_store.digest import Digest
from hermetica_store.errors import StoreError
from hermetica_store.faults import IndexDamaged
from hermetica_store.packed import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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


@attrs.frozen
class KeptSelection:
    """A list of files as the index keeps it.

    Attributes:
        digest: of the list; its key.
        value: the list, packed.
    """

    digest: Digest
    value: bytes = attrs.field(repr=False)

    @classmethod
    def of(cls, files: Sequence[str]) -> KeptSelection:
        """The form of a list."""
        text = selection_text(files).encode()
        return cls(Digest.of(text), pack(text))


def selection_text(files: Sequence[str]) -> str:
    """The JSON by whose digest a list of files is known."""
    return json.dumps(files, ensure_ascii=False, separators=(",", ":"))


def read_selection(key: bytes, value: bytes) -> tuple[str, ...]:
    """The list that the index keeps under a key.

    Raises:
        IndexDamaged: it is another list, or none.
    """
    try:
        text = unpack(value)
        files: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(key, str(error)) from error
    if Digest.of(text).raw != key:
        raise _damaged(key, "it has another digest")
    entries = cast("list[object]", files) if isinstance(files, list) else [None]
    paths = tuple([entry for entry in entries if isinstance(entry, str)])
    if len(paths) != len(entries):
        raise _damaged(key, "it is no list of paths")
    return paths


def _damaged(key: bytes, cause: str) -> IndexDamaged:
    return IndexDamaged(f"the index holds a damaged list of files: {key.hex()}", details=(("cause", cause),))
