"""Symbolic links into the store: absolute while a build runs, relative once the object is registered.

A relative link works at the store's physical place and on servers that refuse absolute ones.
"""

from __future__ import annotations

import re
from typing import Final

from hermetica_store.digest import ALPHABET, MARKER, PATH_DIGEST_LENGTH

_INTO_STORE: Final = re.compile(
    rf"/+hermetica/+store/+({MARKER}[{ALPHABET}]{{{PATH_DIGEST_LENGTH - len(MARKER)}}}-[^/]+(?:/.*)?)".encode(),
    re.DOTALL,
)


def relative_target(target: bytes, depth: int) -> bytes:
    """The target to keep for a link: relative where it is absolute and leads into an object, else unchanged.

    Args:
        target: as the link has it.
        depth: how many components lead from the object to the link; 0 for an object that is a link.
    """
    if not target.startswith(b"/"):
        return target
    match = _INTO_STORE.fullmatch(target)
    return b"../" * depth + match[1] if match else target
