"""The JSON form of an error, as events and results have it. Source: docs/events.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hermetica.errors import HermeticaError


def error_json(error: HermeticaError) -> dict[str, Any]:
    """An error as JSON: its code and the parts that a front end lays out."""
    if (recorded := getattr(error, "document", None)) is not None:  # one that was read from such a form
        return dict(recorded)
    document = {
        "code": error.code,
        "class": type(error).__name__,
        "message": error.message,
        "details": [list(pair) for pair in error.details],
        "hint": error.hint,
        "origin": error.origin,
        "via": list(error.via),
    }
    more = {"log_tail": getattr(error, "log_tail", None), "differences": getattr(error, "differences", None)}
    return {**document, **{name: value for name, value in more.items() if value}}
