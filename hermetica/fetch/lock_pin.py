"""Pins: files and trees named by their hash, with the addresses where they were last seen; and groups of pins.

Pure. Addresses are logical (``mirror://debian/pool/…``) or a plain URL; which host answers is decided at run time.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.errors import HermeticaError
from hermetica.fetch.lock_tree import TREE_KINDS
from hermetica.model.builtins import fetchurl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hermetica.model import Derivation, Meta
    from hermetica.model.outputs import Method

ALGORITHMS: Final[Mapping[str, int]] = {"sha256": 64, "sha512": 128, "blake3": 64}
_WORD: Final = re.compile(r"[a-z0-9][a-z0-9._+-]*")
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9+._?=-]")
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"\\]+")


class LockError(HermeticaError):
    """A lock that cannot be read, or lacks what is asked of it."""

    code = "HM425"


def _unknown_first(size_bytes: int | None) -> int:
    return -1 if size_bytes is None else size_bytes


def _sorted_facts(facts: Mapping[str, str] | Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(dict(facts).items()))


@attrs.frozen(kw_only=True, order=True)
class Pin:
    """One pinned file, or one pinned tree.

    Attributes:
        kind: ``debian`` for a binary package; of a source package ``debian-source`` for a tarball of upstream,
            ``debian-changes`` for Debian's, ``debian-dsc`` for its description; ``wheel``, ``sdist``, ``npm``,
            ``crate``, ``go`` for the zip of a module, ``go-mod`` for its ``go.mod``, or ``url`` for any file; of a tree
            a key of ``TREE_KINDS``.
        name: of the package.
        version: of the package.
        method: ``flat`` for a file; ``tree`` for a tree.
        algorithm: of the hash.
        hash: hexadecimal, of the file's bytes; of a tree its tree digest.
        size_bytes: the file's length; None where nobody said, and for a tree.
        facts: what a kind of tree says beside that, such as the commit; ascending by key.
        addresses: where to look, in order.
    """

    kind: str
    name: str
    version: str
    method: Method = "flat"
    algorithm: str
    hash: str
    size_bytes: int | None = attrs.field(default=None, order=_unknown_first)
    facts: tuple[tuple[str, str], ...] = attrs.field(default=(), converter=_sorted_facts)
    addresses: tuple[str, ...]

    def __attrs_post_init__(self) -> None:
        if len(self.hash) != ALGORITHMS.get(self.algorithm) or set(self.hash) - set("0123456789abcdef"):
            raise LockError(f"the pin of {self.name} has no {self.algorithm} hash: {self.hash!r}")
        if not _WORD.fullmatch(self.kind) or not self.name or '"' in self.name + self.version:
            raise LockError(f"not a pin: kind {self.kind!r}, name {self.name!r}, version {self.version!r}")
        if (self.size_bytes or 0) < 0 or not self.addresses:
            raise LockError(f"the pin of {self.name} needs an address, and no size below 0")
        if fault := self._fault():
            raise LockError(f"the pin of {self.name}, of kind {self.kind}: {fault}")
        for address in self.addresses:
            if not _ADDRESS.fullmatch(address):
                raise LockError(f"the pin of {self.name} has no address: {address!r}")

    def _fault(self) -> str | None:
        """What does not go together in it."""
        if self.method == "flat":
            if self.kind in TREE_KINDS:
                return 'it is a tree: method = "tree"'
            return "a file has no facts of its own" if self.facts else None
        if (kind := TREE_KINDS.get(self.kind)) is None:
            return f"no kind of tree; there are {', '.join(sorted(TREE_KINDS))}"
        if self.algorithm != "blake3" or self.size_bytes is not None:
            return "a tree has a blake3 hash, its tree digest, and no size"
        return kind.fault(dict(self.facts))

    @property
    def file_name(self) -> str:
        """What the file is called where it lies; for a module, whose files are called by versions alone, what it is."""
        if self.kind in {"go", "go-mod"}:
            return f"{self.name.replace('/', '-')}-{self.version}.{'zip' if self.kind == 'go' else 'mod'}"
        return self.addresses[0].rpartition("/")[2]

    def fetch(self, meta: Meta | None = None) -> Derivation:
        """The file or tree as a derivation: what the pin's hash says, wherever it is found."""
        if self.method == "tree":
            name = _NOT_IN_A_NAME.sub("-", f"{self.name}-{self.version}").lstrip(".")
            kind, facts = TREE_KINDS[self.kind], dict(self.facts)
            return kind.derivation(self.addresses, name=name, digest=self.hash, facts=facts, meta=meta)
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
