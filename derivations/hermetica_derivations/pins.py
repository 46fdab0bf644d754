"""The pinned content that these recipes start from: ``hermetica.lock`` of this package, as derivations."""

from __future__ import annotations

import functools
from pathlib import Path

import hermetica as hm


@functools.cache
def lock() -> hm.Lock:
    """The lock of this package."""
    text = Path(__file__).with_name("hermetica.lock").read_text(encoding="utf-8")
    return hm.Lock.parse(text, where="hermetica_derivations/hermetica.lock")


def fetch(pin: hm.Pin) -> hm.Derivation:
    """The file that ``pin`` names."""
    architecture = "source" if pin.kind == "debian-source" else "amd64"
    return pin.fetch(hm.Meta(purl=f"pkg:deb/debian/{pin.name}@{pin.version}?arch={architecture}"))


def debs(group: str) -> list[hm.Derivation]:
    """The binary packages of a group of the lock.

    Raises:
        LockError: the lock has no such group.
    """
    return [fetch(pin) for pin in lock().group(group).pins if pin.kind == "debian"]


def source(name: str) -> hm.Derivation:
    """Upstream's tarball of a source package.

    Raises:
        LockError: the lock has none of this name.
    """
    return fetch(lock().group("sources").pin(name, kind="debian-source"))
