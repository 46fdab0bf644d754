"""What a module or another namespace offers by name: the derivations in it, and the namespaces below it.

A package set is a namespace that makes what it has when it is asked for it: names alone evaluate nothing.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from symtable import symtable
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from hermetica.cli.target import steps
from hermetica.model import Derivation
from hermetica.packages.matrix import MatrixPackage
from hermetica.packages.sets import PackageSet, packages_of
from hermetica.packages.variants import Variants

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEPTH_MAX: Final = 8


class _Lazy(Mapping[str, Any]):
    """Names, and what each leads to once somebody asks."""

    def __init__(self, names: Iterable[str], get: Callable[[str], object]) -> None:
        self._names = dict.fromkeys(names)
        self._get = get

    def __getitem__(self, name: str) -> object:
        if name not in self._names:
            raise KeyError(name)
        return self._get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _is_namespace(value: object) -> bool:
    if isinstance(value, PackageSet):
        return True
    if isinstance(value, Mapping | list | tuple | SimpleNamespace | ModuleType):
        return True
    if isinstance(value, type):
        return not issubclass(value, PackageSet) and not value.__module__.startswith(
            ("hermetica.", "hermetica_store.", "builtins", "typing")
        )
    kind = type(value)
    return hasattr(kind, "__attrs_attrs__") or hasattr(kind, "__dataclass_fields__")


def _lazy_fields(value: object) -> _Lazy | None:
    if isinstance(value, PackageSet):
        return _of_set(value)
    if isinstance(value, Variants):
        return _Lazy((f"[{key}]" for key in value), lambda name: value[name[1:-1]])  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType, reportUnknownVariableType] -- foreign data
    return None


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
    return dict(vars(value)) if hasattr(value, "__dict__") else {}


def _imported(module: ModuleType) -> frozenset[str]:
    """The names that a module has from others and nothing else is bound to."""
    try:
        table = symtable(Path(module.__file__ or "").read_text(encoding="utf-8"), module.__name__, "exec")
    except (OSError, SyntaxError, ValueError):  # it has no source
        return frozenset()
    return frozenset(each.get_name() for each in table.get_symbols() if each.is_imported() and not each.is_assigned())


def _of_set(packages: PackageSet) -> _Lazy:
    """The packages of a set, and the derivations and namespaces that its classes and it have without making them."""
    names = dict.fromkeys(packages_of(type(packages)))
    for holder in (*reversed(type(packages).__mro__[:-1]), packages):
        had = vars(holder).items()
        names |= dict.fromkeys(name for name, value in had if isinstance(value, Derivation) or _is_namespace(value))
    return _Lazy((name for name in names if not name.startswith("__")), lambda name: getattr(packages, name))


def members(value: object) -> Mapping[str, Any]:
    """The public names of a namespace that lead to derivations: derivations, and namespaces; of a set all packages."""
    if isinstance(value, Derivation) or not _is_namespace(value):
        return {}
    fields = _fields(value)
    if isinstance(fields, _Lazy):
        return _Lazy((name for name in fields if not name.startswith("_")), fields.__getitem__)
    chosen = fields.get("__all__") if isinstance(value, ModuleType) else None
    brought = _imported(value) if isinstance(value, ModuleType) and not chosen else frozenset[str]()
    names = chosen or [name for name in fields if not name.startswith("_") and name not in brought]
    return {
        name: fields[name]
        for name in names
        if name in fields and (isinstance(fields[name], Derivation) or _is_namespace(fields[name]))
    }


def is_set(value: object) -> bool:
    """Whether it is a class of package sets, of which a target is an instance."""
    return isinstance(value, type) and issubclass(value, PackageSet)


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
            yield from _walk(member, _below(prefix, name), above | {id(value)})


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
                (f"{name}[{key}]", member[key])
                for name, member in found
                if isinstance(member, Variants)
                for key in member.matching(step.variant)
            ]
    yield from found


def _named(holder: object, pattern: str) -> list[tuple[str, object]]:
    fields = members(holder)
    names = fnmatch.filter(fields, pattern)
    if not names and not isinstance(holder, Derivation) and _is_namespace(holder):
        fields = _fields(holder)
        names = [pattern] if pattern in fields else []
    return [(name, fields[name]) for name in names]


def names_in(value: object) -> list[str]:
    """Every dotted name that could have been meant, and that nothing has to be made for."""
    names: dict[str, None] = {}
    for name in _names_below(value, "", frozenset()):
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            names[".".join(parts[:count])] = None
    return list(names)


def _names_below(value: object, prefix: str, above: frozenset[int]) -> Iterator[str]:
    if isinstance(value, Derivation):
        yield prefix
    elif isinstance(value, PackageSet):
        known = packages_of(type(value))
        for name in members(value):
            yield _below(prefix, name)
            package = known.get(name)
            if isinstance(package, MatrixPackage):
                yield from (f"{_below(prefix, name)}[{key}]" for key in package.ids())
    elif id(value) not in above and len(above) < _DEPTH_MAX:
        for name, member in members(value).items():
            if not isinstance(member, ModuleType):
                yield from _names_below(member, _below(prefix, name), above | {id(value)})
