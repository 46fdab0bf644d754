"""What one package set has evaluated, and for a package that is made again with other arguments: those."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermetica.packages.sets import PackageSet


def _nothing() -> dict[Any, Any]:
    return {}


def _no_arguments() -> Mapping[str, object]:
    return {}


def _no_names() -> set[str]:
    return set()


@attrs.frozen(eq=False, kw_only=True)
class Scope:
    """The state of a package set; or of a view of it, in which one package has other arguments.

    Attributes:
        whole: the set; of a view the set that it is a view of.
        attribute: the package that is made again; empty where this is the set itself.
        given: its arguments: each function of that name in the set and its overlays gets those that it takes.
        wanted: those that some function must take.
        taken: those that one took.
        results: package -> what its function made.
    """

    whole: PackageSet
    attribute: str = ""
    given: Mapping[str, object] = attrs.field(factory=_no_arguments)
    wanted: frozenset[str] = frozenset()
    taken: set[str] = attrs.field(init=False, factory=_no_names)
    results: dict[Any, Any] = attrs.field(init=False, factory=_nothing)
