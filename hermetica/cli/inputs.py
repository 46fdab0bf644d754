"""What targets are built from, realized in one run that is shown as every run is, before worlds are tried on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica.cli.realizing import realize
from hermetica.cli.status import OK, ExitStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermetica.cli.session import Session
    from hermetica.model import Derivation


def realize_inputs(session: Session, targets: Iterable[Derivation]) -> int:
    """Realizes the inputs of targets; the exit status where a signal ended that, else 0.

    What fails is told by the target that needs it: the others go on.
    """
    inputs = dict.fromkeys(each for target in targets for _, each in target.inputs.derivations)
    _, status = realize(session, list(inputs), tell=False, keep_going=True)
    return status if status >= ExitStatus.HANGUP else OK
