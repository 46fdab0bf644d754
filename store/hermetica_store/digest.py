"""Digests as values, and the text form that store paths carry.

The alphabet is nix-base32 (no ``e``, ``o``, ``t``, ``u``), so names stay acceptable to Nix's tools. A path digest is
32 characters: the marker ``hx``, which makes a bare digest findable in one pass over any bytes, and 150 bits in 30
characters. Source: docs/format.md, "Digests".
"""

from __future__ import annotations

from typing import Final, Self

import attrs
from blake3 import blake3

from hermetica_store.errors import InvalidDigest

ALPHABET: Final = "0123456789abcdfghijklmnpqrsvwxyz"
_PAIRS: Final = tuple(first + second for first in ALPHABET for second in ALPHABET)  # of 10 bits each
MARKER: Final = "hx"
PATH_DIGEST_LENGTH: Final = 32
DIGEST_SIZE_BYTES: Final = 32


@attrs.frozen(order=True)
class Digest:
    """A BLAKE3 digest.

    Attributes:
        raw: 32 bytes.
    """

    raw: bytes = attrs.field(repr=bytes.hex)

    def __attrs_post_init__(self) -> None:
        if len(self.raw) != DIGEST_SIZE_BYTES:
            raise InvalidDigest(f"a BLAKE3 digest has {DIGEST_SIZE_BYTES} bytes, not {len(self.raw)}")

    def __hash__(self) -> int:  # asked for a hundred times for each derivation of a run; bytes know theirs
        return hash(self.raw)

    @classmethod
    def of(cls, data: bytes) -> Self:
        """The digest of ``data``."""
        return cls(blake3(data).digest())

    @classmethod
    def derive(cls, context: str, data: bytes) -> Self:
        """The digest of ``data`` in BLAKE3's key-derivation mode: digests of different contexts never meet."""
        return cls(blake3(data, derive_key_context=context).digest())

    @classmethod
    def parse(cls, text: str) -> Self:
        """The digest written as 64 lower-case hexadecimal digits.

        Raises:
            InvalidDigest: the text has another form.
        """
        try:
            raw = bytes.fromhex(text)
        except ValueError:
            raw = b""
        if len(raw) != DIGEST_SIZE_BYTES or text != raw.hex():
            raise InvalidDigest(f"not a BLAKE3 digest: {text!r}", hint="write 64 lower-case hexadecimal digits")
        return cls(raw)

    @property
    def hex(self) -> str:
        """64 lower-case hexadecimal digits."""
        return self.raw.hex()

    def __str__(self) -> str:
        return self.raw.hex()


def base32(number: int, length: int) -> str:
    """``number`` in ``length`` characters of the alphabet, most significant first."""
    if length % 2:
        return base32(number >> 5, length - 1) + ALPHABET[number & 31]
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(5 * length - 10, -1, -10)])


def path_digest_text(digest: Digest) -> str:
    """The 32 characters a store path carries: the marker and the first 150 bits of ``digest``."""
    number = int.from_bytes(digest.raw[:19], "big") >> 2
    return MARKER + base32(number, PATH_DIGEST_LENGTH - len(MARKER))
