"""Converters of fields: what the user wrote, frozen, or refused with the field's name.

A string where a list belongs, or a set where order counts, is a mistake that Python would let pass in silence. Each
converter has the name of its field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

from hermetica.model.canonical import UnhashableValue, refuse, with_article

if TYPE_CHECKING:
    from hermetica.model.canonical import Json
    from hermetica.model.outputs import OutputChecks

EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})
DEFAULT_OUTPUTS: Final = ("out",)
_STRING = frozenset({str})


def _as_tuple(values: object, field: str) -> tuple[str, ...]:
    kind = type(values)
    if (kind is tuple or kind is list) and _STRING.issuperset(map(type, cast("Iterable[object]", values))):
        return tuple(cast("Iterable[str]", values))  # the common case, without a step of Python for each
    if issubclass(kind, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise UnhashableValue(field, with_article(kind.__name__), "write a list of strings")
    items = tuple(cast("Iterable[object]", values))
    for index, item in enumerate(items):
        if type(item) is not str:
            raise refuse(item, f"{field}[{index}]", "only strings may; write str(...)")
    return cast("tuple[str, ...]", items)


def _ordered(values: Iterable[str], field: str) -> tuple[str, ...]:
    if issubclass(type(values), set | frozenset):
        raise refuse(cast("object", values), field)
    return _as_tuple(values, field)


def _mapping(values: object, field: str) -> Mapping[str, Any]:
    if type(values) is not dict and not isinstance(values, Mapping):  # the first is the faster test
        raise refuse(values, field, "write a mapping: {name: value}")
    items = cast("Mapping[str, Any]", values)
    return MappingProxyType(dict(items)) if items else EMPTY


def sorted_names(values: Iterable[str], field: str) -> tuple[str, ...]:
    """Strings that have no order of their own: ascending, each once."""
    return tuple(sorted(set(_as_tuple(values, field))))


def args(values: Iterable[str]) -> tuple[str, ...]:
    """In order."""
    return _ordered(values, "args")


def outputs(values: Iterable[str]) -> tuple[str, ...]:
    """In order: the first is the default."""
    if values is DEFAULT_OUTPUTS:
        return DEFAULT_OUTPUTS
    names = _ordered(values, "outputs")
    return DEFAULT_OUTPUTS if names == DEFAULT_OUTPUTS else names  # those need no check


def env(values: Mapping[str, str]) -> Mapping[str, str]:
    """A mapping."""
    return _mapping(values, "env")


def structured(values: Mapping[str, Json] | None) -> Mapping[str, Json] | None:
    """A mapping, or None."""
    return None if values is None else _mapping(values, "structured")


def pass_as_file(values: Iterable[str]) -> tuple[str, ...]:
    """Names without order."""
    return () if values == () else sorted_names(values, "pass_as_file")


def export_references(values: Mapping[str, str]) -> Mapping[str, str]:
    """A mapping."""
    return EMPTY if values is EMPTY else _mapping(values, "export_references")


def checks(values: Mapping[str, OutputChecks]) -> Mapping[str, OutputChecks]:
    """A mapping."""
    return EMPTY if values is EMPTY else _mapping(values, "checks")


def features(values: Iterable[str]) -> tuple[str, ...]:
    """Names without order."""
    return () if values == () else sorted_names(values, "features")
