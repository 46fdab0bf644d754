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
    from collections.abc import Callable, Iterator

    from hermetica.model import Derivation
    from hermetica.realize.context import RunContext
    from hermetica_store import ObjectStore, StorePath


def tree_in(store: ObjectStore, derivation: Derivation) -> StorePath | None:
    """The object of a store that is the tree a fixed output must be; None where it is not there."""
    fixed = derivation.fixed
    if fixed is None or fixed.method != "tree" or not fixed.is_known:
        return None
    path = store_path(derivation.name, Digest.parse(fixed.digest))
    return path if store.has(path) else None


def file_in(
    store: ObjectStore, derivation: Derivation, held: Callable[[StorePath], bool] = lambda _: True
) -> Iterator[StorePath]:
    """The objects of a store that have the derivation's name, and bytes with its hash.

    Args:
        store: where to look.
        derivation: a fixed output.
        held: asked before an object is read.
    """
    fixed = derivation.fixed
    if fixed is None or fixed.method != "flat" or not fixed.is_known:
        return
    for path in store.paths():
        if path.name != derivation.name or not held(path):
            continue
        place = store.on_disk(path)
        if place.is_file() and not place.is_symlink() and file_hash(place, fixed.algorithm) == fixed.digest:
            yield path


def present_tree(derivation: Derivation, context: RunContext) -> StorePath | None:
    """The object that is the tree a fixed output must be, held; None where it is not there."""
    path = tree_in(context.store, derivation)
    return path if path is not None and context.lease.hold([path]) else None


def present_file(derivation: Derivation, context: RunContext) -> StorePath | None:
    """An object of the derivation's name whose bytes have its hash, held; None where there is none."""
    return next(file_in(context.store, derivation, lambda path: bool(context.lease.hold([path]))), None)
