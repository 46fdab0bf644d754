"""The sandbox: runs one builder, which sees its declared inputs and the contract, and nothing else.

Source: docs/format-sandbox.md.

Each name is imported when it is first used: a run that finds everything there needs none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica.lazy import import_on_demand

if TYPE_CHECKING:
    from hermetica.sandbox.beside import enter_beside
    from hermetica.sandbox.cancellation import Cancellation
    from hermetica.sandbox.enter import enter
    from hermetica.sandbox.errors import (
        ArgumentsTooLong,
        BuilderNotFound,
        FrozenClockFailed,
        InvalidSandboxSpec,
        MountSourceMissing,
        SandboxError,
        SandboxUnavailable,
        TierUnavailable,
        UnknownFactor,
        UnknownLevel,
        WorldUnavailable,
    )
    from hermetica.sandbox.factors import FACTORS, RACE, Factor, fixed_world, vary
    from hermetica.sandbox.limits import Limits
    from hermetica.sandbox.outcome import Exit, Outcome
    from hermetica.sandbox.probe import Diagnosis, Finding, probe
    from hermetica.sandbox.run import run
    from hermetica.sandbox.spawn import Spawner
    from hermetica.sandbox.spec import CONTRACT_VERSION, Mount, SandboxSpec
    from hermetica.sandbox.world import DirectoryOrder, Tier, World, differences, environment, required_tier

__all__ = [
    "CONTRACT_VERSION",
    "FACTORS",
    "RACE",
    "ArgumentsTooLong",
    "BuilderNotFound",
    "Cancellation",
    "Diagnosis",
    "DirectoryOrder",
    "Exit",
    "Factor",
    "Finding",
    "FrozenClockFailed",
    "InvalidSandboxSpec",
    "Limits",
    "Mount",
    "MountSourceMissing",
    "Outcome",
    "SandboxError",
    "SandboxSpec",
    "SandboxUnavailable",
    "Spawner",
    "Tier",
    "TierUnavailable",
    "UnknownFactor",
    "UnknownLevel",
    "World",
    "WorldUnavailable",
    "differences",
    "enter",
    "enter_beside",
    "environment",
    "fixed_world",
    "probe",
    "required_tier",
    "run",
    "vary",
]

__getattr__ = import_on_demand(
    __name__,
    {
        "beside": ("enter_beside",),
        "cancellation": ("Cancellation",),
        "enter": ("enter",),
        "errors": (
            "ArgumentsTooLong",
            "BuilderNotFound",
            "FrozenClockFailed",
            "InvalidSandboxSpec",
            "MountSourceMissing",
            "SandboxError",
            "SandboxUnavailable",
            "TierUnavailable",
            "UnknownFactor",
            "UnknownLevel",
            "WorldUnavailable",
        ),
        "factors": ("FACTORS", "RACE", "Factor", "fixed_world", "vary"),
        "limits": ("Limits",),
        "outcome": ("Exit", "Outcome"),
        "probe": ("Diagnosis", "Finding", "probe"),
        "run": ("run",),
        "spawn": ("Spawner",),
        "spec": ("CONTRACT_VERSION", "Mount", "SandboxSpec"),
        "world": ("DirectoryOrder", "Tier", "World", "differences", "environment", "required_tier"),
    },
)
