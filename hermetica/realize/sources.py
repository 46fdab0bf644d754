"""Sources enter the store only when a build needs them, and only as what they were when they were hashed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hermetica.realize.errors import InvalidInput
from hermetica_store import SourceChanged

if TYPE_CHECKING:
    from hermetica.model import Resolved, Source
    from hermetica.realize.context import RunContext


def add_sources(resolved: Resolved, context: RunContext) -> None:
    """Copies what ``resolved`` needs and the store does not have.

    Raises:
        InvalidInput: a source is gone, or is not what it was.
        StoreError: it cannot be stored.
    """
    for source in resolved.derivation.sources:
        if context.store.has(source.path) and context.lease.hold([source.path]):
            continue
        _add(source, resolved, context)


def _add(source: Source, resolved: Resolved, context: RunContext) -> None:
    if source.root is None:
        raise InvalidInput(
            resolved.derivation,
            f"{source.path} is not in this store",
            hint="bring it here first: it was declared by its path alone",
        )
    with context.store.claim(source.path.digest.encode(), cancelled=lambda: context.cancellation.is_cancelled):
        if context.store.has(source.path) and context.lease.hold([source.path]):
            return
        root = Path(source.root)
        if not root.exists():
            raise InvalidInput(resolved.derivation, f"the source {root} is gone")
        try:
            context.store.add_tree(
                root, source.path.name, lease=context.lease, files=source.files, expected=source.path
            )
        except SourceChanged as error:
            raise InvalidInput(
                resolved.derivation,
                f"the source {root} changed since it was hashed",
                details=error.details,
                hint="run again: what is there now will be hashed, and built",
            ) from error
