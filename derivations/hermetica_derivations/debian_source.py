"""Debian's source packages, unpacked and patched: what ``dpkg-source -x`` gives, in the sandbox, from pins.

Formats 3.0 (quilt), 3.0 (native) and 1.0. Source: dpkg-source(1).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import hermetica as hm
from hermetica_derivations.pins import lock
from hermetica_derivations.scripts import read

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["debian_source"]

_SOURCE: Final = "debian-source"
_CHANGES: Final = "debian-changes"


def debian_source(
    name: str, *, pins: Sequence[hm.Pin] | None = None, rootfs: hm.Derivation | None = None
) -> hm.Derivation:
    """The tree of a source package, with Debian's changes and all patches of its series applied.

    There is no ``.pc``: nothing will be unapplied.

    Args:
        name: of the source package.
        pins: of a group that was locked with ``--source NAME --packaging``; the group ``sources`` of the own lock
            where none are given.
        rootfs: a tree with a shell and GNU patch; that of the standard environment where none is given.

    Raises:
        LockError: what is needed of the package is not pinned.
    """
    pins = lock().group("sources").pins if pins is None else pins
    main = _pin(pins, name, _SOURCE)
    made = f"{name}-{re.sub('[:~]', '-', main.version)}-source"
    if "-" not in main.version:  # native: there is nothing but its own tarball
        return hm.unpack(main.fetch(), name=made)
    changes = _pin(pins, name, _CHANGES)
    mark = f"{name}+"
    components = {
        pin.name.removeprefix(mark): hm.unpack(pin.fetch())
        for pin in pins
        if pin.kind == _SOURCE and pin.name.startswith(mark) and pin.version == main.version
    }
    variable = "diff" if changes.file_name.endswith(".diff.gz") else "changes"
    unpacked = hm.unpack(changes.fetch(), name=f"{changes.file_name}-unpacked", strip_components=0)
    parts = " ".join(f"{part}={tree}" for part, tree in sorted(components.items()))
    return hm.run(
        made,
        read("debian-source.sh"),
        rootfs=_tools() if rootfs is None else rootfs,
        env={"components": parts, variable: f"{unpacked}"},
        upstream=hm.unpack(main.fetch()),
    )


def _tools() -> hm.Derivation:
    from hermetica_derivations.environment import BASE_C  # noqa: PLC0415 -- importing it makes its derivations

    return BASE_C.rootfs


def _pin(pins: Sequence[hm.Pin], name: str, kind: str) -> hm.Pin:
    found = [pin for pin in pins if pin.name == name and pin.kind == kind]
    if len(found) != 1:
        raise hm.LockError(
            f"{name} is pinned {len(found)} times as {kind}, and once is needed",
            hint=f"hermetica lock debian SUITE --source {name} --packaging",
        )
    return found[0]
