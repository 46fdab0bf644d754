"""What a collection or a deletion took, in words and as ``hermetica.collected/1``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from hermetica.cli.views.words import many, size

if TYPE_CHECKING:
    from hermetica.cli.session import Session
    from hermetica_store import Collected


def plain(value: Any) -> Any:
    """A value of the store as JSON: attrs classes as objects, paths and digests as text."""
    if attrs.has(type(value)):
        if not isinstance(value, str) and hasattr(value, "base"):
            return str(value)
        return {field.name: plain(getattr(value, field.name)) for field in attrs.fields(type(value))}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- any value
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType] -- any value
    return value if value is None or isinstance(value, str | int | float) else str(value)


def tell(session: Session, collected: Collected, *, dry_run: bool) -> None:
    """Prints the objects that went, or would go, and says how much that is."""
    document = {"format": "hermetica.collected/1", "dry_run": dry_run, **plain(collected)}
    session.console.result(document, map(str, collected.paths))
    verb = "would be deleted" if dry_run else "deleted"
    logs = f", {many(collected.logs, 'log')}" if collected.logs else ""
    scratch = f", {many(collected.scratch, 'kept build')}" if collected.scratch else ""
    session.console.say(f"{many(len(collected.paths), 'object')}{logs}{scratch} {verb}: {size(collected.size_bytes)}")
