"""The axes of a matrix, and the ids of its variants: ``python=3.12,debug=0``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import product
from typing import TYPE_CHECKING, Final, cast

import attrs

from hermetica.model.origin import user_line
from hermetica.packages.errors import InvalidMatrix

if TYPE_CHECKING:
    from collections.abc import Iterator

_LABEL: Final = re.compile(r"[\w.+-]+")


@attrs.frozen
class Axis:
    """One axis of a matrix.

    Attributes:
        name: of the parameter that gets a value of it.
        values: label -> value, in the order given.
    """

    name: str
    values: Mapping[str, object]


def label_of(value: object) -> str:
    """A value as it stands in an id: texts and numbers as they are, truth as 1 and 0."""
    return str(int(value)) if isinstance(value, bool) else str(value)


def parse_axes(given: Mapping[str, Iterable[object] | Mapping[str, object]]) -> tuple[Axis, ...]:
    """The axes that a user gives: lists of texts, numbers and truth values, or mappings from labels to any values.

    Raises:
        InvalidMatrix: one has no values, or its labels are no labels.
    """
    if not given:
        raise InvalidMatrix("a matrix needs an axis", hint='@hm.matrix(python=["3.11", "3.12"])', origin=user_line())
    return tuple(Axis(name, _labelled(name, values)) for name, values in given.items())


def _labelled(name: str, values: Iterable[object] | Mapping[str, object]) -> dict[str, object]:
    if isinstance(values, Mapping):
        pairs = list(cast("Mapping[str, object]", values).items())
    elif isinstance(values, str) or not isinstance(values, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] -- users need not run a type checker
        raise InvalidMatrix(f"the axis {name} is no list", hint=f"{name}=[…, …]", origin=user_line())
    else:
        pairs = [(label_of(value), value) for value in values]
        if strange := [value for value in values if not isinstance(value, str | int | None)]:
            raise InvalidMatrix(
                f"the axis {name} has a value that is no text and no number: {strange[0]!r}",
                hint=f'give it a label: {name}={{"label": value}}',
                origin=user_line(),
            )
    labelled = dict(pairs)
    wrong = [label for label in labelled if not _LABEL.fullmatch(label)]
    if not pairs or wrong or len(labelled) < len(pairs):
        cause = "no values" if not pairs else f"a label that is none: {wrong[0]!r}" if wrong else "one value twice"
        raise InvalidMatrix(
            f"the axis {name} has {cause}", hint="labels are letters, digits and _.+-, each once", origin=user_line()
        )
    return labelled


def points(axes: tuple[Axis, ...]) -> Iterator[dict[str, str]]:
    """Every point of a matrix: axis -> label; the last axis changes fastest."""
    for labels in product(*(axis.values for axis in axes)):
        yield dict(zip([axis.name for axis in axes], labels, strict=True))


def id_of(point: Mapping[str, str]) -> str:
    """The id of a point."""
    return ",".join(f"{name}={label}" for name, label in point.items())
