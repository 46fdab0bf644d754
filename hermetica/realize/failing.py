"""Failures as what became of a derivation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from hermetica.errors import HermeticaError
from hermetica.realize.errors import BuildCancelled, BuildTimedOut, NotReproducible, RealizeError
from hermetica.realize.outcome import Outcome, Realization
from hermetica_store import ClaimCancelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermetica.model import Derivation
    from hermetica.realize.errors import HookFailed


def with_hook(failures: Sequence[HookFailed], realization: Realization) -> Realization:
    """A realization, with how its hook failed where it did."""
    own = (each for each in failures if each.derivation.input_id == realization.derivation.input_id)
    return attrs.evolve(realization, hook_error=next(own, None))


def crash(derivation: Derivation, error: BaseException) -> HermeticaError:
    """What nobody expected, as an error of ours."""
    told = HermeticaError(f"{derivation.name}: internal error: {error!r}", hint="please report it")
    told.__cause__ = error
    return told


def failed(derivation: Derivation, error: HermeticaError, duration_s: float) -> Realization:
    """What an error makes of a derivation."""
    outcome = Outcome.FAILED
    if isinstance(error, BuildTimedOut):
        outcome = Outcome.TIMED_OUT
    elif isinstance(error, NotReproducible):
        outcome = Outcome.NOT_REPRODUCIBLE
    elif isinstance(error, BuildCancelled | ClaimCancelled):
        outcome = Outcome.CANCELLED
    key = error.log_key if isinstance(error, RealizeError) else None
    return Realization(derivation=derivation, outcome=outcome, error=error, duration_s=duration_s, log_key=key)
