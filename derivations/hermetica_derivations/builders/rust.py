"""Crates of Rust: cargo without a network, its dependencies from pins, its programs on the run time of packages.

Source: The Cargo Book, *Source Replacement* and *Vendoring*; docs/rust.md says what a build does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import hermetica as hm
from hermetica_derivations.build_systems import BuildSystem
from hermetica_derivations.builders.cargo_lock import Crate, parse_cargo_lock, pinned
from hermetica_derivations.environment import Environment
from hermetica_derivations.pins import debs
from hermetica_derivations.scripts import read
from hermetica_derivations.stdenv import mk_derivation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["CARGO", "NEWEST_LOCK", "RUST", "mk_crate", "rust"]

NEWEST_LOCK: Final = 3
"""The version of ``Cargo.lock`` up to which the pinned cargo reads it."""

rust = hm.debian_rootfs("debian-rust", debs("rust"))
"""The tree ``base_cxx`` with rustc and cargo."""

RUST: Final = Environment.of(rust)
"""The tools of ``BASE_CXX`` with rustc 1.63 and cargo 0.66."""

CARGO: Final = BuildSystem(
    name="cargo", phases=read("cargo.sh"), words=("cargo_flags", "cargo_test_flags"), environment=RUST
)
"""``cargo build --release``, ``cargo test``, and the programs in ``bin``."""


def mk_crate(
    *,
    name: str,
    src: hm.Derivation | hm.Source,
    cargo_lock: str | None = None,
    pins: Iterable[hm.Pin] = (),
    env: Mapping[str, str] | None = None,
    environment: Environment | None = None,
    newest_lock: int = NEWEST_LOCK,
    **settings: Any,
) -> hm.Derivation:
    """The programs of a crate, or of a workspace.

    Args:
        name: of the derivation.
        src: a directory, an archive, or a crate as registries have it.
        cargo_lock: the text of its ``Cargo.lock``; None where it needs no crate but its own.
        pins: of the crates that the lock names, of kind ``crate``; there may be more.
        env: further variables; ``RUSTFLAGS`` is added to the builder's own.
        environment: the tools, where not the pinned rustc and cargo.
        newest_lock: the version of locks that the cargo of ``environment`` reads.
        settings: ``cargo_flags``, ``cargo_test_flags``, and all of ``mk_derivation``, such as ``do_check``.

    Raises:
        CargoLockError: the lock is none, or names crates that cannot be pinned.
        MissingCrate: a crate has no pin.
        CrateMismatch: a pin and the lock disagree.
        UnknownSetting: a setting has no meaning.
    """
    crates = () if cargo_lock is None else parse_cargo_lock(cargo_lock, f"{name}: Cargo.lock", newest=newest_lock)
    found = pinned(crates, pins, f"{name}: Cargo.lock")
    own = {
        "crates": "\n".join(f"{crate.directory} {crate.checksum} {_unpacked(crate, pin)}" for crate, pin in found),
        "cargo_lock": "" if cargo_lock is None else str(hm.text("Cargo.lock", cargo_lock)),
    }
    if isinstance(src, hm.Derivation) and src.name.endswith(".crate"):
        src = hm.unpack(src, name=src.name.removesuffix(".crate"))
    return mk_derivation(
        name=name, src=src, build_system=CARGO, environment=environment, env={**(env or {}), **own}, **settings
    )


def _unpacked(crate: Crate, pin: hm.Pin) -> hm.Derivation:
    purl = f"pkg:cargo/{crate.name}@{crate.version}"
    return hm.unpack(pin.fetch(hm.Meta(purl=purl)), name=crate.directory, strip_components=1)
