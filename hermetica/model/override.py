"""What makes a derivation again in another way: other fields of it, or other arguments to the function that made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypedDict

import attrs

from hermetica.errors import EvaluationError
from hermetica.model import fields
from hermetica.model.outputs import OutputChecks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hermetica.model.canonical import Json
    from hermetica.model.derivation import Derivation
    from hermetica.model.origin import Origin
    from hermetica.model.outputs import FixedOutput, Meta


class NotOverridable(EvaluationError, TypeError):
    """Other arguments for a derivation that no package function made."""

    code = "HM230"


class UnknownArgument(EvaluationError, TypeError):
    """An argument that no function of a package takes.

    Attributes:
        argument: its name.
    """

    code = "HM233"

    def __init__(self, package: str, argument: str, *, known: Sequence[str], origin: str | None) -> None:
        from difflib import get_close_matches  # noqa: PLC0415 -- only after a typo

        close = get_close_matches(argument, known, 3)
        super().__init__(
            f"{package} takes no argument {argument!r}",
            details=(("arguments", ", ".join(known) or "none"),),
            hint=f"did you mean {' or '.join(close)}?" if close else None,
            origin=origin,
        )
        self.argument = argument


class Fields(TypedDict, total=False):
    """Fields of a derivation, each as ``hm.derivation`` takes it: what ``override_attrs`` replaces."""

    name: str
    builder: str
    args: Iterable[str]
    env: Mapping[str, str]
    outputs: Iterable[str]
    system: str
    rootfs: Derivation | str | None
    fixed: FixedOutput | None
    structured: Mapping[str, Json] | None
    pass_as_file: Iterable[str]
    export_references: Mapping[str, str]
    checks: Mapping[str, OutputChecks] | OutputChecks
    features: Iterable[str]
    meta: Meta
    origin: Origin | None


class Recipe(Protocol):
    """How a derivation was made, for it to be made again."""

    def again(self, arguments: Mapping[str, object]) -> Derivation:
        """The derivation that it makes with these arguments in place of its own."""
        ...


@attrs.frozen(eq=False)
class Edited:
    """A recipe, and fields that were replaced in what it made.

    Attributes:
        recipe: of the derivation before.
        change: what gives the fields.
        origin: the line that replaced them.
    """

    recipe: Recipe
    change: Fields | Callable[[Derivation], Fields]
    origin: Origin | None

    def again(self, arguments: Mapping[str, object]) -> Derivation:
        """Makes it, and replaces the fields again."""
        return self.recipe.again(arguments).with_fields(self.change, self.origin)


def plain(given: dict[str, Any], outputs: tuple[str, ...]) -> dict[str, Any]:
    """Fields as ``hm.derivation`` takes them, as ``Derivation`` has them."""
    if given.get("rootfs") is not None:
        given["rootfs"] = str(given["rootfs"])
    if isinstance(given.get("checks"), OutputChecks):
        given["checks"] = dict.fromkeys(fields.outputs(given.get("outputs", outputs)), given["checks"])
    return given
