"""What goes wrong in package sets."""

from __future__ import annotations

from hermetica.errors import EvaluationError


class InvalidPackage(EvaluationError, TypeError):
    """A function that cannot be a package of a set."""

    code = "HM231"


class MissingArgument(EvaluationError, LookupError):
    """A package function asks for what its set does not have."""

    code = "HM232"


class EvaluationRecursion(EvaluationError, RecursionError):
    """A package that needs itself to be made."""

    code = "HM234"


class InvalidOverlay(EvaluationError, TypeError):
    """Overlays that cannot lie over a set in this order."""

    code = "HM235"


class SetIsFrozen(EvaluationError, AttributeError):
    """A package of a set that somebody wants to replace in place."""

    code = "HM236"


class InvalidMatrix(EvaluationError, ValueError):
    """Axes that make no matrix."""

    code = "HM237"


class UnknownVariant(EvaluationError, LookupError):
    """A variant that a matrix does not have."""

    code = "HM238"
