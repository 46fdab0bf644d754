"""What a module or another namespace offers by name: the derivations in it, and the namespaces below it.

A package set is a namespace that makes what it has when it is asked for it: names alone evaluate nothing.
"""

from __future__ import annotations

import fnmatch
import functools
import sys
from collections.abc import Mapping
from enum import Enum, auto
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from hermetica.cli.target import parts, steps
from hermetica.model import Derivation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermetica.cli.package_members import Lazy

_DEPTH_MAX: Final = 8


def _is_namespace(value: object) -> bool:
    if isinstance(value, Mapping | list | tuple | SimpleNamespace | ModuleType):
        return True
    if isinstance(value, type):
        return not is_set(value) and not value.__module__.startswith(
            ("hermetica.", "hermetica_store.", "builtins", "typing")
        )
    kind = type(value)
    return hasattr(kind, "__attrs_attrs__") or hasattr(kind, "__dataclass_fields__") or _is_lazy(value)


def _has_sets() -> bool:
    """Whether anything here can be a package set; to ask further imports what knows them."""
    return "hermetica.packages" in sys.modules


def _is_lazy(value: object) -> bool:
    if not _has_sets():
        return False
    from hermetica.cli.package_members import is_lazy  # noqa: PLC0415 -- only where there are package sets

    return is_lazy(value)


def _lazy_fields(value: object) -> Lazy | None:
    if not _has_sets():
        return None
    from hermetica.cli.package_members import fields_of  # noqa: PLC0415 -- only where there are package sets

    return fields_of(value, _is_namespace)


def is_set(value: object) -> bool:
    """Whether it is a class of package sets, of which a target is an instance."""
    if not _has_sets():
        return False
    from hermetica.cli.package_members import is_set as is_class_of_sets  # noqa: PLC0415 -- only where there are package sets

    return is_class_of_sets(value)


def _fields(value: object) -> Mapping[str, Any]:
    lazily = _lazy_fields(value)
    if lazily is not None:
        return lazily
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
    fields = dict(vars(value)) if hasattr(value, "__dict__") else {}
    if isinstance(value, ModuleType) and "__getattr__" in fields:  # PEP 562: names that it makes when they are used
        late = [name for name in fields.get("__all__", ()) if name not in fields and hasattr(value, name)]
        fields |= {name: getattr(value, name) for name in late}
    return fields


@functools.lru_cache(maxsize=16)  # one command asks the same modules several times, and large ones are slow to parse
def _imported(module: ModuleType) -> frozenset[str]:
    """The names that a module has from others and nothing else is bound to."""
    from symtable import symtable  # noqa: PLC0415 -- what names objects, or has an __all__, needs none

    try:
        table = symtable(Path(module.__file__ or "").read_text(encoding="utf-8"), module.__name__, "exec")
    except (OSError, SyntaxError, ValueError):  # it has no source
        return frozenset()
    return frozenset(each.get_name() for each in table.get_symbols() if each.is_imported() and not each.is_assigned())


def members(value: object) -> Mapping[str, Any]:
    """The public names of a namespace that lead to derivations: derivations, and namespaces; of a set all packages."""
    if isinstance(value, Derivation) or not _is_namespace(value):
        return {}
    lazily = _lazy_fields(value)
    if lazily is not None:
        return lazily.only(lambda name: not name.startswith("_"))
    fields = _fields(value)
    chosen = fields.get("__all__") if isinstance(value, ModuleType) else None
    brought = _imported(value) if isinstance(value, ModuleType) and not chosen else frozenset[str]()
    names = chosen or [name for name in fields if not name.startswith("_") and name not in brought]
    return {
        name: fields[name]
        for name in names
        if name in fields and (isinstance(fields[name], Derivation) or _is_namespace(fields[name]))
    }


class Unmade(Enum):
    """What becomes of packages that a set has and did not make yet."""

    MAKE = auto()
    TRY = auto()
    LEAVE = auto()


