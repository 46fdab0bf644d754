"""The bytes that are left of a file once archives are stabilised: what its `stabilised` digest is taken of.

Left out are the order of an archive's members and all that it says of them besides their names, what they are and what
they link to; the headers and the strength of compression; the time in compiled Python. What is left is no archive any
more, and need not be: it is only ever compared. Source: the handlers of strip-nondeterminism, which this goes beyond in
leaving out order and compression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import blake3

from hermetica.study.forms import form_of

if TYPE_CHECKING:
    from hermetica.study.forms import Part

_DEPTH_MAX: Final = 5
_KEPT_FACTS: Final = frozenset({"kind", "link", "source hash"})


def stabilised_digest(data: bytes) -> str:
    """The digest of what is left of a file, as 32 hexadecimal digits."""
    return blake3.blake3(_stable(data, 0)).hexdigest(16)


def _stable(data: bytes, depth: int) -> bytes:
    form = form_of(data) if depth < _DEPTH_MAX else None
    if form is None or not form.is_archive:
        return b"\0" + data
    parts = sorted(_stable_part(part, depth) for part in form.parts)
    return b"\1" + form.kind.encode() + b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def _stable_part(part: Part, depth: int) -> bytes:
    facts = [f"{key}={value}" for key, value in part.facts if key in _KEPT_FACTS]
    head = "\0".join([part.name, *facts]).encode("utf-8", "surrogateescape")
    return len(head).to_bytes(8, "big") + head + _stable(part.data, depth + 1)
