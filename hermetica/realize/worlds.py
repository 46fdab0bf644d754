"""What a world changes about a build's directories and inputs: where they lie, and what time their files have.

Nothing here runs for the default world.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.sandbox import WorldUnavailable
from hermetica.sandbox.world import SOURCE_TIME_S
from hermetica_store.remove import remove_tree

if TYPE_CHECKING:
    from collections.abc import Generator

    from hermetica.model import Resolved
    from hermetica.sandbox import SandboxSpec, World
    from hermetica_store import Scratch

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 -- a directory of one's own is made in it
_COPIES: Final = "sources"


@contextlib.contextmanager
def directories(world: World, scratch: Scratch) -> Generator[Path]:
    """Where the build and output directories are made; what is in memory is gone when it is left.

    Raises:
        WorldUnavailable: there is no file system in memory, or the store lies on it.
    """
    if not world.in_memory:
        yield scratch.path
        return
    if not _is_in_memory(_MEMORY) or not os.access(_MEMORY, os.W_OK | os.X_OK):
        raise WorldUnavailable("fs", f"{_MEMORY} is no file system in memory that may be written")
    if _MEMORY.stat().st_dev == scratch.path.stat().st_dev:
        raise WorldUnavailable("fs", f"the store lies on {_MEMORY} itself", hint="use a store on a disk")
    room = Path(tempfile.mkdtemp(prefix="hermetica-", dir=_MEMORY))
    try:
        yield room
    finally:
        remove_tree(room)


def bring_home(spec: SandboxSpec, scratch: Scratch) -> None:
    """Moves what was made in memory to where outputs are looked for."""
    shutil.move(spec.store_dir, scratch.path / "store")


def dated(spec: SandboxSpec, names: frozenset[str], room: Path) -> SandboxSpec:
    """The specification with sources that have the world's time: copies of them, and the files that lie ready.

    Args:
        spec: what is to run.
        names: where the sources are mounted.
        room: where copies may lie.
    """
    time_s = spec.world.source_time_s
    if time_s == SOURCE_TIME_S:
        return spec
    for name in os.listdir(spec.build_dir):  # noqa: PTH208 -- names wanted
        os.utime(Path(spec.build_dir, name), (time_s, time_s))
    mounts = tuple(
        attrs.evolve(mount, source=_copy(Path(mount.source), room / _COPIES, time_s))
        if mount.target in names
        else mount
        for mount in spec.inputs
    )
    return attrs.evolve(spec, inputs=mounts)


def sources_of(resolved: Resolved) -> frozenset[str]:
    """The inputs that nothing was built for: sources, and what was fetched or unpacked."""
    derivation = resolved.derivation
    sources = {str(source.path) for source in derivation.sources}
    unbuilt = {
        made.store_name(token.output)
        for token, made in derivation.inputs.derivations
        if made.builder.startswith("builtin:")
    }
    return frozenset(
        sources | {str(path) for path in resolved.inputs if path.name in unbuilt and path != resolved.rootfs}
    )


def _copy(source: Path, room: Path, time_s: int) -> str:
    """A copy whose every entry has the time."""
    room.mkdir(exist_ok=True)
    copy = room / source.name
    if source.is_symlink():
        return str(source)
    if source.is_dir():
        shutil.copytree(source, copy, symlinks=True)
        for directory, names, files in os.walk(copy, topdown=False):
            for name in (*files, *names):
                os.utime(Path(directory, name), (time_s, time_s), follow_symlinks=False)
    else:
        shutil.copy2(source, copy)
    os.utime(copy, (time_s, time_s))
    return str(copy)


def _is_in_memory(directory: Path) -> bool:
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(fields[1:3] == [str(directory), "tmpfs"] for fields in map(str.split, lines))
