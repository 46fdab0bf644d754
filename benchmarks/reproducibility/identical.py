"""Whether packages come out the same twice: rebuilt as people do, in the sandbox, and in the fixed world.

Three settings, each two builds of one derivation. *naive*: all that usually differs between two machines, users and
days does differ. *default*: what hermetica's sandbox fixes is fixed, and the clock, chance and the order of
directories are the host's. *fixed*: every factor is at its fixed level. The first build of the first two is the same.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.realize.in_world import workshop
from hermetica.sandbox.factors import FACTORS, fixed_world, vary
from hermetica.sandbox.world import Tier, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import hermetica as hm
    from hermetica.realize.in_world import Attempt, Workshop

NAIVE: Final = (
    "build_path", "cpus", "env", "fs", "gid", "home", "hostname", "jobs", "locale", "path", "pid", "shell", "tz", "uid",
    "umask", "username",
)  # fmt: skip
"""What differs beside the clock, chance and the order of directories, which are the host's and differ by themselves."""


@attrs.frozen(kw_only=True)
class Setting:
    """A pair of worlds that one derivation is built in."""

    name: str
    first: World
    second: World


def settings() -> tuple[Setting, ...]:
    """The three pairs."""
    plain = World()
    elsewhere = vary(plain, {name: FACTORS[name].varied[0] for name in NAIVE})
    fixed = fixed_world(Tier.T3)
    return (
        Setting(name="naive", first=plain, second=elsewhere),
        Setting(name="default", first=plain, second=plain),
        Setting(name="fixed", first=fixed, second=fixed),
    )


@attrs.frozen(kw_only=True)
class Build:
    """One build of a package.

    Attributes:
        files: path -> what stands for its content.
        failed: why there is nothing; empty where it was built.
        wall_s, cpu_s: what it took.
    """

    files: Mapping[str, str]
    failed: str
    wall_s: float
    cpu_s: float


def compare(store: hm.Store, derivation: hm.Derivation, wanted: Iterable[Setting]) -> list[dict[str, Any]]:
    """Builds a derivation in the worlds of the settings; a row for each.

    Raises:
        HermeticaError: an input cannot be had, or this host cannot give a world.
    """
    rows: list[dict[str, Any]] = []
    with workshop(store, derivation) as made:
        built: dict[World, Build] = {}
        for setting in wanted:
            first = built.get(setting.first) or build(made, setting.first)
            built.setdefault(setting.first, first)
            second = build(made, setting.second)
            names = sorted({*first.files, *second.files})
            rows.append(
                {
                    "setting": setting.name,
                    "identical": not (first.failed or second.failed) and first.files == second.files,
                    "files": len(names),
                    "differing": [name for name in names if first.files.get(name) != second.files.get(name)],
                    "failed": first.failed or second.failed,
                    "wall_s": [round(first.wall_s, 2), round(second.wall_s, 2)],
                    "cpu_s": [round(first.cpu_s, 2), round(second.cpu_s, 2)],
                }
            )
    return rows


def build(made: Workshop, world: World, *, shaken: int | None = None) -> Build:
    """One build in a world; with a seed, under disturbed scheduling."""
    with made.build(world, shaken=shaken) as attempt:
        return Build(
            files={} if attempt.error else _digests(attempt),
            failed=str(attempt.error).partition("\n")[0] if attempt.error else "",
            wall_s=attempt.duration_s,
            cpu_s=(attempt.usage.cpu_user_s or 0.0) + (attempt.usage.cpu_system_s or 0.0),
        )


def _digests(attempt: Attempt) -> dict[str, str]:
    """What counts of each file: bytes, the executable bit, where a link leads."""
    found: dict[str, str] = {}
    for tree in map(Path, attempt.trees.values()):
        for directory, names, files in os.walk(tree):
            for name in (*files, *(name for name in names if Path(directory, name).is_symlink())):
                path = Path(directory, name)
                found[os.fspath(path.relative_to(tree))] = _digest(path)
    return found


def _digest(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{digest} {'x' if os.access(path, os.X_OK) and path.stat().st_mode & 0o111 else '-'}"
