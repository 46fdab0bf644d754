"""Failed builds that are kept, so that one can look at them and enter them: the same sandbox, with a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.errors import HermeticaError
from hermetica.sandbox import Mount, SandboxSpec, enter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hermetica_store import Scratch

_FILE: Final = "kept-build.json"
_FORMAT: Final = "hermetica.kept-build/1"
_HINT: Final = "hermetica build --keep-failed TARGET keeps one and says where"


class NotKept(HermeticaError):
    """A directory that is no kept build."""

    code = "HM117"


def keep(scratch: Scratch, spec: SandboxSpec, name: str, duration_s: float) -> Path:
    """Keeps the scratch directory of a failed build, with what it takes to enter it; its place."""
    row = {
        "format": _FORMAT,
        "name": name,
        "duration_s": round(duration_s, 3),
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
        row = json.loads((directory / _FILE).read_text(encoding="utf-8"))
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
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotKept(f"{directory} is not a kept build", hint=_HINT) from error


def enter_kept(directory: Path, command: Sequence[str] | None = None) -> int:
    """Runs a command, or the builder's own shell, in the sandbox of a kept build; its exit status.

    Raises:
        NotKept: the directory is not a kept build.
    """
    spec = attrs.evolve(load(directory), terminal=True)
    return enter(spec, tuple(command) if command else shell_of(spec.builder))


def shell_of(builder: str) -> tuple[str, ...]:
    """The builder as an interactive shell; busybox is one only when told."""
    return (builder, "sh") if builder.endswith("/busybox") else (builder,)


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
