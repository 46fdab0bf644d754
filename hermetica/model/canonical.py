"""Canonical JSON: the one byte form of a value, so that anybody with JSON and BLAKE3 can recompute an id.

The RFC 8785 subset of objects with string keys, arrays, strings, integers within ±2**53, true, false and null. Floats
have no portable text, sets no order, bytes no JSON form: they are refused, with the place where they stand.
Source: RFC 8785 (JSON Canonicalization Scheme); docs/format-derivation.md, "Canonical form".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from json.encoder import encode_basestring
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from hermetica.errors import EvaluationError
from hermetica.model.origin import user_line

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

Json: TypeAlias = "str | int | bool | Sequence[Json] | Mapping[str, Json] | None"

INTEGER_MAX: Final = 2**53
WHERE_LENGTH_MAX: Final = 60
_STRING: Final = frozenset({str})
NESTING_MAX: Final = 100  # readers of JSON differ in what they bear beyond
_WHY: Final = {
    "float": "the text of a float is not portable; write it as a string",
    "set": "a set has no order; write sorted(...)",
    "frozenset": "a set has no order; write sorted(...)",
    "bytes": "bytes have no JSON form; decode them, or pass them in a file",
    "bytearray": "bytes have no JSON form; decode them, or pass them in a file",
    "PosixPath": "a path of the host is no input; declare it with hm.source(...)",
    "Derivation": 'interpolate it: f"{dep}" is its path',
}


class UnhashableValue(EvaluationError, TypeError):
    """A value that no derivation may hold.

    Attributes:
        where: the field, such as ``env.CFLAGS`` or ``structured.flags[2]``.
    """

    code = "HM201"

    def __init__(self, where: str, what: str, why: str) -> None:
        super().__init__(
            f"{where}: {what} cannot be part of a derivation", details=(("cause", why),), origin=user_line()
        )
        self.where = where


class NotCanonical(EvaluationError, ValueError):
    """Bytes that claim to be canonical JSON and are not."""

    code = "HM202"


def with_article(kind: str) -> str:
    """``a list``, ``an int``."""
    return f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}"


def refuse(
    value: object, where: str, expected: str = "only strings, integers, booleans, lists and mappings may"
) -> UnhashableValue:
    """The error for ``value``, which is of no kind that may stand at ``where``."""
    kind = type(value).__name__
    return UnhashableValue(where, with_article(kind), _WHY.get(kind, expected))


def _check_text(text: str, where: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise UnhashableValue(
                where, "a lone surrogate", f"character {error.start} is no Unicode scalar value"
            ) from error
    return text


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be")


def _are_plain(values: Collection[Any]) -> bool:
    """Whether all are strings of ASCII: the common case, told without a step of Python for each."""
    return _STRING.issuperset(map(type, values)) and "".join(values).isascii()


def normalise(value: object, where: str, depth: int = 0) -> Json:
    """``value`` with every mapping in canonical key order and every sequence a list.

    Args:
        value: what the user wrote.
        where: the field's name, for errors.
        depth: how many lists and mappings it stands in.

    Raises:
        UnhashableValue: something in it has no canonical form.
    """
    if type(value) is str:
        return _check_text(value, where)
    if value is None or type(value) is bool:
        return value
    if type(value) is int:
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise UnhashableValue(where, f"the integer {value}", "beyond 2**53 readers disagree; write it as a string")
        return value
    if depth > NESTING_MAX:
        raise UnhashableValue(
            _shorten(where), "a value in itself, or nested so deep,", f"at most {NESTING_MAX} levels are portable"
        )
    if isinstance(value, list | tuple):
        items = cast("Sequence[Any]", value)
        if _are_plain(items):
            return list(items)
        return [normalise(item, f"{where}[{index}]", depth + 1) for index, item in enumerate(items)]
    if type(value) is MappingProxyType or isinstance(value, Mapping):  # the first is the faster test
        return _normalise_mapping(value, where, depth + 1)  # pyright: ignore[reportUnknownArgumentType] -- foreign data
    raise refuse(value, where)


def _shorten(where: str) -> str:
    return where if len(where) <= WHERE_LENGTH_MAX else f"{where[:WHERE_LENGTH_MAX]}…"


def _normalise_mapping(value: Mapping[Any, Any], where: str, depth: int) -> dict[str, Json]:
    if _are_plain(value) and _are_plain(value.values()):
        return {key: value[key] for key in sorted(value)}
    keys: list[str] = []
    for key in value:
        if type(key) is not str:
            raise UnhashableValue(where, f"the key {key!r}", f"keys are strings, this is a {type(key).__name__}")
        keys.append(_check_text(key, where))
    keys.sort(key=None if all(map(str.isascii, keys)) else _utf16)
    return {key: normalise(value[key], f"{where}.{key}", depth) for key in keys}


quote: Final = encode_basestring  # the canonical text of a string, whose being one is for the caller to know
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False, allow_nan=False)


def text_of_normalised(value: Json) -> str:
    """The canonical text of a value that is in canonical order already."""
    return _ENCODER.encode(value)


def encode_normalised(value: Json) -> bytes:
    """The same as bytes."""
    return _ENCODER.encode(value).encode()


def encode(value: object, where: str = "value") -> bytes:
    """The canonical bytes of ``value``.

    Raises:
        UnhashableValue: something in it has no canonical form.
    """
    return encode_normalised(normalise(value, where))


def decode(data: bytes) -> Json:
    """The value whose canonical bytes are ``data``.

    Raises:
        NotCanonical: it is no JSON, or another spelling of it.
    """
    try:
        value: Json = json.loads(data)
        canonical = encode(value) == data
    except (ValueError, RecursionError, UnhashableValue) as error:
        raise NotCanonical(f"not canonical JSON: {error}") from error
    if not canonical:
        raise NotCanonical(
            "JSON, but not in canonical form", hint="keys sorted, no white space, no escapes but the needed"
        )
    return value
