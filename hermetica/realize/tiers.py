"""How much of its world a build has held still: what its derivation requires, else what the caller prefers.

A required feature is part of a derivation's id, a preference is not. What a derivation requires and the host refuses is
an error; what the caller merely prefers becomes the highest tier that the host gives, and the build record says which.
"""

from __future__ import annotations

import functools
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.realize.errors import BuildFailed, BuildSilent, BuildTimedOut, UnsupportedSystem
from hermetica.sandbox import FACTORS, Tier, World, fixed_world, vary
from hermetica.sandbox.frozen.reach import reach

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermetica.model import Derivation
    from hermetica.realize.errors import RealizeError

FEATURES: Final[Mapping[str, Tier]] = MappingProxyType(
    {"clock:running": Tier.T0, "clock:frozen": Tier.T2, "world:strict": Tier.T3}
)
"""What a derivation may require of the sandbox, and the tier that gives it."""
_PREFERRED: Final = {"running": Tier.T0, "frozen": Tier.T2, "strict": Tier.T3}


def required(derivation: Derivation) -> Tier | None:
    """The tier that a derivation requires; None where it leaves that to the caller.

    Raises:
        UnsupportedSystem: it requires what no sandbox offers, or two things that exclude each other.
    """
    features = derivation.features
    if unknown := [feature for feature in features if feature not in FEATURES]:
        raise UnsupportedSystem(
            derivation,
            f"it requires {', '.join(unknown)}, which this host's sandbox does not offer",
            details=(("offered", ", ".join(FEATURES)),),
        )
    if "clock:running" in features and len(features) > 1:
        raise UnsupportedSystem(
            derivation, f"it requires {' and '.join(features)}, which exclude each other", hint="leave one of them out"
        )
    return max(FEATURES[feature] for feature in features) if features else None


def tier_for(derivation: Derivation, clock: str) -> Tier:
    """The tier that a build of it gets, where the caller prefers a clock of `hermetica.realize.options.CLOCKS`.

    Raises:
        UnsupportedSystem: it requires what no sandbox offers.
    """
    needed = required(derivation)
    if needed is not None:
        return needed
    preferred = _PREFERRED[clock]
    return preferred if preferred is Tier.T0 else min(preferred, reach().tier)


_TRACED: Final = (
    "does not work under ptrace",
    "ptrace: Operation not permitted",
    "ptrace(PTRACE_SEIZE",
    "ptrace(PTRACE_TRACEME",
    "ptrace(PTRACE_ATTACH",
    "Could not attach to process",
)
_RUNNING: Final = "features=('clock:running',)"


def advise(error: RealizeError) -> None:
    """Adds to a failure in a world that stands still what may be behind it."""
    if isinstance(error, BuildTimedOut | BuildSilent):
        more = f"its clock stands still: a program that waits for it to go on needs {_RUNNING}"
    elif isinstance(error, BuildFailed) and any(each in (error.log_tail or "") for each in _TRACED):
        more = f"it is traced already, for its clock stands still: a build that traces needs {_RUNNING}"
    else:
        return
    error.hint = f"{error.hint}; {more}" if error.hint else more


def tier_of(world: World) -> Tier | None:
    """The tier whose `world_at` a world is; None where it is none of an ordinary build."""
    return next((tier for tier in _PREFERRED.values() if world == world_at(tier, world.jobs)), None)


@functools.lru_cache(maxsize=8)
def world_at(tier: Tier, cores: int) -> World:
    """The world of ordinary builds at a tier: the default one, and what the tier holds still; processors stay."""
    if tier >= Tier.T3:
        return attrs.evolve(fixed_world(tier), cpus=None, jobs=cores)
    held = {name: factor.default for name, factor in FACTORS.items() if Tier.T0 < factor.tier <= tier}
    return vary(World(jobs=cores), held)
