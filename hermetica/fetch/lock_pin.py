"""Pins: files named by their hash, with the addresses where they were last seen; and groups of pins.

Pure. Addresses are logical (``mirror://debian/pool/…``) or a plain URL; which host answers is decided at run time.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.errors import HermeticaError
from hermetica.model.builtins import fetchurl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hermetica.model import Derivation, Meta

ALGORITHMS: Final[Mapping[str, int]] = {"sha256": 64, "sha512": 128, "blake3": 64}
_WORD: Final = re.compile(r"[a-z0-9][a-z0-9._+-]*")
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9+._?=-]")
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"\\]+")


class LockError(HermeticaError):
    """A lock that cannot be read, or lacks what is asked of it."""

    code = "HM425"


def _unknown_first(size_bytes: int | None) -> int:
    return -1 if size_bytes is None else size_bytes


@attrs.frozen(kw_only=True, order=True)
class Pin:
    """One pinned file.

    Attributes:
        kind: ``debian`` for a binary package, ``debian-source`` for a tarball of a source package, ``wheel``,
            ``sdist``, ``npm``, ``crate``, or ``url`` for any file.
        name: of the package.
        version: of the package.
        algorithm: of the hash.
        hash: hexadecimal, of the file's bytes.
        size_bytes: the file's length; None where nobody said.
        addresses: where to look, in order.
    """

    kind: str
    name: str
    version: str
    algorithm: str
    hash: str
    size_bytes: int | None = attrs.field(order=_unknown_first)
    addresses: tuple[str, ...]

    def __attrs_post_init__(self) -> None:
        if len(self.hash) != ALGORITHMS.get(self.algorithm) or set(self.hash) - set("0123456789abcdef"):
            raise LockError(f"the pin of {self.name} has no {self.algorithm} hash: {self.hash!r}")
        if not _WORD.fullmatch(self.kind) or not self.name or '"' in self.name + self.version:
            raise LockError(f"not a pin: kind {self.kind!r}, name {self.name!r}, version {self.version!r}")
        if (self.size_bytes or 0) < 0 or not self.addresses:
            raise LockError(f"the pin of {self.name} needs an address, and no size below 0")
        for address in self.addresses:
            if not _ADDRESS.fullmatch(address):
                raise LockError(f"the pin of {self.name} has no address: {address!r}")

    @property
    def file_name(self) -> str:
        """What the file is called where it lies."""
        return self.addresses[0].rpartition("/")[2]

    def fetch(self, meta: Meta | None = None) -> Derivation:
        """The file as a derivation: what the pin's hash says, wherever it is found."""
        digest: dict[str, Any] = {self.algorithm: self.hash}
        name = _NOT_IN_A_NAME.sub("-", self.file_name).lstrip(".")
        return fetchurl(self.addresses, name=name, size_bytes=self.size_bytes, meta=meta, **digest)


def _canonical_request(request: Mapping[str, Iterable[str]]) -> Mapping[str, tuple[str, ...]]:
    return {key: tuple(sorted(set(request[key]))) for key in sorted(request)}


def _sorted_pins(pins: Iterable[Pin]) -> tuple[Pin, ...]:
    return tuple(sorted(pins))


@attrs.frozen(kw_only=True)
class Group:
    """Pins that were asked for together.

    Attributes:
        name: of the group.
        request: what they were made from, such as suite and packages; enough to make them again. Each value ascending.
        pins: ascending by kind, name and version; each of those once.
    """

    name: str
    request: Mapping[str, tuple[str, ...]] = attrs.field(
        factory=dict[str, tuple[str, ...]], converter=_canonical_request
    )
    pins: tuple[Pin, ...] = attrs.field(converter=_sorted_pins)

    def __attrs_post_init__(self) -> None:
        if not all(_WORD.fullmatch(word) for word in (self.name, *self.request)):
            raise LockError(f"not a name for a group or its request: {self.name!r}, {', '.join(self.request)}")
        seen = Counter((pin.kind, pin.name, pin.version) for pin in self.pins)
        if doubled := sorted(name for (_, name, _), times in seen.items() if times > 1):
            raise LockError(f"group {self.name} pins {doubled[0]} twice")

    def pin(self, name: str, *, kind: str | None = None, version: str | None = None) -> Pin:
        """The pin of this name.

        Raises:
            LockError: there is none; or there are several, and neither kind nor version tells them apart.
        """
        found = [
            pin for pin in self.pins if pin.name == name and kind in {None, pin.kind} and version in {None, pin.version}
        ]
        if len(found) != 1:
            raise LockError(
                f"group {self.name} has {'several pins' if found else 'no pin'} called {name!r}",
                details=tuple((pin.kind, pin.version) for pin in found),
            )
        return found[0]
