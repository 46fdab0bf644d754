"""The JSON forms of events: a schema that is made from the classes, and events read back from what was written.

The text in the schema is that of the docstrings; the types are those of the fields. Pure.
Source: JSON Schema, draft 2020-12.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, cast, get_args, get_origin, get_type_hints

import attrs

from hermetica.errors import HermeticaError
from hermetica.realize.events import FORMAT, Event
from hermetica.realize.outcome import Outcome
from hermetica.realize.plan import Work

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NAMES: Final = {"Mapping": Mapping, "HermeticaError": HermeticaError, "Outcome": Outcome, "Work": Work}
_ENTRY: Final = re.compile(r"^    (\w+): (.+?)(?=^    \w+: |\Z)", re.MULTILINE | re.DOTALL)
_TEXT: Final[Mapping[str, Any]] = {"type": "string"}
_TEXT_OR_NULL: Final[Mapping[str, Any]] = {"type": ["string", "null"]}
_ERROR: Final[Mapping[str, Any]] = {
    "description": "What went wrong, in the parts that a front end lays out.",
    "type": "object",
    "properties": {
        "code": {**_TEXT, "description": "Stable identifier.", "pattern": "^HM[0-9]{3}$"},
        "class": {**_TEXT, "description": "The name of its class."},
        "message": {**_TEXT, "description": "One line: what is wrong, with which thing."},
        "details": {
            "description": "Pairs of label and text, in the order to print.",
            "type": "array",
            "items": {"type": "array", "prefixItems": [_TEXT, _TEXT], "minItems": 2, "maxItems": 2},
        },
        "hint": {**_TEXT_OR_NULL, "description": "The way out."},
        "origin": {**_TEXT_OR_NULL, "description": "The line of the user's file that caused it, file:line."},
        "via": {
            "description": "Calls that only passed it on, file:line in function, outermost first.",
            "type": "array",
            "items": _TEXT,
        },
        "log_tail": {**_TEXT, "description": "The last lines of the log; only where there are any."},
        "differences": {
            "type": "object",
            "description": "hermetica.differences/1; only of what is not reproducible.",
        },
    },
    "required": ["code", "class", "message", "details", "hint", "origin", "via"],
}


class NotAnEvent(HermeticaError):
    """A JSON value that should be an event and is none."""

    code = "HM660"


class RecordedError(HermeticaError):
    """An error of a run that is over, as its event tells of it.

    Attributes:
        document: the form that it was read from; ``code`` and ``class`` are those of the error that was.
        log_tail: the last lines of the log.
    """

    code = "HM661"

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(
            document["message"],
            details=tuple((label, text) for label, text in document["details"]),
            hint=document["hint"],
            origin=document["origin"],
        )
        self.via = tuple(document["via"])
        self.document = document
        self.log_tail: str = document.get("log_tail", "")
        self.__dict__["code"] = document["code"]


@cache
def event_classes() -> Mapping[str, type[Event]]:
    """The classes of events by kind, in the order in which they are defined."""
    return {each.kind: each for each in Event.__subclasses__() if each.__module__ == Event.__module__}


def event_schema() -> dict[str, Any]:
    """The JSON Schema of one event: what this version writes. Fields and kinds may be added to it at any time."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:{FORMAT.replace('.', ':').replace('/', ':')}",
        "title": FORMAT,
        "description": "One event of a run. New fields and kinds may come at any time: pass over what you do not know.",
        "oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in event_classes()],
        "$defs": {kind: _object(each) for kind, each in event_classes().items()} | {"error": _ERROR},
    }


def read_event(document: object) -> Event | None:
    """An event from its JSON form; None of a kind that this version does not know.

    Raises:
        NotAnEvent: it is none, or lacks what its kind has.
    """
    if not isinstance(document, dict):
        raise NotAnEvent("not an event", details=(("expected", FORMAT), ("got", type(document).__name__)))
    fields = cast("dict[str, Any]", document)
    if fields.get("format") != FORMAT:
        raise NotAnEvent("not an event", details=(("expected", FORMAT), ("got", str(fields.get("format")))))
    kind = event_classes().get(str(fields.get("kind")))
    if kind is None:
        return None
    try:
        return kind(**{name: _read(hint, fields[name]) for name, hint in _hints()[kind.kind].items() if name in fields})
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise NotAnEvent(f"an event of kind {kind.kind} is not whole", details=(("cause", str(error)),)) from error


@cache
def _hints() -> Mapping[str, Mapping[str, Any]]:
    """The types of the fields, by kind."""
    types = {kind: get_type_hints(each, localns=_NAMES) for kind, each in event_classes().items()}
    return {
        kind: {field.name: types[kind][field.name] for field in attrs.fields(each)}
        for kind, each in event_classes().items()
    }


def _object(kind: type[Event]) -> dict[str, Any]:
    told = _told(Event) | _told(kind)
    own = {name: {**_form(hint), "description": told.get(name, "")} for name, hint in _hints()[kind.kind].items()}
    return {
        "title": kind.__name__,
        "description": (inspect.getdoc(kind) or "").partition("\n\n")[0].replace("\n", " "),
        "type": "object",
        "properties": {"format": {"const": FORMAT}, "kind": {"const": kind.kind}, **own},
        "required": ["format", "kind", *own],
    }


def _told(kind: type[Event]) -> dict[str, str]:
    """What the docstring of a class says of each of its fields."""
    _, _, text = (inspect.getdoc(kind) or "").partition("Attributes:\n")
    found = {
        name: " ".join(told.split()).replace("``", "").replace("None", "null") for name, told in _ENTRY.findall(text)
    }
    return {name: told[0].upper() + told[1:] for name, told in found.items()}


def _form(hint: Any) -> dict[str, Any]:
    """The schema of a field's type."""
    if get_origin(hint) is UnionType:
        (inner,) = (each for each in get_args(hint) if each is not NoneType)
        form = _form(inner)
        return {"anyOf": [form, {"type": "null"}]} if "$ref" in form else {**form, "type": [form["type"], "null"]}
    if get_origin(hint) is Mapping:
        return {"type": "object", "additionalProperties": _form(get_args(hint)[1])}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _form(get_args(hint)[0])}
    if hint is HermeticaError:
        return {"$ref": "#/$defs/error"}
    if hint in {Outcome, Work}:
        return {"type": "string", "enum": [str(each) for each in hint]}
    forms: dict[Any, dict[str, Any]] = {
        str: {"type": "string"},
        int: {"type": "integer", "minimum": 0},
        float: {"type": "number", "minimum": 0},
    }
    return forms[hint]


def _read(hint: Any, value: Any) -> Any:
    """A field's value from its JSON form."""
    if get_origin(hint) is UnionType:
        return None if value is None else _read(next(each for each in get_args(hint) if each is not NoneType), value)
    if get_origin(hint) is Mapping:
        return {str(key): _read(get_args(hint)[1], each) for key, each in value.items()}
    if get_origin(hint) is tuple:
        return tuple(_read(get_args(hint)[0], each) for each in value)
    if hint is HermeticaError:
        return RecordedError(value)
    if hint in {str, int, float} and not isinstance(value, (str,) if hint is str else (int, float)):
        raise TypeError(f"{value!r} is no {hint.__name__}")
    return hint(value)
