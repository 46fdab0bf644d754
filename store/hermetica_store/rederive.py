"""The row of an object made anew from its files: a store path certifies what it names.

Whatever digest and references make the very path of the object are those that it was registered with.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hermetica_store.codec import ObjectInfo
from hermetica_store.copy import copy_tree
from hermetica_store.errors import StoreError
from hermetica_store.manifest import encode_manifest
from hermetica_store.path import StorePath
from hermetica_store.prepare import Candidate, prepare
from hermetica_store.rows import register
from hermetica_store.schema import OBJECTS
from hermetica_store.scratch import scratch

if TYPE_CHECKING:
    from hermetica_store.prepare import Prepared
    from hermetica_store.shared import Shared
    from hermetica_store.transaction import Transaction


def register_anew(shared: Shared, path: StorePath, damaged: bytes) -> bool:
    """Replace the damaged row of an object whose files are as they were; whether that could be.

    Args:
        shared: the store.
        path: the object.
        damaged: what its row is.
    """
    made = _derive(shared, path)
    if made is None:
        return False
    base = path.base.encode()
    info = ObjectInfo(
        path=path,
        tree=made.tree,
        modulo=made.modulo,
        size_bytes=made.size_bytes,
        references=made.references,
        registered_at=time.time_ns() // 1000 / 1_000_000,
    )

    def apply(tx: Transaction) -> bool:
        if tx.get(OBJECTS, base) != damaged:
            return False
        register(tx, info, encode_manifest(made.content))
        return True

    return shared.writer.run(apply)


def _derive(shared: Shared, path: StorePath) -> Prepared | None:
    bases = [
        base
        for store in (shared, *shared.lowers)
        for base in store.index.read(lambda tx: [base for base, _ in tx.items(OBJECTS)])
    ]
    known = [other for other in map(_parsed, bases) if other is not None and other != path]
    for discard in (False, True):
        with scratch(shared.layout) as room:
            tree = room.path / "tree"
            candidate = Candidate(
                tree=tree,
                name=path.name,
                scratch_digest=path.digest,
                discard_references=discard,
                check_writers=False,
            )
            try:
                copy_tree(shared.layout.objects / path.base, tree)
                (made,) = prepare([candidate], known)
            except StoreError:
                return None
        if made.path == path:
            return made
    return None


def _parsed(base: bytes) -> StorePath | None:
    try:
        return StorePath.parse_base(base.decode())
    except (StoreError, ValueError):
        return None
