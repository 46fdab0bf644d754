"""Realizing derivations: what to do, in which order, and doing it."""

from __future__ import annotations

from hermetica.realize.events import (
    FORMAT,
    DerivationFinished,
    DerivationStarted,
    DerivationWaiting,
    Event,
    FetchProgress,
    LogText,
    RunFinished,
    RunStarted,
    Warned,
    error_json,
)
from hermetica.realize.options import Options
from hermetica.realize.outcome import Outcome, Realization, Realizations
from hermetica.realize.plan import Plan, Step, Work
from hermetica.realize.store import Store

__all__ = [
    "FORMAT",
    "DerivationFinished",
    "DerivationStarted",
    "DerivationWaiting",
    "Event",
    "FetchProgress",
    "LogText",
    "Options",
    "Outcome",
    "Plan",
    "Realization",
    "Realizations",
    "RunFinished",
    "RunStarted",
    "Step",
    "Store",
    "Warned",
    "Work",
    "error_json",
]
