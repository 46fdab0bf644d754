"""What package sets offer by name. They make what they have when it is asked for: names alone evaluate nothing.

Imported only where somebody has imported package sets, for most modules of derivations have none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from hermetica.model import Derivation
from hermetica.packages.matrix import MatrixPackage
from hermetica.packages.sets import PackageSet, packages_of
from hermetica.packages.variants import Variants

if TYPE_CHECKING:
    from collections.abc import Iterator


class Lazy(Mapping[str, Any]):
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

    def only(self, choose: Callable[[str], bool]) -> Lazy:
        """The same for some of the names."""
        return Lazy(filter(choose, self._names), self._get)


def is_set(value: object) -> bool:
    """Whether it is a class of package sets, of which a target is an instance."""
    return isinstance(value, type) and issubclass(value, PackageSet)


def is_lazy(value: object) -> bool:
    """Whether it makes what it has when it is asked for it."""
    return isinstance(value, PackageSet | Variants)


def fields_of(value: object, is_namespace: Callable[[object], bool]) -> Lazy | None:
    """All that a set or a matrix has; None of anything else.

    Args:
        value: what it might be.
        is_namespace: whether an attribute that is no package may lead to derivations.
    """
    if isinstance(value, Variants):
        variants = cast("Variants[object]", value)
        return Lazy((f"[{key}]" for key in variants), lambda name: variants[name[1:-1]])
    if not isinstance(value, PackageSet):
        return None
    names = dict.fromkeys(packages_of(type(value)))
    for holder in (*reversed(type(value).__mro__[:-1]), value):
        had = vars(holder).items()
        names |= dict.fromkeys(name for name, each in had if isinstance(each, Derivation) or is_namespace(each))
    return Lazy((name for name in names if not name.startswith("__")), lambda name: getattr(value, name))


def is_made(value: object, name: str) -> bool:
    """Whether a set, or a matrix, has made what it calls so; what it has without making it counts."""
    if isinstance(value, PackageSet):
        package = packages_of(type(value)).get(name)
        return package is None or package in value.__scope__.results
    return not isinstance(value, Variants) or name[1:-1] in cast("Variants[object]", value).made


def names_of(value: object) -> Iterator[str]:
    """The public names of a set, and the ids of its matrices; nothing of anything else."""
    if isinstance(value, PackageSet):
        for name, package in packages_of(type(value)).items():
            if not name.startswith("_"):
                yield name
                if isinstance(package, MatrixPackage):
                    yield from (f"{name}[{key}]" for key in package.ids())


def check_names_of(value: object) -> Iterator[str]:
    """The names of the checks of a set; nothing of anything else."""
    if isinstance(value, PackageSet):
        yield from (name for name, package in packages_of(type(value)).items() if package.is_check)


def variants_of(value: object, patterns: Mapping[str, str]) -> list[tuple[str, object]]:
    """The variants of a matrix that fit patterns, each after its id in brackets; none of anything else."""
    if not isinstance(value, Variants):
        return []
    variants = cast("Variants[object]", value)
    return [(f"[{key}]", variants[key]) for key in variants.matching(patterns)]
