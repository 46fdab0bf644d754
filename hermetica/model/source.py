"""Sources: trees of the host that enter a derivation by their content.

A source's text is its store path, known as soon as it is hashed; nothing is copied until a build needs it.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.model.evaluation import current_evaluation
from hermetica.model.input import Input
from hermetica_store.digest import ALPHABET
from hermetica_store.path import STORE_PREFIX, StorePath
from hermetica_store.selection import KeptSelection, selection_text

if TYPE_CHECKING:
    from hermetica.model.origin import Origin

_SHORT_BYTES: Final = 512
_DIGESTS: Final = re.compile(rf"{STORE_PREFIX}/(hx[{ALPHABET}]{{30}})-")


@attrs.frozen(kw_only=True)
class Source(Input):
    """Some files below a directory of the host, or one file, under the name of their content.

    Attributes:
        path: the store path they have once they are added.
        root: where they lie on the host; None for an object that is in the store already.
        files: relative paths, ascending, ``/`` between parts; None means all there is.
        size_bytes: of all files together.
        origin: the line that declared it.
    """

    path: StorePath  # type: ignore[assignment]  # known already, and of the store; a builder in Python gets a Path
    root: str | None = None
    files: tuple[str, ...] | None = attrs.field(default=None, repr=False)
    size_bytes: int = 0
    origin: Origin | None = attrs.field(default=None, eq=False)

    @cached_property
    def selection(self) -> KeptSelection | None:
        """Its files as a store keeps them beside the records of what uses them; None where they are few, or all."""
        if self.files is None or len(selection_text(self.files)) <= _SHORT_BYTES:
            return None
        return KeptSelection.of(self.files)

    def __str__(self) -> str:
        current_evaluation().sources[self.path.digest] = self
        return str(self.path)

    def __format__(self, specification: str) -> str:
        return format(str(self), specification)


def store_path_source(path: str | StorePath) -> Source:
    """An object of the store as an input, by its path.

    Raises:
        InvalidStorePath: the text is no store path.
    """
    return Source(path=path if isinstance(path, StorePath) else StorePath.parse(path))


def mentioned_digests(text: str) -> list[str]:
    """The digests of the store paths that ``text`` spells out."""
    return _DIGESTS.findall(text) if STORE_PREFIX in text else []
