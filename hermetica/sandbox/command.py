"""From a specification to bubblewrap's arguments: the sandbox contract, spelled out once.

Pure: nothing is run or looked up.
The options travel through a pipe (``--args``), so that /proc/1/cmdline shows no path of the host; only the
builder and its own arguments stand on the command line. Source: bwrap(1), bubblewrap 0.8.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.sandbox.files import contract_etc, masks
from hermetica.sandbox.rootfs import Entry, etc_is_whole, rootfs_options
from hermetica.sandbox.world import STORE_PREFIX, environment

if TYPE_CHECKING:
    from hermetica.sandbox.spec import Mount, SandboxSpec

ARGUMENTS_FD: Final = 3
STATUS_FD: Final = 4
SECCOMP_FD: Final = 5
FIRST_DATA_FD: Final = 6

DIRECT_MOUNTS: Final = 64
"""Up to so many inputs are mounted by bubblewrap itself, whose start grows with the square of their number."""

_NAMESPACES: Final = (
    *("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"),
    *("--disable-userns", "--die-with-parent", "--clearenv"),
    *("--cap-drop", "ALL"),
)


@attrs.frozen(kw_only=True)
class Launch:
    """All that starting a sandbox takes.

    Attributes:
        argv: bubblewrap's command line, from ``argv[0]``. options: what goes through `ARGUMENTS_FD`. data:
        contents of descriptors from `FIRST_DATA_FD` on. farm: mounts to make over the store directory before
        bubblewrap starts; empty when it makes them itself.
    """

    argv: tuple[str, ...]
    options: tuple[str, ...]
    data: tuple[bytes, ...]
    farm: tuple[Mount, ...]

    @property
    def arguments(self) -> bytes:
        """The bytes of `options` as ``--args`` reads them."""
        return "\0".join((*self.options, "")).encode("utf-8", "surrogateescape")


@attrs.define
class _Data:
    """Hands out descriptor numbers for contents."""

    contents: list[bytes] = attrs.field(factory=list[bytes])

    def fd(self, content: bytes) -> str:
        self.contents.append(content)
        return str(FIRST_DATA_FD + len(self.contents) - 1)


def _identity(spec: SandboxSpec) -> list[str]:
    world = spec.world
    options = ["--uid", str(world.uid), "--gid", str(world.gid), "--hostname", world.host_name]
    if not spec.terminal:
        options.append("--new-session")
    for name, value in environment(world, dict(spec.env)).items():
        options += ("--setenv", name, value)
    return options


def _shared_directory(size_bytes: int | None, target: str) -> tuple[str, ...]:
    bounded = () if size_bytes is None else ("--size", str(size_bytes))
    return (*bounded, "--perms", "1777", "--tmpfs", target)


@functools.cache
def _skeleton(temporary_bytes: int | None) -> tuple[str, ...]:
    return (
        *("--dev", "/dev"),
        *_shared_directory(temporary_bytes, "/dev/shm"),  # noqa: S108 -- the sandbox's own, not the host's
        *("--proc", "/proc"),
        *_shared_directory(temporary_bytes, "/tmp"),  # noqa: S108 -- the sandbox's own, not the host's
    )


def _files(spec: SandboxSpec, entries: tuple[Entry, ...], data: _Data) -> list[str]:
    covers = any(entry.name == "etc" and etc_is_whole(entry) for entry in entries)
    how = "--ro-bind-data" if covers else "--file"
    options: list[str] = []
    for path, content in contract_etc(spec.world):
        options += ["--perms", "0444", how, data.fd(content), path]
    for path, content in masks(spec.world):
        options += ["--perms", "0444", "--ro-bind-data", data.fd(content), path]
    return options


@functools.lru_cache(maxsize=64)  # builds differ in what lies directly in the store, which needs none
def _parents(*targets: str) -> tuple[str, ...]:
    """The directories above mount points, which bubblewrap would make for nobody else to enter."""
    above: set[str] = set()
    for target in targets:
        head = target.rpartition("/")[0]
        while head:
            above.add(head)
            head = head.rpartition("/")[0]
    return tuple(option for directory in sorted(above) for option in ("--perms", "0755", "--dir", directory))


def is_farmed(spec: SandboxSpec) -> bool:
    """Whether the inputs are too many for bubblewrap to mount them itself."""
    return len(spec.inputs) > DIRECT_MOUNTS


def _in_farm(mount: Mount) -> bool:
    head, _, name = mount.target.rpartition("/")
    return head == STORE_PREFIX and bool(name)


def command_line(spec: SandboxSpec, entries: tuple[Entry, ...] = (), covers: tuple[Mount, ...] = ()) -> Launch:
    """How to start ``spec``.

    Args:
        spec: what to start.
        entries: the top-level entries of its rootfs, ascending by name.
        covers: files to mount over some of the rootfs.
    """
    data = _Data()
    inputs = sorted(spec.inputs, key=lambda mount: mount.target)
    farm = tuple(mount for mount in inputs if _in_farm(mount)) if is_farmed(spec) else ()
    direct = tuple(mount for mount in inputs if not farm or not _in_farm(mount))
    options = [
        *_NAMESPACES,
        *_identity(spec),
        *_skeleton(spec.limits.temporary_bytes),
        *(rootfs_options(spec.rootfs, entries, spec.world.build_path) if spec.rootfs else ()),
        *(option for mount in covers for option in ("--ro-bind", mount.source, mount.target)),
        *_parents(spec.world.build_path, STORE_PREFIX, *(mount.target for mount in direct if not _in_farm(mount))),
        *("--bind", spec.build_dir, spec.world.build_path),
        *("--bind", spec.store_dir, STORE_PREFIX),
        *(option for mount in direct for option in ("--ro-bind", mount.source, mount.target)),
        *_files(spec, entries, data),
        *("--remount-ro", "/dev", "--remount-ro", "/proc", "--remount-ro", "/"),
        *("--chdir", spec.world.build_path),
        *("--seccomp", str(SECCOMP_FD), "--json-status-fd", str(STATUS_FD)),
    ]
    argv = ("bwrap", "--args", str(ARGUMENTS_FD), "--", spec.builder, *spec.args)
    return Launch(argv=argv, options=tuple(options), data=tuple(data.contents), farm=farm)
