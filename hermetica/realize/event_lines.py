"""An event as one line of JSON, for who writes thousands of them: the text of `Event.to_json`, encoded in one go.

What the encoder knows by itself is left to it: tuples, mappings, enumerations of texts. Pure. Source: docs/events.md.
"""

from __future__ import annotations

import json
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.errors import HermeticaError
from hermetica.realize.error_form import error_json
from hermetica.realize.events import FORMAT

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermetica.realize.events import Event


def _form(value: object) -> object:
    if isinstance(value, HermeticaError):
        return error_json(value)
    raise TypeError(f"no event holds a {type(value).__name__}")


_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False, default=_form).encode


@attrs.frozen
class _Kind:
    """How every line of a kind of event begins, the names of its fields, and what gives their values."""

    head: str
    names: tuple[str, ...]
    values: Callable[[Event], tuple[Any, ...]]

    @classmethod
    def of(cls, kind: type[Event]) -> _Kind:
        names = tuple(field.name for field in attrs.fields(kind))
        return cls(_encode({"format": FORMAT, "kind": kind.kind})[:-1], names, attrgetter(*names))


_KINDS: Final[dict[type[Event], _Kind]] = {}


def event_line(event: Event) -> str:
    """The event as JSON, with a line feed at its end and none before."""
    kind = _KINDS.get(type(event)) or _KINDS.setdefault(type(event), _Kind.of(type(event)))
    return f"{kind.head},{_encode(dict(zip(kind.names, kind.values(event), strict=True)))[1:]}\n"
