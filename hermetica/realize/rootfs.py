"""The builtins of trees of tools: a Debian package unpacked, and many of them merged by links."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hermetica.fetch.rootfs import ALTERNATIVES, TREE
from hermetica.fetch.rootfs_alternatives import Alternative, read_alternatives
from hermetica.fetch.rootfs_merge import MalformedPackage, Unpacked, merge
from hermetica_store.content import Folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hermetica_store import Composed, ObjectStore, Part, StorePath

_BELOW = TREE.encode() + b"/"


def merge_packages(
    store: ObjectStore, packages: Sequence[StorePath], trees: Sequence[StorePath], output: Path
) -> Composed:
    """Makes the tree of several packages at ``output``, by links.

    Args:
        store: where they are, and where the tree will be.
        packages: unpacked ones; where two have a path, the later one's stands.
        trees: whole trees that come after them.
        output: nothing is there yet.

    Raises:
        MalformedPackage: one is no unpacked package.
        PackageConflict: they do not fit together.
        DamagedPart: one is not what was registered.
    """
    parts = [(store.part(path), _BELOW) for path in packages] + [(store.part(path), b"") for path in trees]
    merged = merge([_unpacked(part, below) for part, below in parts])
    entries: dict[bytes, tuple[Part, bytes] | None] = {os.fsencode(path): None for path in merged.directories}
    for path, number in merged.leaves.items():
        part, below = parts[number]
        name = os.fsencode(path)
        entries[name] = (part, below + name)
    composed = store.compose(output, entries)
    for path, target in merged.links.items():
        (output / path).symlink_to(target)
    for path in merged.empty_files:
        (output / path).touch(mode=0o644)
    return composed


def _unpacked(part: Part, below: bytes) -> Unpacked:
    """What a package brings, from its object."""
    directories: list[str] = []
    leaves: list[str] = []
    for path, entry in part.entries.items():
        if len(path) > len(below) and path.startswith(below):
            names = directories if isinstance(entry, Folder) else leaves
            names.append(os.fsdecode(path[len(below) :]))
    alternatives = _alternatives(part) if below else ()
    return Unpacked(label=part.path.base, directories=directories, leaves=leaves, alternatives=alternatives)


def _alternatives(part: Part) -> tuple[Alternative, ...]:
    try:
        return read_alternatives((part.root / ALTERNATIVES).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MalformedPackage(f"{part.path} is no unpacked Debian package: {error}") from error
