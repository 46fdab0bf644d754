"""What the locks of other tools have in common: documents that may be anything, and errors that name file and entry.

Pure.
"""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any, cast

from hermetica.errors import HermeticaError
from hermetica.fetch.lock_pin import LockError, Pin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class ForeignLockError(HermeticaError):
    """The lock of another tool is none, or pins something that hermetica cannot fetch by its content."""

    code = "HM470"


def read_json(text: str, where: str) -> Mapping[str, Any]:
    """The object that a JSON text writes.

    Raises:
        ForeignLockError: it writes none.
    """
    try:
        return table(json.loads(text), where, "the file")
    except (ValueError, RecursionError) as error:
        raise ForeignLockError(f"{where} is no JSON", details=(("cause", str(error)),), origin=where) from error


def read_toml(text: str, where: str) -> Mapping[str, Any]:
    """The table that a TOML text writes.

    Raises:
        ForeignLockError: it writes none.
    """
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ForeignLockError(f"{where} is no TOML", details=(("cause", str(error)),), origin=where) from error


def table(value: Any, where: str, what: str) -> Mapping[str, Any]:
    """A value that has to be a table.

    Raises:
        ForeignLockError: it is none.
    """
    if not isinstance(value, dict):
        raise ForeignLockError(f"{where}: {what} is no table", origin=where)
    return cast("dict[str, Any]", value)


def rows(value: Any, where: str, what: str) -> list[Mapping[str, Any]]:
    """A value that has to be a list of tables; nothing is an empty one.

    Raises:
        ForeignLockError: it is none.
    """
    if not isinstance(value, list | None):
        raise ForeignLockError(f"{where}: {what} is no list", origin=where)
    items = cast("list[Any]", value or [])  # type: ignore[redundant-cast]  # pyright sees list[Unknown]
    return [table(item, where, f"an entry of {what}") for item in items]


def word(entry: Mapping[str, Any], key: str, where: str, what: str) -> str:
    """A text of an entry.

    Raises:
        ForeignLockError: it is absent, empty, or no text.
    """
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise ForeignLockError(f"{where}: {what} has no {key}", origin=where)
    return value


def pins(made: Iterable[Pin], where: str) -> tuple[Pin, ...]:
    """The pins, each once, ascending.

    Raises:
        ForeignLockError: one is none.
    """
    try:
        return tuple(sorted(set(made)))
    except LockError as error:
        raise ForeignLockError(f"{where}: {error.message}", origin=where) from error
