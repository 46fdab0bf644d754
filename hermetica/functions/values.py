"""Values as JSON that gives the same values back: what arguments and constants of builders travel as.

Strings, booleans, None, lists and integers that every reader of JSON agrees on stand for themselves. Everything else
is an object with one member, named after the type: canonical JSON has no tuples, bytes or floats, and no keys but
strings. Members of sets are ordered by their canonical text. Source: docs/python-builders.md, "Arguments".
"""

from __future__ import annotations

import re
from base64 import b64encode
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.model.canonical import INTEGER_MAX, text_of_normalised, with_article
from hermetica.model.input import Input

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hermetica.model.canonical import Json

NESTING_MAX: Final = 40  # canonical JSON bears 100 levels; one of ours takes up to three
_WAYS: Final = {
    "PosixPath": "a path of the host is no input; declare it with hm.source(...)",
    "function": "name it in the builder's own text",
    "type": "name it in the builder's own text",
    "builtin_function_or_method": "name it in the builder's own text",
    "generator": "write a list or a tuple",
    "range": "write a list or a tuple",
}


@attrs.frozen
class NoPlainData(Exception):
    """Something among the values has no form; it never leaves this room.

    Attributes:
        where: such as ``title`` or ``rows[2]``.
        what: such as ``a list``.
        way: what to write instead.
    """

    where: str
    what: str
    way: str


def encode(value: object, where: str, *, changeable: bool = True, depth: int = 0) -> Json:
    """``value`` as JSON.

    Args:
        value: what the user wrote.
        where: the name of the parameter or of the constant.
        changeable: whether lists, dictionaries and sets may be in it; of a constant of a module nobody can tell who
            changes them.
        depth: how many values it stands in.

    Raises:
        NoPlainData: something in it has no form.
    """
    if value is None or type(value) is str or type(value) is bool:
        return value
    if type(value) is int:
        return value if -INTEGER_MAX <= value <= INTEGER_MAX else {"int": hex(value)}
    if depth > NESTING_MAX:
        raise NoPlainData(where, "a value in itself, or nested so deep,", "pass less at once")
    if isinstance(value, Input):
        if not changeable:
            raise NoPlainData(where, with_article(type(value).__name__), "pass it as an argument")
        return {"input": str(value)}
    form = _FORMS.get(type(value))
    if form is None:
        way = _WAYS.get(type(value).__name__, "pass plain data: strings, numbers, tuples, dictionaries, bytes")
        raise NoPlainData(where, with_article(type(value).__name__), way)
    if not changeable and (instead := _UNCHANGEABLE.get(type(value))):
        raise NoPlainData(where, f"{with_article(type(value).__name__)}, which can change", instead)

    def inner(item: object, place: str) -> Json:
        return encode(item, f"{where}{place}", changeable=changeable, depth=depth + 1)

    return form(value, inner)


def _items(values: Any, inner: Callable[[object, str], Json]) -> list[Json]:
    return [inner(item, f"[{index}]") for index, item in enumerate(values)]


def _pairs(values: Mapping[Any, Any], inner: Callable[[object, str], Json]) -> list[Json]:
    return [[inner(key, f", key {key!r}"), inner(value, f"[{key!r}]")] for key, value in values.items()]


def _members(values: Any, inner: Callable[[object, str], Json]) -> list[Json]:
    return sorted((inner(item, f", member {item!r}") for item in values), key=text_of_normalised)


_FORMS: Final[Mapping[type, Callable[[Any, Callable[[object, str], Json]], Json]]] = {
    bytes: lambda value, _: {"bytes": b64encode(value).decode()},
    dict: lambda value, inner: {"dict": _pairs(value, inner)},
    float: lambda value, _: {"float": value.hex()},
    frozenset: lambda value, inner: {"frozenset": _members(value, inner)},
    list: _items,
    MappingProxyType: lambda value, inner: {"mapping": _pairs(value, inner)},
    re.Pattern: lambda value, inner: {"pattern": [inner(value.pattern, ".pattern"), value.flags]},
    set: lambda value, inner: {"set": _members(value, inner)},
    tuple: lambda value, inner: {"tuple": _items(value, inner)},
}
_UNCHANGEABLE: Final[Mapping[type, str]] = {
    dict: "make it types.MappingProxyType({...}), or pass it as an argument",
    list: "make it a tuple, or pass it as an argument",
    set: "make it a frozenset, or pass it as an argument",
}
