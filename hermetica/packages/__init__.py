"""Package sets: functions that make packages, found by the names of their parameters; overlays are subclasses.

``arguments``, ``axes`` and ``errors`` compute; ``package``, ``matrix`` and ``sets`` are what users write;
``evaluating`` calls the functions, and gives a chain that is too deep for one stack another.
Source: docs/package-sets.md.
"""

from __future__ import annotations

from hermetica.model.override import UnknownArgument
from hermetica.packages.errors import (
    EvaluationRecursion,
    InvalidMatrix,
    InvalidOverlay,
    InvalidPackage,
    MissingArgument,
    SetIsFrozen,
    UnknownVariant,
)
from hermetica.packages.matrix import matrix
from hermetica.packages.package import check, package
from hermetica.packages.sets import PackageSet
from hermetica.packages.variants import Variants

__all__ = [
    "EvaluationRecursion",
    "InvalidMatrix",
    "InvalidOverlay",
    "InvalidPackage",
    "MissingArgument",
    "PackageSet",
    "SetIsFrozen",
    "UnknownArgument",
    "UnknownVariant",
    "Variants",
    "check",
    "matrix",
    "package",
]
