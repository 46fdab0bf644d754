"""``@hm.matrix``: a package function that is called for every point of a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from hermetica.packages.axes import id_of, parse_axes, points
from hermetica.packages.errors import InvalidMatrix
from hermetica.packages.package import package
from hermetica.packages.variants import Variants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hermetica.packages.axes import Axis
    from hermetica.packages.sets import PackageSet

_R = TypeVar("_R")
R_co = TypeVar("R_co", covariant=True)


class MatrixPackage(package[Variants[R_co]]):
    """A package that is several: one for each point of a matrix.

    Attributes:
        variant: what makes each.
        axes: of the matrix.
    """

    def __init__(self, variant: package[R_co], axes: tuple[Axis, ...]) -> None:
        super().__init__(cast("Callable[..., Variants[R_co]]", variant.function))  # named and documented like it
        self.variant = variant
        self.axes = axes
        self.is_check = variant.is_check

    def __set_name__(self, owner: type[object], name: str) -> None:
        super().__set_name__(owner, name)
        self.variant.__set_name__(owner, name)

    def ids(self) -> list[str]:
        """The ids of its variants, in order."""
        return [id_of(point) for point in points(self.axes)]

    def make(self, packages: PackageSet) -> Variants[R_co]:
        """The variants, none of them made yet."""
        return Variants(self.name, self.axes, lambda point: self.variant(packages, **point))


def matrix(
    **axes: Iterable[object] | Mapping[str, object],
) -> Callable[[Callable[..., _R]], package[Variants[_R]]]:
    """Makes a package of each combination of values, as ``@hm.matrix(python=["3.11", "3.12"], debug=[0, 1])``.

    Args:
        axes: parameter -> the values that it gets; or label -> value, for what is no text, number or truth value.

    Raises:
        InvalidMatrix: an axis has no values, or the function has no such parameter.
    """
    parsed = parse_axes(axes)

    def over(function: Callable[..., _R]) -> package[Variants[_R]]:
        variant: package[_R] = function if isinstance(function, package) else package(function)  # pyright: ignore[reportUnknownVariableType] -- a test of a type forgets its argument
        known = variant.parameters.names
        if absent := [axis.name for axis in parsed if axis.name not in known]:
            code = variant.function.__code__
            raise InvalidMatrix(
                f"{variant.name} has no parameter {absent[0]} for that axis of its matrix",
                details=(("parameters", ", ".join(known) or "none"),),
                origin=f"{code.co_filename}:{code.co_firstlineno}",
            )
        return MatrixPackage(variant, parsed)

    return over
