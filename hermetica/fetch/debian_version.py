"""Debian versions, ordered as dpkg orders them.

A version is parsed once into epoch, upstream and revision. Each part alternates non-digits (``~`` before the end, the
end before letters, letters before the rest) and numbers.
Source: deb-version(7), Debian Policy 5.6.12.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import total_ordering
from itertools import zip_longest
from typing import Final

import attrs

from hermetica.errors import HermeticaError

_VERSION: Final = re.compile(r"(?:([0-9]+):)?([A-Za-z0-9][A-Za-z0-9.+~:-]*?)(?:-([A-Za-z0-9.+~]+))?")
_TOO_LONG: Final = re.compile(r"[0-9]{4000}")  # Python reads no number that is much longer
_PIECES: Final = re.compile(r"([^0-9]*)([0-9]*)")
_END: Final = ((0,), 0)

_Piece = tuple[tuple[int, ...], int]


class InvalidDebianVersion(HermeticaError, ValueError):
    """A text that dpkg would not take for a version."""

    code = "HM424"

    def __init__(self, text: str) -> None:
        super().__init__(f"not a Debian version: {text!r}")


class Relation(StrEnum):
    """How a version must stand to another."""

    EARLIER = "<<"
    AT_MOST = "<="
    EXACTLY = "="
    AT_LEAST = ">="
    LATER = ">>"


def _weight(character: str) -> int:
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256


def _part(text: str) -> tuple[_Piece, ...]:
    pieces = [((*map(_weight, letters), 0), int(number or 0)) for letters, number in _PIECES.findall(text)]
    while pieces and pieces[-1] == _END:
        pieces.pop()
    return tuple(pieces)


def _is_earlier(left: tuple[_Piece, ...], right: tuple[_Piece, ...]) -> bool:
    """Compares parts as if each went on with ends for ever."""
    return next((mine < other for mine, other in zip_longest(left, right, fillvalue=_END) if mine != other), False)


@total_ordering
@attrs.frozen(order=False)
class DebianVersion:
    """A version; compares as ``dpkg --compare-versions`` does, so ``1.0`` equals ``1.0-0``.

    Attributes:
        text: as it is written; not compared.
    """

    _epoch: int = attrs.field(repr=False)
    _upstream: tuple[_Piece, ...] = attrs.field(repr=False)
    _revision: tuple[_Piece, ...] = attrs.field(repr=False)
    text: str = attrs.field(eq=False)

    @classmethod
    def parse(cls, text: str) -> DebianVersion:
        """The version that ``text`` writes.

        Raises:
            InvalidDebianVersion: it writes none.
        """
        match = _VERSION.fullmatch(text)
        if match is None or _TOO_LONG.search(text):
            raise InvalidDebianVersion(text)
        epoch, upstream, revision = match.groups(default="")
        return cls(int(epoch or 0), _part(upstream), _part(revision), text)

    def __str__(self) -> str:
        return self.text

    def __lt__(self, other: DebianVersion) -> bool:
        if self._epoch != other._epoch:
            return self._epoch < other._epoch
        if self._upstream != other._upstream:
            return _is_earlier(self._upstream, other._upstream)
        return _is_earlier(self._revision, other._revision)

    def stands(self, relation: Relation, other: DebianVersion) -> bool:
        """Whether ``self RELATION other`` holds."""
        return {
            Relation.EARLIER: self < other,
            Relation.AT_MOST: self <= other,
            Relation.EXACTLY: self == other,
            Relation.AT_LEAST: self >= other,
            Relation.LATER: self > other,
        }[relation]
