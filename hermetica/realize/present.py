"""Fixed outputs that are in the store although nothing says so: added by hand, imported, or known by another hash.

The path of a tree follows from its hash, so it is looked for at once. The hash of a file's bytes says nothing of its
path: objects of its name are read, and only when nothing else could be had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica.realize.finish import file_hash
from hermetica_store.digest import Digest
from hermetica_store.path import store_path

if TYPE_CHECKING:
    from hermetica.model import Derivation
    from hermetica.realize.context import RunContext
    from hermetica_store import StorePath


def present_tree(derivation: Derivation, context: RunContext) -> StorePath | None:
    """The object that is the tree a fixed output must be, held; None where it is not there."""
    fixed = derivation.fixed
    if fixed is None or fixed.method != "tree" or not fixed.is_known:
        return None
    path = store_path(derivation.name, Digest.parse(fixed.digest))
    return path if context.store.has(path) and context.lease.hold([path]) else None


def present_file(derivation: Derivation, context: RunContext) -> StorePath | None:
    """An object of the derivation's name whose bytes have its hash, held; None where there is none."""
    fixed = derivation.fixed
    if fixed is None or fixed.method != "flat" or not fixed.is_known:
        return None
    for path in context.store.paths():
        if path.name != derivation.name or not context.lease.hold([path]):
            continue
        place = context.store.on_disk(path)
        if place.is_file() and not place.is_symlink() and file_hash(place, fixed.algorithm) == fixed.digest:
            return path
    return None
