"""The sandbox: runs one builder, which sees its declared inputs and the contract, and nothing else.

Source: docs/format-sandbox.md.
"""

from __future__ import annotations

from hermetica.sandbox.cancellation import Cancellation
from hermetica.sandbox.enter import enter
from hermetica.sandbox.errors import (
    ArgumentsTooLong,
    BuilderNotFound,
    InvalidSandboxSpec,
    MountSourceMissing,
    SandboxError,
    SandboxUnavailable,
    TierUnavailable,
)
from hermetica.sandbox.limits import Limits
from hermetica.sandbox.outcome import Exit, Outcome
from hermetica.sandbox.probe import Diagnosis, Finding, probe
from hermetica.sandbox.run import run
from hermetica.sandbox.spawn import Spawner
from hermetica.sandbox.spec import CONTRACT_VERSION, Mount, SandboxSpec
from hermetica.sandbox.world import DirectoryOrder, Tier, World, differences, environment, required_tier

__all__ = [
    "CONTRACT_VERSION",
    "ArgumentsTooLong",
    "BuilderNotFound",
    "Cancellation",
    "Diagnosis",
    "DirectoryOrder",
    "Exit",
    "Finding",
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
    "World",
    "differences",
    "enter",
    "environment",
    "probe",
    "required_tier",
    "run",
]
