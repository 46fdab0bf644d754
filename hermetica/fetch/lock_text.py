"""The text of a lock: TOML, one fact a line, in one order: equal locks have equal texts, and diffs read well.

Pure. Source: TOML 1.0; docs/format.md.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any, Final, cast

from hermetica.fetch.lock_lines import read_lines
from hermetica.fetch.lock_pin import ALGORITHMS, Group, LockError, Pin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FORMAT_VERSION: Final = 1
_HEADER: Final = "# Written by `hermetica lock`. Hashes name the content; addresses only say where it was seen."
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_TOML_PLACE: Final = re.compile(r"(.*) \(at line (\d+), column \d+\)")


def write_groups(groups: Iterable[Group]) -> str:
    """The text of these groups, which are ascending by name."""
    lines = [_HEADER, f"version = {FORMAT_VERSION}"]
    for group in groups:
        lines += ["", f"[groups.{_key(group.name)}]"]
        lines += [f"{_key(key)} = {_list(values)}" for key, values in group.request.items()]
        for pin in group.pins:
            lines += ["", f"[[groups.{_key(group.name)}.pins]]", *_pin_lines(pin)]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _string(name)


def _string(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(values: Iterable[str]) -> str:
    items = [_string(value) for value in values]
    return f"[{items[0]}]" if len(items) == 1 else "\n".join(["[", *(f"  {item}," for item in items), "]"])


def _pin_lines(pin: Pin) -> Iterable[str]:
    yield f"kind = {_string(pin.kind)}"
    yield f"name = {_string(pin.name)}"
    yield f"version = {_string(pin.version)}"
    if pin.method != "flat":
        yield f"method = {_string(pin.method)}"
    yield f"{pin.algorithm} = {_string(pin.hash)}"
    if pin.size_bytes is not None:
        yield f"size_bytes = {pin.size_bytes}"
    for key, value in pin.facts:
        yield f"{_key(key)} = {_string(value)}"
    yield f"addresses = {_list(pin.addresses)}"


def parse_groups(text: str, where: str) -> tuple[Group, ...]:
    """The groups that a text writes.

    Args:
        text: of a lock.
        where: what errors call it.

    Raises:
        LockError: it is no lock, or of another version; its origin is file and line.
    """
    try:
        document = read_lines(text) or tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        place = _TOML_PLACE.fullmatch(str(error))
        reason, line = (place[1], int(place[2])) if place else (str(error), text.count("\n") + 1)
        raise LockError(f"the lock is not TOML: {reason}", origin=f"{where}:{line}") from error
    version = document.pop("version", None)
    if version != FORMAT_VERSION:
        raise LockError(
            f"the lock has version {version!r}; this hermetica reads {FORMAT_VERSION}",
            hint="use the hermetica that wrote it, or lock again",
            origin=f"{where}:{_line_of(text, 'version')}",
        )
    groups = document.pop("groups", {})
    if document or not isinstance(groups, dict):
        name = next(iter(document), "groups")
        raise LockError(f"a lock has no {name!r} here", origin=f"{where}:{_line_of(text, name)}")
    return tuple(_parse_group(name, table, text, where) for name, table in cast("dict[str, Any]", groups).items())


def _line_of(text: str, start: str, ordinal: int = 0) -> int:
    """The number of the line that begins with ``start`` for the ``ordinal``-th time; 1 where none does."""
    numbers = [number for number, line in enumerate(text.splitlines(), 1) if line.lstrip("[ ").startswith(start)]
    return numbers[ordinal] if ordinal < len(numbers) else 1


def _parse_group(name: str, table: Any, text: str, where: str) -> Group:
    header = f"groups.{_key(name)}"
    place, ordinal = f"{header}]", 0
    try:
        facts = dict(_table(table, f"group {name}"))
        pins: list[Pin] = []
        for row in _rows(facts.pop("pins", []), f"the pins of group {name}"):
            place, ordinal = f"{header}.pins]]", len(pins)
            pins.append(_parse_pin(_table(row, "a pin")))
        place, ordinal = f"{header}]", 0
        return Group(name=name, request={key: _strings(key, value) for key, value in facts.items()}, pins=pins)
    except LockError as error:
        error.origin = error.origin or f"{where}:{_line_of(text, place, ordinal)}"
        raise


def _table(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise LockError(f"{what} is no table")
    return cast("dict[str, Any]", value)


def _rows(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise LockError(f"{what} is no list")
    return cast("list[Any]", value)  # type: ignore[redundant-cast]  # pyright sees list[Unknown]


def _strings(key: str, value: Any) -> tuple[str, ...]:
    items = _rows(value, key)
    if not all(isinstance(item, str) for item in items):
        raise LockError(f"{key} is no list of strings")
    return tuple(items)


def _parse_pin(row: Mapping[str, Any]) -> Pin:
    facts = dict(row)
    algorithms = [key for key in facts if key in ALGORITHMS]
    is_tree = facts.get("method", "flat") == "tree"
    needed = {"kind", "name", "version", "addresses", *algorithms, *(["method"] if is_tree else [])}
    of_its_kind = set(facts) - needed - {"size_bytes"}
    if not needed <= set(facts) or (of_its_kind and not is_tree) or len(algorithms) != 1:
        raise LockError(
            "a pin has kind, name, version, addresses, one hash, perhaps size_bytes, and nothing else unless "
            'it is a tree (method = "tree")',
            details=(("got", ", ".join(facts) or "none of them"), ("hashes", ", ".join(ALGORITHMS))),
        )
    size_bytes = facts.pop("size_bytes", None)
    if size_bytes is not None and type(size_bytes) is not int:
        raise LockError("size_bytes of a pin is no integer")
    addresses = _strings("addresses", facts.pop("addresses"))
    for key, value in facts.items():
        if not isinstance(value, str):
            raise LockError(f"{key} of a pin is no string")
    (algorithm,) = algorithms
    return Pin(
        kind=facts["kind"],
        name=facts["name"],
        version=facts["version"],
        method="tree" if is_tree else "flat",
        algorithm=algorithm,
        hash=facts[algorithm],
        size_bytes=size_bytes,
        facts={key: facts[key] for key in of_its_kind},
        addresses=addresses,
    )
