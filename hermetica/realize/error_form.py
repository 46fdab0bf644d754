"""The JSON form of an error, as events and results have it. Source: docs/events.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hermetica.errors import HermeticaError


def error_json(error: HermeticaError) -> dict[str, Any]:
    """An error as JSON: its code and the parts that a front end lays out."""
    if (recorded := getattr(error, "document", None)) is not None:  # one that was read from such a form
        return dict(recorded)
    more = {"log_tail": getattr(error, "log_tail", None), "differences": getattr(error, "differences", None)}
    return {**error_parts(error), **{name: value for name, value in more.items() if value}}


def error_parts(error: HermeticaError) -> dict[str, Any]:
    """What every error has, as JSON."""
    return {
        "code": error.code,
        "class": type(error).__name__,
        "message": error.message,
        "details": [list(pair) for pair in error.details],
        "hint": error.hint,
        "origin": error.origin,
        "via": list(error.via),
    }
