"""Sources enter the store only when a build needs them, and only as what they were when they were hashed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hermetica.realize.errors import InvalidInput
from hermetica_store import SourceChanged

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermetica.model import Derivation, Source
    from hermetica_store import Lease, ObjectStore


def add_sources(
    derivation: Derivation, store: ObjectStore, lease: Lease, is_cancelled: Callable[[], bool] = lambda: False
) -> None:
    """Copies what ``derivation`` takes from the host and the store does not have; the lease holds all of it.

    Raises:
        InvalidInput: a source is gone, or is not what it was.
        StoreError: it cannot be stored.
    """
    for source in derivation.sources:
        if not (store.has(source.path) and lease.hold([source.path])):
            with store.claim(source.path.digest.encode(), cancelled=is_cancelled):
                _add(source, derivation, store, lease)


def _add(source: Source, derivation: Derivation, store: ObjectStore, lease: Lease) -> None:
    if source.root is None:
        raise InvalidInput(
            derivation,
            f"{source.path} is not in this store",
            hint="bring it here first: it was declared by its path alone",
        )
    if store.has(source.path) and lease.hold([source.path]):
        return
    root = Path(source.root)
    if not root.exists():
        raise InvalidInput(derivation, f"the source {root} is gone")
    try:
        store.add_tree(root, source.path.name, lease=lease, files=source.files, expected=source.path)
    except SourceChanged as error:
        raise InvalidInput(
            derivation,
            f"the source {root} changed since it was hashed",
            details=error.details,
            hint="run again: what is there now will be hashed, and built",
        ) from error
