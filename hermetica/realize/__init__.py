"""Realizing derivations: what to do, in which order, and doing it.

Each name is imported when it is first used: keeping derivations, or finding all of them there, needs little of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica.lazy import import_on_demand

if TYPE_CHECKING:
    from hermetica.realize.error_form import error_json
    from hermetica.realize.event_forms import NotAnEvent, event_schema, read_event
    from hermetica.realize.events import (
        FORMAT,
        ClosureKnown,
        CollectionFinished,
        CollectionStarted,
        DerivationFinished,
        DerivationPlanned,
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
        SubstitutionFinished,
        SubstitutionStarted,
        Warned,
    )
    from hermetica.realize.options import Options
    from hermetica.realize.outcome import Outcome, Realization, Realizations
    from hermetica.realize.plan import Plan, Step, Work
    from hermetica.realize.post_build import PostBuild
    from hermetica.realize.store import Store

__all__ = [
    "FORMAT",
    "ClosureKnown",
    "CollectionFinished",
    "CollectionStarted",
    "DerivationFinished",
    "DerivationPlanned",
    "DerivationStarted",
    "DerivationWaiting",
    "Event",
    "FetchProgress",
    "HookFinished",
    "HookStarted",
    "HookText",
    "LogText",
    "NotAnEvent",
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
    "SubstitutionFinished",
    "SubstitutionStarted",
    "Warned",
    "Work",
    "error_json",
    "event_schema",
    "read_event",
]

__getattr__ = import_on_demand(
    __name__,
    {
        "error_form": ("error_json",),
        "event_forms": ("NotAnEvent", "event_schema", "read_event"),
        "events": (
            "FORMAT",
            "ClosureKnown",
            "CollectionFinished",
            "CollectionStarted",
            "DerivationFinished",
            "DerivationPlanned",
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
            "SubstitutionFinished",
            "SubstitutionStarted",
            "Warned",
        ),
        "options": ("Options",),
        "outcome": ("Outcome", "Realization", "Realizations"),
        "plan": ("Plan", "Step", "Work"),
        "post_build": ("PostBuild",),
        "store": ("Store",),
    },
)
