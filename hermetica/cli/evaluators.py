"""Which evaluator a command gets: apart in a sandbox where one can be made, unless the user wants another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hermetica.cli.evaluator import Here
from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermetica.cli.evaluator import Evaluator
    from hermetica.cli.session import Session


_REALIZING: Final = frozenset({"build", "run", "check", "shell", "develop"})
_LOOKING: Final = ("hermetica.realize.store", "hermetica_store.nar", "hermetica_store.trees", "hermetica_store.store")
_RUNNING: Final = (
    *(
        "hermetica.realize.events",
        "hermetica.realize.run",
        "hermetica.realize.substituters",
        "hermetica.cli.views.state",
    ),
    *("hermetica.report.recording", "concurrent.futures.thread", "hermetica.realize.context"),
    *(
        "hermetica.realize.schedule",
        "hermetica.sandbox.native",
        "hermetica.realize.spawners",
        "hermetica.realize.checks",
    ),
    *("hermetica.sandbox.limits", "hermetica.sandbox.world", "hermetica.sandbox.outcome", "hermetica.sandbox.command"),
    *("hermetica.sandbox.seccomp", "hermetica.sandbox.run", "hermetica.realize.finish", "hermetica.realize.ending"),
    *("hermetica_store.content", "hermetica_store.compose", "hermetica_store.ingest", "hermetica_store.publish"),
    *("hermetica.realize.build", "hermetica.realize.finding"),
)
"""What is imported for a run, in small portions, what is needed first coming first."""


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
        apart = start(texts, following=_following(session.options.command), early=session.early)
        apart.begin()
    except NoChild as error:
        if wanted == "always":
            raise no_sandbox(error) from error
        if session.options.verbose:
            session.console.say(f"evaluation: in this process, because no sandbox can be made ({error})")
        return Here()
    return apart


def _following(command: str) -> tuple[str, ...]:
    """What a command is going to import: the time of waiting for an evaluation is as good as any."""
    return (*_LOOKING, *_RUNNING) if command in _REALIZING else _LOOKING
