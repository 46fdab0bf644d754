"""What ``Cargo.lock`` says about the crates that a build needs, and the pins that have them.

Pure. Source: The Cargo Book, *Cargo.toml vs Cargo.lock* and *Source Replacement*.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

import hermetica as hm

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["CargoLockError", "Crate", "CrateMismatch", "MissingCrate", "parse_cargo_lock", "pinned"]

_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_CHECKSUM: Final = re.compile(r"[0-9a-f]{64}")


class CargoLockError(hm.EvaluationError, ValueError):
    """A ``Cargo.lock`` that is none, or that names a crate which cannot be built from pins."""

    code = "HM487"


class MissingCrate(hm.EvaluationError, LookupError):
    """A crate of ``Cargo.lock`` that no pin has."""

    code = "HM488"


class CrateMismatch(hm.EvaluationError, ValueError):
    """A pin of a crate with other content than ``Cargo.lock`` says."""

    code = "HM489"


@attrs.frozen(kw_only=True, order=True)
class Crate:
    """A crate of a registry.

    Attributes:
        name: of the crate.
        version: of the crate.
        checksum: hexadecimal SHA-256 of its archive.
    """

    name: str
    version: str
    checksum: str

    @property
    def directory(self) -> str:
        """What it is called among vendored crates: two versions of one lie side by side."""
        return f"{self.name}-{self.version}"


def parse_cargo_lock(text: str, where: str, *, newest: int) -> tuple[Crate, ...]:
    """The crates of a registry that a lock names, ascending; members of the workspace are none.

    Args:
        text: of the lock.
        where: what errors call it.
        newest: the version of locks up to which the cargo that builds reads them.

    Raises:
        CargoLockError: it is no such lock, is too new, or names a crate that has no checksum or no registry.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise CargoLockError(f"{where} is no TOML: {error}") from error
    version: Any = document.get("version", 1)
    if not isinstance(version, int) or version > newest:
        raise CargoLockError(
            f"{where} has version {version!r}, and the cargo that builds reads those up to {newest}",
            hint=f"write it with a cargo that writes version {newest}, or give an environment with a later cargo",
        )
    packages: Any = document.get("package", [])
    if not isinstance(packages, list):
        raise CargoLockError(f"{where}: package is no list")
    return tuple(sorted(set(_crates(cast("list[object]", packages), where))))


def _crates(packages: list[object], where: str) -> Iterator[Crate]:
    for each in packages:
        if not isinstance(each, dict):
            raise CargoLockError(f"{where}: a package is no table")
        package = cast("dict[str, Any]", each)
        name, version = _word(package, "name", where), _word(package, "version", where)
        source = package.get("source")
        if source is None:
            continue
        if not str(source).startswith(("registry+", "sparse+")):
            raise CargoLockError(
                f"{where}: {name} {version} comes from {source}, which Cargo.lock does not pin by content",
                hint="use a released version, or a [patch] with a path into the source",
            )
        checksum = str(package.get("checksum", ""))
        if not _CHECKSUM.fullmatch(checksum):
            raise CargoLockError(
                f"{where}: {name} {version} has no checksum",
                hint="cargo 1.41 and later write it beside the version: cargo generate-lockfile",
            )
        yield Crate(name=name, version=version, checksum=checksum)


def _word(package: Mapping[str, Any], key: str, where: str) -> str:
    value = package.get(key)
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise CargoLockError(f"{where}: a package has no {key} that could be one: {value!r}")
    return value


def pinned(crates: Iterable[Crate], pins: Iterable[hm.Pin], where: str) -> tuple[tuple[Crate, hm.Pin], ...]:
    """Each crate with the pin that has it, in the order of the crates.

    Args:
        crates: of the lock.
        pins: those of other kinds than ``crate`` are passed over.
        where: what errors call the lock.

    Raises:
        MissingCrate: crates have no pin; the error names all of them.
        CrateMismatch: a pin has other content than the lock says.
    """
    wanted = tuple(crates)
    known = {(pin.name, pin.version): pin for pin in pins if pin.kind == "crate"}
    if missing := [each for each in wanted if (each.name, each.version) not in known]:
        raise MissingCrate(
            f"{where} names {len(missing)} {'crate' if len(missing) == 1 else 'crates'} that no pin has",
            details=tuple((each.name, each.version) for each in missing),
            hint="hermetica lock cargo pins what Cargo.lock names; give its pins: pins=lock.group(…).pins",
        )
    found = tuple((each, known[each.name, each.version]) for each in wanted)
    for crate, pin in found:
        if (pin.algorithm, pin.hash) != ("sha256", crate.checksum):
            raise CrateMismatch(
                f"the pin of {crate.name} {crate.version} has other content than {where} says",
                details=((where, f"sha256 {crate.checksum}"), ("pin", f"{pin.algorithm} {pin.hash}")),
                hint="hermetica update makes the pins again from the Cargo.lock that they came from",
            )
    return found
