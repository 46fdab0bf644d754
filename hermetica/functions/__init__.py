"""Builders in Python: functions of the user's module that run inside the sandbox, on a pinned interpreter."""

from __future__ import annotations

from hermetica.functions.builder import Builder, HasRootfs, Out, builder
from hermetica.functions.errors import (
    ArgumentRefused,
    CapturedState,
    ForeignModule,
    InvalidBuilder,
    SourceUnavailable,
    UndefinedName,
)

__all__ = [
    "ArgumentRefused",
    "Builder",
    "CapturedState",
    "ForeignModule",
    "HasRootfs",
    "InvalidBuilder",
    "Out",
    "SourceUnavailable",
    "UndefinedName",
    "builder",
]
