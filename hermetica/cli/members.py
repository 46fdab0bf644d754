"""What a module or another namespace offers by name: the derivations in it, and the namespaces below it."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from pathlib import Path
from symtable import symtable
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from hermetica.model import Derivation

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEPTH_MAX: Final = 8


def _is_namespace(value: object) -> bool:
    if isinstance(value, Mapping | list | tuple | SimpleNamespace | ModuleType):
        return True
    if isinstance(value, type):
        return not value.__module__.startswith(("hermetica.", "hermetica_store.", "builtins", "typing"))
    kind = type(value)
    return hasattr(kind, "__attrs_attrs__") or hasattr(kind, "__dataclass_fields__")


def _fields(value: object) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {key: item for key, item in value.items() if isinstance(key, str)}  # pyright: ignore[reportUnknownVariableType] -- foreign data
    if isinstance(value, list | tuple):
        return {str(index): item for index, item in enumerate(value)}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] -- foreign data
    if isinstance(value, type):
        merged: dict[str, Any] = {}
        for base in reversed(value.__mro__[:-1]):
            merged |= vars(base)
        return merged
    if names := getattr(type(value), "__attrs_attrs__", None):
        return {field.name: getattr(value, field.name) for field in names}
    return dict(vars(value)) if hasattr(value, "__dict__") else {}


def _imported(module: ModuleType) -> frozenset[str]:
    """The names that a module has from others and nothing else is bound to."""
    try:
        table = symtable(Path(module.__file__ or "").read_text(encoding="utf-8"), module.__name__, "exec")
    except (OSError, SyntaxError, ValueError):  # it has no source
        return frozenset()
    return frozenset(each.get_name() for each in table.get_symbols() if each.is_imported() and not each.is_assigned())


def members(value: object) -> dict[str, Any]:
    """The public names of a namespace that lead to derivations: derivations, and namespaces."""
    if isinstance(value, Derivation) or not _is_namespace(value):
        return {}
    fields = _fields(value)
    chosen = fields.get("__all__") if isinstance(value, ModuleType) else None
    brought = _imported(value) if isinstance(value, ModuleType) and not chosen else frozenset[str]()
    names = chosen or [name for name in fields if not name.startswith("_") and name not in brought]
    return {
        name: fields[name]
        for name in names
        if name in fields and (isinstance(fields[name], Derivation) or _is_namespace(fields[name]))
    }


def derivations_in(value: object, prefix: str = "") -> Iterator[tuple[str, Derivation]]:
    """Every derivation below a namespace, by dotted name, in the order of definition; modules in it are not entered."""
    yield from _walk(value, prefix, frozenset())


def _walk(value: object, prefix: str, above: frozenset[int]) -> Iterator[tuple[str, Derivation]]:
    if isinstance(value, Derivation):
        yield prefix, value
        return
    if id(value) in above or len(above) >= _DEPTH_MAX:
        return
    for name, member in members(value).items():
        if not isinstance(member, ModuleType):
            yield from _walk(member, f"{prefix}.{name}" if prefix else name, above | {id(value)})


def select(value: object, attribute: str) -> Iterator[tuple[str, object]]:
    """What a dotted name with patterns leads to, by its full name; nothing where it leads nowhere."""
    found: list[tuple[str, object]] = [("", value)]
    for pattern in attribute.split("."):
        step: list[tuple[str, object]] = []
        for prefix, holder in found:
            fields = members(holder)
            names = fnmatch.filter(fields, pattern)
            if not names and not isinstance(holder, Derivation) and _is_namespace(holder):
                fields = _fields(holder)
                names = [pattern] if pattern in fields else []
            step += [(f"{prefix}.{name}" if prefix else name, fields[name]) for name in names]
        found = step
    yield from found


def names_in(value: object) -> list[str]:
    """Every dotted name that could have been meant: derivations, and the namespaces that hold them."""
    names: dict[str, None] = {}
    for name, _ in derivations_in(value):
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            names[".".join(parts[:count])] = None
    return list(names)
