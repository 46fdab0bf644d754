"""Which evaluator a command gets: apart in a sandbox where one can be made, unless the user wants another."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from hermetica.cli.evaluator import Here
from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermetica.cli.evaluator import Evaluator
    from hermetica.cli.session import Session


class NoSandbox(HermeticaError):
    """Modules are to be evaluated in a sandbox, and none can be made here."""

    code = "HM692"


def no_sandbox(cause: Exception) -> NoSandbox:
    """The error that says why modules cannot be evaluated apart."""
    return NoSandbox(
        "modules cannot be evaluated in a sandbox here",
        details=(("cause", str(cause)),),
        hint="hermetica doctor says what is missing; eval_sandbox = 'auto' in the settings does without",
    )


def choose(session: Session, texts: Sequence[str]) -> Evaluator:
    """The evaluator for the modules of targets.

    Raises:
        NoSandbox: there can be no sandbox, and the settings want one.
    """
    wanted = session.config.eval_sandbox
    if session.options.impure or wanted == "never":
        return Here()
    from hermetica.cli.apart.outside import NoChild, start  # noqa: PLC0415 -- not in a process that evaluates itself

    try:
        apart = start(texts, early=session.early)
        _import_what_follows(session.options.command)
        apart.begin()
    except NoChild as error:
        if wanted == "always":
            raise no_sandbox(error) from error
        if session.options.verbose:
            session.console.say(f"evaluation: in this process, because no sandbox can be made ({error})")
        return Here()
    return apart


def _import_what_follows(command: str) -> None:
    """Imports what most commands need next, while the child begins on another processor."""
    if command in {"build", "run", "check", "explain", "ls", "develop"}:
        for name in ("hermetica.realize.store", "hermetica_store.store"):
            import_module(name)
