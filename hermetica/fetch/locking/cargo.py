"""Pins from ``Cargo.lock``. Pure.

Crates of a registry become ``mirror://crates/NAME/NAME-VERSION.crate``; members of the workspace need no pin. Source:
The Cargo Book, *Registry Index* and *Cargo.toml vs Cargo.lock*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hermetica.fetch.lock_pin import Pin
from hermetica.fetch.locking.foreign import ForeignLockError, pins, read_toml, rows, word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_REGISTRIES: Final = ("registry+", "sparse+")


def cargo_pins(text: str, where: str) -> tuple[Pin, ...]:
    """A pin for every crate of a registry that the lock names; a crate in two versions has two.

    Args:
        text: of the lock.
        where: what errors call it.

    Raises:
        ForeignLockError: it is no such lock, or names a crate that is not pinned by its content.
    """
    document = read_toml(text, where)
    if "package" not in document:
        raise ForeignLockError(f"{where} is no Cargo.lock: it has no package", origin=where)
    return pins(_pins(rows(document["package"], where, "package"), where), where)


def _pins(packages: list[Mapping[str, Any]], where: str) -> Iterator[Pin]:
    for package in packages:
        name = word(package, "name", where, "a package")
        version = word(package, "version", where, name)
        if "source" not in package:
            continue
        source = word(package, "source", where, name)
        if not source.startswith(_REGISTRIES):
            raise ForeignLockError(
                f"{where}: {name} comes from {source}, which Cargo.lock does not pin by content",
                hint="use a released version, or fetch it with hm.fetchgit and a [patch]",
                origin=where,
            )
        yield Pin(
            kind="crate",
            name=name,
            version=version,
            algorithm="sha256",
            hash=word(package, "checksum", where, f"{name} {version}"),
            size_bytes=None,
            addresses=(f"mirror://crates/{name}/{name}-{version}.crate",),
        )
