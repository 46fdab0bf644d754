"""Store paths: the names of objects, derived from their content.

A store path is logical, always below ``/hermetica/store``: sandboxes see it there, wherever the store lies on disk.
Its digest covers the name, the tree digest modulo self-references, and the references. Source: docs/format.md, "Store
paths".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Self

import attrs

from hermetica_store.digest import ALPHABET, MARKER, PATH_DIGEST_LENGTH, Digest, path_digest_text
from hermetica_store.errors import InvalidStorePath

if TYPE_CHECKING:
    from collections.abc import Iterable

STORE_PREFIX: Final = "/hermetica/store"
NAME_LENGTH_MAX: Final = 211  # 255 for the file system, less the digest, its dash, and room for a temporary suffix
_PATH_CONTEXT: Final = "hermetica 2026-11 store path v1"
_NAME = re.compile(r"[0-9A-Za-z+\-_?=][0-9A-Za-z+\-._?=]*")
_BASE = re.compile(
    rf"{MARKER}[{ALPHABET}]{{{PATH_DIGEST_LENGTH - len(MARKER)}}}-(?=.{{1,{NAME_LENGTH_MAX}}}\Z){_NAME.pattern}"
)


def is_valid_name(name: str) -> bool:
    """Whether ``name`` may follow a digest: letters, digits and ``+-._?=``, not dot first, at most 211."""
    return len(name) <= NAME_LENGTH_MAX and _NAME.fullmatch(name) is not None


@attrs.frozen(order=True, repr=False)
class StorePath:
    """The logical path of one object.

    Attributes:
        digest: 32 characters of the nix-base32 alphabet, ``hx`` first.
        name: what follows the dash.
    """

    digest: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The path written as ``/hermetica/store/<digest>-<name>``.

        Raises:
            InvalidStorePath: the text has another form.
        """
        prefix, slash, base = text.rpartition("/")
        if prefix != STORE_PREFIX or not slash:
            raise InvalidStorePath(f"not a store path: {text!r}", hint=f"it begins with {STORE_PREFIX}/")
        return cls.parse_base(base)

    @classmethod
    def parse_base(cls, base: str) -> Self:
        """The path whose last component is ``base``.

        Raises:
            InvalidStorePath: ``base`` is not ``<digest>-<name>``.
        """
        if not _BASE.fullmatch(base):
            raise InvalidStorePath(f"not the name of a store object: {base!r}", hint="it is hx…-NAME")
        return cls(base[:PATH_DIGEST_LENGTH], base[PATH_DIGEST_LENGTH + 1 :])

    @property
    def base(self) -> str:
        """The last component, ``<digest>-<name>``."""
        return f"{self.digest}-{self.name}"

    def __hash__(self) -> int:  # the digest is of the name too
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<StorePath {self.digest[:8]}…-{self.name}>"

    def __str__(self) -> str:
        return f"{STORE_PREFIX}/{self.digest}-{self.name}"


def store_path(
    name: str, tree: Digest, references: Iterable[StorePath] = (), *, refers_to_itself: bool = False
) -> StorePath:
    """The path of an object.

    Args:
        name: the object's name.
        tree: its tree digest, modulo self-references where it has any.
        references: the other objects it mentions, in any order.
        refers_to_itself: whether it mentions its own digest.

    Raises:
        InvalidStorePath: the name may not stand in a store path.
    """
    if not is_valid_name(name):
        raise InvalidStorePath(
            f"not a name for a store object: {name!r}",
            hint=f"use letters, digits and +-._?=, no dot first, at most {NAME_LENGTH_MAX} characters",
        )
    lines = [name, tree.hex, "self" if refers_to_itself else "-", *sorted(reference.base for reference in references)]
    return StorePath(path_digest_text(Digest.derive(_PATH_CONTEXT, "\n".join(lines).encode())), name)
