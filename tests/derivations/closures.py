"""Running programs where their closure is mounted and nothing else."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import hermetica as hm


def in_closure(
    store: hm.Store,
    drv: hm.Derivation,
    *command: str,
    data: bytes = b"",
    etc: Mapping[str, Path] | None = None,
    env: Mapping[str, str] | None = None,
    beside: Sequence[hm.Derivation] = (),
) -> bytes:
    """What a program of a derivation prints.

    Args:
        store: where it is built.
        drv: whose ``bin`` has the program.
        command: the program's name, and its arguments.
        data: what it reads.
        etc: files for ``/etc``, which belongs to the system and to no closure.
        env: its whole environment.
        beside: what is mounted too.
    """
    out = store.realize(drv)["out"]
    mounted = store.objects.closure([out, *(store.realize(each)["out"] for each in beside)])
    binds = [word for each in mounted for word in ("--ro-bind", str(store.objects.on_disk(each)), str(each))]
    binds += [word for name, path in (etc or {}).items() for word in ("--ro-bind", str(path), f"/etc/{name}")]
    variables = [word for name, value in (env or {}).items() for word in ("--setenv", name, value)]
    line = ["bwrap", "--unshare-all", "--clearenv", *variables, *binds, f"{out}/bin/{command[0]}", *command[1:]]
    return subprocess.run(line, input=data, check=True, capture_output=True).stdout
