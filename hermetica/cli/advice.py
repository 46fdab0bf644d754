"""What the command line knows beyond what the library says of a failure: the command that mends it."""

from __future__ import annotations

import os
from shlex import quote
from typing import TYPE_CHECKING

from hermetica.model import UNKNOWN
from hermetica.realize.errors import BuildFailed, FixedOutputMismatch

if TYPE_CHECKING:
    from hermetica.cli.session import Session
    from hermetica.errors import HermeticaError


def advise(error: HermeticaError, session: Session) -> None:
    """Gives an error the way out that this command can name."""
    if isinstance(error, FixedOutputMismatch) and (targets := targets_of(session)):
        _way_to_right_hash(error, targets)
    elif isinstance(error, BuildFailed) and error.lacks and (targets := targets_of(session)):
        from hermetica.cli.lacking import explain_lacks  # noqa: PLC0415 -- only where something failed

        explain_lacks(error, session, targets)


def targets_of(session: Session) -> list[str]:
    """The targets that a command was given."""
    options = session.options
    one = getattr(options, "target", None)
    return [one] if isinstance(one, str) else list(getattr(options, "targets", None) or ())


def _way_to_right_hash(error: FixedOutputMismatch, targets: list[str]) -> None:
    from hermetica.cli.fixing.edits import Edit, edit_for, explain_unclear  # noqa: PLC0415 -- a hash is seldom wrong
    from hermetica.cli.fixing.project import project_of  # noqa: PLC0415 -- a hash is seldom wrong

    if any(label == "not rewritten" for label, _ in error.details):
        return
    found = edit_for(error, project_of(targets))
    if not isinstance(found, Edit):
        explain_unclear(error, found)
        return
    command = f"hermetica build --fix-hashes {' '.join(map(quote, targets))}"
    place = f"{os.path.relpath(found.path)}:{found.place.line}"
    if error.expected == UNKNOWN:
        error.hint = f"{command} writes it into {place}"
    else:
        error.hint = f"{command} rewrites {place}; first ask why upstream changed"
