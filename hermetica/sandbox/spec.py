"""What to run in a sandbox, as a value: the same for the local runner and for any executor that follows.

The rule it keeps: nothing in it is looked up on the host. Paths are parsed here once; a spec that exists is
well formed.
"""

from __future__ import annotations

from typing import Final

import attrs

from hermetica.sandbox.errors import InvalidSandboxSpec
from hermetica.sandbox.limits import Limits
from hermetica.sandbox.world import STORE_PREFIX, World

CONTRACT_VERSION: Final = 2
"""Counts up whenever a builder could observe a change of the sandbox contract (docs/format-sandbox.md)."""

RESERVED: Final = frozenset({"dev", "proc", "tmp", "sys", "hermetica"})
"""Top-level names that the contract owns: neither an input nor a rootfs may provide them."""


@attrs.frozen
class Mount:
    """One read-only mount.

    Attributes:
        source: absolute path on the host.
        target: absolute path in the sandbox.
    """

    source: str
    target: str


def _strings(spec: SandboxSpec) -> tuple[str, ...]:
    environment = (text for pair in spec.env for text in pair)
    mounts = (text for mount in spec.inputs for text in (mount.source, mount.target))
    return (spec.builder, *spec.args, *environment, *mounts, spec.store_dir, spec.build_dir, spec.rootfs or "/")


def _is_plain(path: str) -> bool:
    parts = path.split("/")
    return path == "/" or (parts[0] == "" and all(part not in {"", ".", ".."} for part in parts[1:]))


@attrs.frozen(kw_only=True)
class SandboxSpec:
    """One program and all it may see.

    Attributes:
        builder: absolute path, in the sandbox, of the program; also its ``argv[0]``. args: the arguments
        after it. env: (name, value) pairs that the derivation declares; they win over the contract's own
        (`environment`). inputs: read-only mounts; most lie directly below /hermetica/store. Mount points
        appear in ``store_dir`` as
            empty directories and files, and stay behind there.
        store_dir: host directory, read-write at /hermetica/store; outputs appear in it.
        build_dir: host directory, read-write at the world's build path, the working directory.
        rootfs: host path of a tree whose top-level entries appear read-only in /.
        world: the surroundings.
        limits: what the build may use.
        terminal: whether it gets the caller's terminal (`enter`) rather than a log.
    """

    builder: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    inputs: tuple[Mount, ...] = ()
    store_dir: str
    build_dir: str
    rootfs: str | None = None
    world: World = attrs.field(factory=World)
    limits: Limits = attrs.field(factory=Limits)
    terminal: bool = False

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot be passed on."""
        for text in _strings(self):
            if "\0" in text:
                raise InvalidSandboxSpec(f"a NUL character cannot be passed to a program: {text!r}")
        for name, _value in self.env:
            if not name or "=" in name:
                raise InvalidSandboxSpec(f"not the name of an environment variable: {name!r}")
        for path in (self.store_dir, self.build_dir, self.rootfs or "/", *(mount.source for mount in self.inputs)):
            if not path.startswith("/"):
                raise InvalidSandboxSpec(f"not an absolute host path: {path!r}")
        self._check_targets()

    def _check_targets(self) -> None:
        seen: set[str] = set()
        for mount in self.inputs:
            target = mount.target
            if not _is_plain(target) or target in {"/", STORE_PREFIX}:
                raise InvalidSandboxSpec(f"not a place for a mount: {target!r}", hint="use a plain absolute path")
            if target.split("/")[1] in RESERVED and not target.startswith(f"{STORE_PREFIX}/"):
                raise InvalidSandboxSpec(f"the sandbox contract owns this place: {target}")
            if target in seen:
                raise InvalidSandboxSpec(f"mounted twice: {target}")
            seen.add(target)
        if not self.builder.startswith("/"):
            raise InvalidSandboxSpec(
                f"not an absolute path in the sandbox: {self.builder!r}", hint="write builder=f'{busybox}/bin/sh', say"
            )
        if not _is_plain(self.world.build_path) or self.world.build_path.split("/")[1] in RESERVED:
            raise InvalidSandboxSpec(f"not a place for the build directory: {self.world.build_path!r}")
