"""Inputs of builders in Python: what is a derivation or a source here, and a path there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica.errors import EvaluationError
from hermetica.model.origin import user_line

if TYPE_CHECKING:
    from pathlib import Path


class NotInside(EvaluationError, AttributeError):
    """The path of a derivation is asked for where there is none yet."""

    code = "HM255"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} has no path before it is realized",
            details=(("cause", "only inside a builder in Python is a derivation a path"),),
            hint='its text stands for the path until then: f"{package}/lib"',
            origin=user_line(),
        )


class Input:
    """A parameter of a builder in Python: callers pass a derivation or a source, the function gets a path."""

    __slots__ = ()

    @property
    def path(self) -> Path:
        """Where it is in the sandbox.

        Raises:
            NotInside: this is no builder.
        """
        raise NotInside(repr(self))
