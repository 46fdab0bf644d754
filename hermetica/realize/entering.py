"""Enters the sandbox that a build would have: its inputs, its environment, an empty ``/build``, a terminal.

What the build would run lies in ``/build/.build``, so that it can be tried, in whole or in steps.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.errors import HermeticaError
from hermetica.model.resolve import resolve
from hermetica.realize.build import prepared
from hermetica.realize.kept import SHELLS, entered
from hermetica.realize.options import Options
from hermetica.realize.tiers import world_at
from hermetica.sandbox import Tier, enter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hermetica.model import Derivation, Token
    from hermetica.sandbox import World
    from hermetica_store import ObjectStore, StorePath

BUILD_FILE: Final = ".build"


class NothingToEnter(HermeticaError):
    """A derivation whose build is no program in a sandbox, or whose builder is no shell."""

    code = "HM673"


def check_enterable(derivation: Derivation, command: Sequence[str] | None) -> None:
    """That there is something to enter.

    Raises:
        NothingToEnter: there is not.
    """
    origin = str(derivation.origin) if derivation.origin else None
    if derivation.builder.startswith("builtin:"):
        raise NothingToEnter(
            f"{derivation.name} is made by hermetica itself ({derivation.builder}), in no sandbox",
            hint="enter a derivation that uses it",
            origin=origin,
        )
    program = derivation.builder.rpartition("/")[2]
    if not command and program not in SHELLS:
        raise NothingToEnter(
            f"the builder of {derivation.name} is no shell: {program}",
            hint="say what to run: hermetica develop TARGET -- /path/in/the/sandbox ARGUMENTS…",
            origin=origin,
        )


def stands_still(world: World) -> str:
    """What of a world does not go on, in words; empty where all does."""
    if world.clock_s is None:
        return ""
    clock = f"the clock stands at {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(world.clock_s))} UTC"
    return clock if world.random_seed is None else f"{clock}, and chance is seeded"


def enter_build(
    objects: ObjectStore,
    derivation: Derivation,
    paths: Mapping[Token, StorePath],
    command: Sequence[str] | None = None,
    *,
    cores: int | None = None,
    tier: Tier = Tier.T0,
) -> int:
    """Runs a command, or the builder's own shell, where the build would run; its exit status.

    Args:
        objects: the store; what the derivation uses is in it, and held.
        derivation: which.
        paths: what each of its inputs realised to.
        command: an absolute path in the sandbox, or a name that a builder which is a shell looks for; and arguments.
        cores: what the builder would be told it may use.
        tier: how much of its world the build would have held still; `hermetica.realize.tiers.tier_for` tells.

    Raises:
        SandboxUnavailable: this host offers no sandbox.
        TierUnavailable: nor this tier.
        FrozenClockFailed: a program could not be given its world.
        BuilderNotFound: the command cannot be executed there.
    """
    options = Options() if cores is None else Options(cores=cores)
    resolved = resolve(derivation, paths.__getitem__)
    with (
        objects.scratch() as scratch,
        prepared(resolved, objects, options, scratch, world_at(tier, options.cores)) as spec,
    ):
        script = Path(spec.build_dir, BUILD_FILE)
        script.write_text(f"exec {' '.join(map(quote, (spec.builder, *spec.args)))}\n", encoding="utf-8")
        os.chmod(script, 0o644)  # noqa: PTH101 -- whatever the umask
        return enter(attrs.evolve(spec, terminal=True), entered(spec.builder, command))
