"""The variants of a package: one for each point of its matrix, each evaluated when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TypeVar

from hermetica.model.origin import user_line
from hermetica.packages.axes import Axis, id_of, label_of, points
from hermetica.packages.errors import UnknownVariant

R_co = TypeVar("R_co", covariant=True)


class Variants(Mapping[str, R_co]):
    """A mapping from ids, such as ``python=3.12,debug=0``, to variants; ``wheel(python="3.12", debug=0)`` is one.

    Attributes:
        name: of the package.
        axes: of the matrix, in order.
    """

    def __init__(self, name: str, axes: tuple[Axis, ...], make: Callable[[Mapping[str, object]], R_co]) -> None:
        self.name = name
        self.axes = axes
        self._make = make
        self._points = {id_of(point): point for point in points(axes)}
        self._made: dict[str, R_co] = {}

    def __getitem__(self, key: str) -> R_co:
        """The variant with an id.

        Raises:
            UnknownVariant: there is none.
        """
        if key not in self._made:
            if key not in self._points:
                raise self._unknown(key)
            point = self._points[key]
            made = self._make({axis.name: axis.values[point[axis.name]] for axis in self.axes})
            return self._made.setdefault(key, made)
        return self._made[key]

    def __call__(self, **values: object) -> R_co:
        """The variant with these values, or labels; an axis with one value alone may be left out.

        Raises:
            UnknownVariant: there is none, or several.
        """
        wanted = {name: label_of(value) for name, value in values.items()}
        found = [key for key, point in self._points.items() if wanted.items() <= point.items()]
        if len(found) != 1:
            raise self._unknown(id_of(wanted), several=len(found) > 1)
        return self[found[0]]

    @property
    def made(self) -> frozenset[str]:
        """The ids of those that were asked for already."""
        return frozenset(self._made)

    def matching(self, patterns: Mapping[str, str]) -> list[str]:
        """The ids of the variants whose labels fit patterns: axis -> pattern; an axis that is not named fits."""
        return [
            key
            for key, point in self._points.items()
            if all(name in point and fnmatchcase(point[name], pattern) for name, pattern in patterns.items())
        ]

    def _unknown(self, key: str, *, several: bool = False) -> UnknownVariant:
        known = list(self._points)
        axes = tuple((axis.name, ", ".join(axis.values)) for axis in self.axes)
        from difflib import get_close_matches  # noqa: PLC0415 -- only after a typo

        close = get_close_matches(key, known, 1)
        return UnknownVariant(
            f"{self.name} has {'several variants' if several else 'no variant'} {key or 'of any kind'}",
            details=axes,
            hint="name every axis" if several else f"did you mean {close[0]}?" if close else None,
            origin=user_line(),
        )

    def __contains__(self, key: object) -> bool:
        return key in self._points

    def __iter__(self) -> Iterator[str]:
        return iter(self._points)

    def __len__(self) -> int:
        return len(self._points)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<{len(self)} variants of {self.name}>"
