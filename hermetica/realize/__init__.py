"""Realizing derivations: what to do, in which order, and doing it.

Each name is imported when it is first used: keeping derivations, or finding all of them there, needs little of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica.lazy import import_on_demand

if TYPE_CHECKING:
    from hermetica.realize.events import (
        FORMAT,
        CollectionFinished,
        CollectionStarted,
        DerivationFinished,
        DerivationStarted,
        DerivationWaiting,
        Event,
        FetchProgress,
        HookFinished,
        HookStarted,
        HookText,
        LogText,
        RebuildStarted,
        RunFinished,
        RunStarted,
        Warned,
        error_json,
    )
    from hermetica.realize.options import Options
    from hermetica.realize.outcome import Outcome, Realization, Realizations
    from hermetica.realize.plan import Plan, Step, Work
    from hermetica.realize.post_build import PostBuild
    from hermetica.realize.store import Store

__all__ = [
    "FORMAT",
    "CollectionFinished",
    "CollectionStarted",
    "DerivationFinished",
    "DerivationStarted",
    "DerivationWaiting",
    "Event",
    "FetchProgress",
    "HookFinished",
    "HookStarted",
    "HookText",
    "LogText",
    "Options",
    "Outcome",
    "Plan",
    "PostBuild",
    "Realization",
    "Realizations",
    "RebuildStarted",
    "RunFinished",
    "RunStarted",
    "Step",
    "Store",
    "Warned",
    "Work",
    "error_json",
]

__getattr__ = import_on_demand(
    __name__,
    {
        "events": (
            "FORMAT",
            "CollectionFinished",
            "CollectionStarted",
            "DerivationFinished",
            "DerivationStarted",
            "DerivationWaiting",
            "Event",
            "FetchProgress",
            "HookFinished",
            "HookStarted",
            "HookText",
            "LogText",
            "RebuildStarted",
            "RunFinished",
            "RunStarted",
            "Warned",
            "error_json",
        ),
        "options": ("Options",),
        "outcome": ("Outcome", "Realization", "Realizations"),
        "plan": ("Plan", "Step", "Work"),
        "post_build": ("PostBuild",),
        "store": ("Store",),
    },
)