def derivations_in(value: object, prefix: str = "", unmade: Unmade = Unmade.MAKE) -> Iterator[tuple[str, Derivation]]:
    """Every derivation below a namespace, by dotted name, in the order of definition; modules in it are not entered.

    Args:
        value: the namespace.
        prefix: its own name.
        unmade: whether package sets make what they did not make yet; with ``TRY`` what fails is left out.
    """
    yield from _walk(value, prefix, frozenset(), unmade)


def _walk(value: object, prefix: str, above: frozenset[int], unmade: Unmade) -> Iterator[tuple[str, Derivation]]:
    if isinstance(value, Derivation):
        yield prefix, value
        return
    if id(value) in above or len(above) >= _DEPTH_MAX:
        return
    fields = members(value)
    for name in fields:
        is_ready = unmade is Unmade.MAKE or _is_made(value, name)
        if not is_ready and (unmade is Unmade.LEAVE or not _can_be_made(fields, name)):
            continue
        member = fields[name]
        if not isinstance(member, ModuleType):
            yield from _walk(member, _below(prefix, name), above | {id(value)}, unmade)


def _can_be_made(fields: Mapping[str, Any], name: str) -> bool:
    try:
        _ = fields[name]
    except Exception:  # noqa: BLE001 -- code of the user's, which may raise anything
        return False
    return True


def _is_made(value: object, name: str) -> bool:
    if not _has_sets():
        return True
    from hermetica.cli.package_members import is_made  # noqa: PLC0415 -- only where there are package sets

    return is_made(value, name)


def _below(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix and not name.startswith("[") else f"{prefix}{name}"


def select(value: object, attribute: str) -> Iterator[tuple[str, object]]:
    """What a dotted name with patterns leads to, by its full name; nothing where it leads nowhere."""
    found: list[tuple[str, object]] = [("", value)]
    for step in steps(attribute):
        found = [
            (_below(prefix, name), member) for prefix, holder in found for name, member in _named(holder, step.pattern)
        ]
        if step.variant:
            found = [
                (f"{name}{key}", variant) for name, member in found for key, variant in _variants(member, step.variant)
            ]
    yield from found


def _named(holder: object, pattern: str) -> list[tuple[str, object]]:
    fields = members(holder)
    names = fnmatch.filter(fields, pattern)
    if not names and not isinstance(holder, Derivation) and _is_namespace(holder):
        fields = _fields(holder)
        names = [pattern] if pattern in fields else []
    return [(name, fields[name]) for name in names]


def _variants(value: object, patterns: Mapping[str, str]) -> list[tuple[str, object]]:
    if not _has_sets():
        return []
    from hermetica.cli.package_members import variants_of  # noqa: PLC0415 -- only where there are package sets

    return variants_of(value, patterns)


def names_in(value: object) -> list[str]:
    """Every dotted name that could have been meant, and that nothing has to be made for."""
    names: dict[str, None] = {}
    for name in _names_below(value, "", frozenset(), checks=False):
        way = parts(name)
        for count in range(1, len(way) + 1):
            names[".".join(way[:count])] = None
    return list(names)


def checks_in(value: object) -> list[str]:
    """The dotted names of the checks of package sets; a set that no package has made yet is not looked into."""
    return list(_names_below(value, "", frozenset(), checks=True))


def _names_below(value: object, prefix: str, above: frozenset[int], *, checks: bool) -> Iterator[str]:
    if isinstance(value, Derivation):
        if not checks:
            yield prefix
        return
    if id(value) in above or len(above) >= _DEPTH_MAX:
        return
    if _is_lazy(value):
        from hermetica.cli.package_members import check_names_of, names_of  # noqa: PLC0415 -- only where there are package sets

        yield from (_below(prefix, name) for name in (check_names_of if checks else names_of)(value))
    fields = members(value)
    for name in fields:
        if _is_made(value, name) and not isinstance(fields[name], ModuleType):
            yield from _names_below(fields[name], _below(prefix, name), above | {id(value)}, checks=checks)
