"""Why a function cannot be a builder, or an argument cannot travel to it: each with the user's line and a way out."""

from __future__ import annotations

from hermetica.errors import EvaluationError


class InvalidBuilder(EvaluationError, TypeError):
    """A function of a kind that cannot run inside the sandbox, or that is declared in a way that makes no sense."""

    code = "HM250"


class SourceUnavailable(EvaluationError, LookupError):
    """The text of a function cannot be read, so there is nothing to hash and to run."""

    code = "HM251"


class CapturedState(EvaluationError, TypeError):
    """A function uses something of its module that is neither a definition nor plain, unchanging data."""

    code = "HM252"


class ForeignModule(EvaluationError, ImportError):
    """A function imports what the interpreter of the sandbox does not have."""

    code = "HM253"

    def __init__(self, message: str, *, cause: str, hint: str, origin: str) -> None:
        super().__init__(message, details=(("cause", cause),), hint=hint, origin=origin)


class ArgumentRefused(EvaluationError, TypeError):
    """An argument that is no plain data, derivation or source."""

    code = "HM254"


class UndefinedName(EvaluationError, NameError):
    """A function uses a name that neither its module nor Python defines."""

    code = "HM257"
