"""Failed builds that are kept, so that one can look at them and enter them: the same sandbox, with a terminal."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.errors import HermeticaError
from hermetica.sandbox import Mount, SandboxSpec, Tier, World, enter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hermetica_store import Scratch

SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "busybox", "zsh", "ksh"})
"""Builders that are entered as they are."""
_FILE: Final = "kept-build.json"
_FORMAT: Final = "hermetica.kept-build/1"
_HINT: Final = "hermetica build --keep-failed TARGET keeps one and says where"


class NotKept(HermeticaError):
    """A directory that is no kept build."""

    code = "HM117"


def can_keep(world: World) -> bool:
    """Whether a build in this world can be entered later: in that of an ordinary build, not of a cell of a study."""
    from hermetica.realize.tiers import tier_of  # noqa: PLC0415 -- only where something failed

    return tier_of(world) is not None


def keep(scratch: Scratch, spec: SandboxSpec, name: str, duration_s: float) -> Path:
    """Keeps the scratch directory of a failed build, with what it takes to enter it; its place."""
    from hermetica.realize.tiers import tier_of  # noqa: PLC0415 -- only where something failed

    tier = tier_of(spec.world) or Tier.T0
    row = {
        "format": _FORMAT,
        "name": name,
        "began_s": int(time.time() - duration_s) - 1,  # its directories were made before
        "duration_s": round(duration_s, 3),
        "tier": tier.name,
        "jobs": spec.world.jobs,
        "builder": spec.builder,
        "args": list(spec.args),
        "env": [list(pair) for pair in spec.env],
        "inputs": [[mount.source, mount.target] for mount in spec.inputs],
        "rootfs": spec.rootfs,
    }
    (scratch.path / _FILE).write_text(json.dumps(row, indent=1), encoding="utf-8")
    return scratch.keep()


def load(directory: Path) -> SandboxSpec:
    """The sandbox of a kept build.

    Raises:
        NotKept: the directory is not one, or its description is damaged.
    """
    try:
        row: dict[str, Any] = json.loads((directory / _FILE).read_text(encoding="utf-8"))
        if row["format"] != _FORMAT:
            raise NotKept(f"{directory}: a kept build of another version: {row['format']}")
        return SandboxSpec(
            builder=row["builder"],
            args=tuple(row["args"]),
            env=tuple((name, value) for name, value in row["env"]),
            inputs=tuple(Mount(source, target) for source, target in row["inputs"]),
            store_dir=str(directory / "store"),
            build_dir=str(directory / "build"),
            rootfs=row["rootfs"],
            world=_world(row),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotKept(f"{directory} is not a kept build", hint=_HINT) from error


def _world(row: Mapping[str, Any]) -> World:
    """The one that it was built in; those that were kept before this was written down had the default one."""
    from hermetica.realize.tiers import world_at  # noqa: PLC0415 -- only where something failed

    return world_at(Tier[row.get("tier", "T0")], row.get("jobs", 1))


def _dated(directory: Path, spec: SandboxSpec) -> None:
    """Gives the directories the time they were made at, since when all that lies in them is new to a strict world."""
    began_s = json.loads((directory / _FILE).read_text(encoding="utf-8"))["began_s"]
    for place in (spec.build_dir, spec.store_dir):
        os.utime(place, (began_s, began_s))


def enter_kept(directory: Path, command: Sequence[str] | None = None) -> int:
    """Runs a command, or the builder's own shell, in the sandbox of a kept build; its exit status.

    Raises:
        NotKept: the directory is not a kept build.
    """
    spec = attrs.evolve(load(directory), terminal=True)
    if spec.world.file_time_s is not None:
        _dated(directory, spec)
    return enter(spec, entered(spec.builder, command))


def entered(builder: str, command: Sequence[str] | None) -> tuple[str, ...]:
    """What to run in a sandbox that is entered: the command, or the builder as an interactive shell.

    A command without a slash is looked for by the builder, where that is a shell, in the PATH that the build has.
    """
    shell = (builder, "sh") if builder.endswith("/busybox") else (builder,)  # which is one only when told
    if not command:
        return shell
    by_name = "/" not in command[0] and builder.rpartition("/")[2] in SHELLS
    return (*shell, "-c", 'exec "$@"', command[0], *command) if by_name else tuple(command)


def newest(scratch_root: Path, name: str | None = None) -> Path:
    """The kept build that failed last.

    Args:
        scratch_root: where kept builds lie.
        name: of its derivation; any where None.

    Raises:
        NotKept: there is none.
    """
    found: list[tuple[float, Path]] = []
    for file in scratch_root.glob(f"*/{_FILE}"):
        try:
            row = json.loads(file.read_text(encoding="utf-8"))
            if name in {None, row["name"]}:
                found.append((file.stat().st_mtime, file.parent))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # collected meanwhile, or damaged: `load` says so of the one that is named
    if not found:
        raise NotKept(f"no failed build{f' of {name}' if name else ''} is kept", hint=_HINT)
    return max(found)[1]
