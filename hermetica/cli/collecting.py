"""What a collection or a deletion took, in words and as ``hermetica.collected/1``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import attrs

from hermetica.cli.views.words import many, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermetica.cli.session import Session
    from hermetica_store import Collected


def plain(value: Any) -> Any:
    """A value of the store as JSON: attrs classes as objects, paths and digests as text."""
    if attrs.has(value.__class__):
        if hasattr(value, "base"):
            return str(value)
        return {name: plain(item) for name, item in attrs.asdict(value, recurse=False).items()}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast("Mapping[object, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast("Sequence[Any]", value)]
    return value if value is None or isinstance(value, str | int | float) else str(value)


def tell(session: Session, collected: Collected, *, dry_run: bool) -> None:
    """Prints the objects that went, or would go, and says how much that is."""
    paths = [str(path) for path in collected.paths]
    document = {
        "format": "hermetica.collected/1",
        "dry_run": dry_run,
        **plain(attrs.evolve(collected, paths=())),
        "paths": paths,
        "total_bytes": collected.total_bytes,
    }
    session.console.result(document, paths)
    verb = "would be deleted" if dry_run else "deleted"
    logs = f", {many(collected.logs, 'log')}" if collected.logs else ""
    scratch = f", {many(collected.scratch, 'kept build')}" if collected.scratch else ""
    session.console.say(f"{many(len(collected.paths), 'object')}{logs}{scratch} {verb}: {size(collected.total_bytes)}")
