"""The self-test of worlds: that fixing fixes and varying varies, for each factor, on this host.

A program observes every factor in the fixed world twice, and once in each world with one factor at another level. A
factor is fixed where both observations agree, and varied where that one differs and no other does.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.realize.world_probe import SOURCE
from hermetica.realize.worlds import dated, directories
from hermetica.sandbox import FACTORS, Mount, SandboxError, SandboxSpec, Spawner, Tier, fixed_world, run, vary
from hermetica.sandbox.frozen.reach import reach
from hermetica.sandbox.spec import RESERVED
from hermetica_store import Scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermetica.sandbox import Factor, World

_PROBE: Final = Path(__file__).with_name("world_probe.py")
_TIMEOUT_S: Final = 60.0
_OTHER_PYTHONS: Final = ("/usr/bin/python3", "/usr/local/bin/python3")


@attrs.frozen(kw_only=True)
class FactorCheck:
    """What was found of one factor.

    Attributes:
        name: of it.
        tier: that it needs.
        fixed: whether two observations in the fixed world agree.
        varied: level -> whether it is observed there, and no other factor with it.
        cause: why it is not as it should be; empty where it is.
    """

    name: str
    tier: str
    fixed: bool
    varied: dict[str, bool]
    cause: str = ""

    @property
    def works(self) -> bool:
        """Whether it can be fixed and varied."""
        return self.fixed and all(self.varied.values())


@attrs.frozen(kw_only=True)
class WorldCheck:
    """What was found of all.

    Attributes:
        tier: the highest that this host gives.
        cause: why it gives no higher one; empty where it gives all.
        factors: ascending by name.
    """

    tier: str
    cause: str
    factors: tuple[FactorCheck, ...]

    @property
    def works(self) -> bool:
        """Whether every factor can be fixed and varied."""
        return all(each.works for each in self.factors)


def _python() -> str | None:
    """An interpreter that can be seen in a sandbox with the host's files."""
    for place in (os.path.realpath(sys.executable), *_OTHER_PYTHONS):
        path = Path(place).resolve()
        if path.exists() and path.parts[1] not in RESERVED:
            return str(path)
    return None


def _observe(world: World, python: str, spawner: Spawner) -> dict[str, Any]:
    """What the probe observes in a world.

    Raises:
        SandboxError: the host does not give it.
    """
    output = bytearray()
    with tempfile.TemporaryDirectory(prefix="hermetica-world-") as place:
        scratch = Scratch(Path(place))
        source = scratch.path / "source"
        source.write_text("source", encoding="ascii")
        os.utime(source, (1, 1))
        with directories(world, scratch) as room:
            store, build = room / "store", room / "build"
            store.mkdir()
            build.mkdir()
            spec = SandboxSpec(
                builder=python,
                args=("-I", "-S", "-c", _PROBE.read_text(encoding="utf-8")),
                env=(("PATH", "/usr/bin:/bin"),),
                inputs=(Mount(str(source), SOURCE),),
                store_dir=str(store),
                build_dir=str(build),
                rootfs="/",
                world=world,
            )
            run(dated(spec, frozenset({SOURCE}), room), log=output.extend, timeout_s=_TIMEOUT_S, spawner=spawner)
    try:
        found: dict[str, Any] = json.loads(output.decode(errors="replace"))
    except ValueError as error:
        last = output.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise SandboxError(f"the probe did not end well: {last[0]}") from error
    return found


def check_world() -> WorldCheck:
    """Try every factor of this host; takes seconds.

    Raises:
        SandboxError: nothing can be tried.
    """
    python = _python()
    if python is None:
        raise SandboxError(
            f"no Python that a sandbox could see: {sys.executable} lies where the sandbox has its own files",
            hint="install /usr/bin/python3, or run hermetica from another place",
        )
    reached = reach()
    base = fixed_world(reached.tier)
    with Spawner.with_own_thread() as spawner:
        first, second = (_observe(base, python, spawner) for _ in range(2))
        checks = tuple(_check_factors(base, first, second, python, spawner, reached.tier))
    return WorldCheck(tier=reached.tier.name, cause=reached.cause, factors=checks)


def _check_factors(
    base: World, first: dict[str, Any], second: dict[str, Any], python: str, spawner: Spawner, tier: Tier
) -> Iterator[FactorCheck]:
    for name, factor in FACTORS.items():
        if factor.tier > tier:
            cause = f"it needs tier {factor.tier.name}"
            yield FactorCheck(
                name=name, tier=factor.tier.name, fixed=False, varied=dict.fromkeys(factor.varied, False), cause=cause
            )
            continue
        fixed = first[name] == second[name]
        causes = [] if fixed else [f"in one world it is {first[name]}, then {second[name]}"]
        varied: dict[str, bool] = {}
        for level in factor.varied:
            why = _why_not(factor, level, base, first, python, spawner)
            varied[level] = not why
            causes += [f"{level}: {why}"] if why else []
        yield FactorCheck(
            name=name, tier=factor.tier.name, fixed=fixed, varied=varied, cause="; ".join(dict.fromkeys(causes))
        )


def _why_not(factor: Factor, level: str, base: World, first: dict[str, Any], python: str, spawner: Spawner) -> str:
    """Why a level is not what it should be; empty where it is."""
    try:
        found = _observe(vary(base, {factor.name: level}), python, spawner)
    except SandboxError as error:
        return "; ".join((error.message, *(text for _, text in error.details)))
    changed = sorted(name for name in found if found[name] != first[name])
    if factor.name not in changed:
        return f"it stays {first[factor.name]}"
    others = [name for name in changed if name != factor.name]
    return f"it changes {', '.join(others)}, too" if others else ""
