"""The hashes a download must have: computed together while its bytes pass, and compared at the end. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Protocol

import attrs
from blake3 import blake3

from hermetica.errors import HermeticaError
from hermetica.model.outputs import DIGEST_DIGITS, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UNKNOWN", "Expected", "HashRequired", "Hasher"]


class HashRequired(HermeticaError, ValueError):
    """A download without a hash it must have, or with one that cannot be."""

    code = "HM123"


class _Algorithm(Protocol):
    def update(self, data: bytes | bytearray | memoryview, /) -> object: ...

    def hexdigest(self) -> str: ...


def _new(algorithm: str) -> _Algorithm:
    return blake3() if algorithm == "blake3" else hashlib.new(algorithm)


class Hasher:
    """Several digests of the same bytes, in one pass."""

    def __init__(self, algorithms: tuple[str, ...]) -> None:
        self._states: Final = {algorithm: _new(algorithm) for algorithm in algorithms}

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Takes the next bytes."""
        for state in self._states.values():
            state.update(data)

    def digests(self) -> dict[str, str]:
        """Algorithm to lower-case hexadecimal digest, of the bytes so far."""
        return {algorithm: state.hexdigest() for algorithm, state in self._states.items()}


@attrs.frozen
class Expected:
    """What the bytes must hash to.

    Attributes:
        digests: (algorithm, lower-case hexadecimal digest or ``UNKNOWN``), ascending.
    """

    digests: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, expected: Mapping[str, str]) -> Expected:
        """The expectation that a caller spelled out.

        Raises:
            HashRequired: nothing is expected, an algorithm is not known, or a digest has the wrong form.
        """
        if not expected:
            raise HashRequired(
                "a download must say what it expects", hint='give a hash, or {"sha256": UNKNOWN} to be told it'
            )
        return cls(tuple(sorted((algorithm, _checked(algorithm, text)) for algorithm, text in expected.items())))

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Their names, ascending."""
        return tuple(algorithm for algorithm, _ in self.digests)

    @property
    def is_known(self) -> bool:
        """Whether any digest fixes the content."""
        return any(digest != UNKNOWN for _, digest in self.digests)

    def difference(self, got: Mapping[str, str]) -> tuple[str, str, str] | None:
        """(algorithm, expected, got) of the first that differs; None where all agree."""
        for algorithm, digest in self.digests:
            if digest not in {UNKNOWN, got[algorithm]}:
                return algorithm, digest, got[algorithm]
        return None


def _checked(algorithm: str, text: str) -> str:
    digits = DIGEST_DIGITS.get(algorithm)
    if digits is None:
        raise HashRequired(f"no hash algorithm {algorithm!r}", hint=f"one of {', '.join(sorted(DIGEST_DIGITS))}")
    digest = text.lower()
    if digest != UNKNOWN and (len(digest) != digits or set(digest) - set("0123456789abcdef")):
        raise HashRequired(f"not a {algorithm} hash: {text!r}", hint=f"{digits} hexadecimal digits")
    return digest
