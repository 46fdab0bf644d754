"""The world of a build: everything about its surroundings that a program can observe, as one declared value.

The default world is fixed and belongs to the sandbox contract's version. Studies vary it by the names of its factors
(`hermetica.sandbox.factors`); the build record says how a world differs from the default. ``None`` means "as the host
has it".
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

STORE_PREFIX: Final = "/hermetica/store"
SOURCE_DATE_EPOCH: Final = 315532800  # 1980-01-01: ZIP archives know no earlier date
SOURCE_TIME_S: Final = 1  # what every object of a store has
FIRST_PID: Final = 2  # 1 is bubblewrap's


class Tier(enum.IntEnum):
    """How much of the world a run fixes; each tier contains the ones before it."""

    T0 = 0  # SOURCE_DATE_EPOCH and fixed times of outputs
    T1 = 1  # libfaketime, where a toolchain carries it
    T2 = 2  # the wall clock stands still, for static programs too
    T3 = 3  # also directory order, uname, randomness, times of created files


class DirectoryOrder(enum.Enum):
    """The order in which a program reads the names of a directory."""

    HOST = "host"
    SORTED = "sorted"
    REVERSED = "reversed"
    SHUFFLED = "shuffled"


@attrs.frozen(kw_only=True, cache_hash=True)
class World:
    """The surroundings of one build.

    Attributes:
        source_date_epoch: the declared time of the build, in seconds since 1970. time_zone, locale, home,
        path, shell, terminal_type: what TZ, LC_ALL, HOME, PATH, SHELL and TERM say, unless the derivation says
        otherwise. path_suffix: added to PATH, whoever declares it. variables: further (name, value) pairs of the
        environment. sh: the program of the rootfs that /bin/sh is; None is its own, and so it is where there are
        not both. build_path: where the build directory is mounted; the working directory. host_name, domain_name:
        the node name of the UTS namespace, and its NIS domain. uid, gid, user_name, group_name: whom the builder
        runs as, and what /etc/passwd and /etc/group call it. umask: the file mode creation mask. jobs:
        HERMETICA_BUILD_CORES; never part of an id. cpus: on how many processors the build may run; None is all of
        the host's. randomise_addresses: whether the kernel randomises the layout of address spaces. first_pid: the
        builder's process id. open_files, stack_bytes: resource limits instead of those of `Limits`. on_terminal:
        whether the builder's standard streams are a terminal, which no one types on. in_memory: whether the build
        and output directories lie in memory rather than on the store's file system. source_time_s: the time of
        sources and of the files in the build directory. uptime, cpu_info, memory_info: what /proc/uptime,
        /proc/cpuinfo and /proc/meminfo hold. clock_s: where the wall clock stands (T2). file_time_s: the latest
        time of created files (T3). directory_order: see `DirectoryOrder` (T3); directory_seed: which shuffling.
        kernel_name: (release, version) of uname (T3). random_seed: seeds getrandom, AT_RANDOM, /dev/random and
        /dev/urandom (T3).
    """

    source_date_epoch: int = SOURCE_DATE_EPOCH
    time_zone: str = "UTC"
    locale: str = "C.UTF-8"
    home: str = "/homeless-shelter"
    path: str = "/path-not-set"
    path_suffix: str = ""
    shell: str = "/noshell"
    terminal_type: str = "xterm-256color"
    variables: tuple[tuple[str, str], ...] = ()
    sh: str | None = None
    build_path: str = "/build"
    host_name: str = "localhost"
    domain_name: str | None = None
    uid: int = 1000
    gid: int = 100
    user_name: str = "build"
    group_name: str = "build"
    umask: int = 0o022
    jobs: int = 1
    cpus: int | None = None
    randomise_addresses: bool = False
    first_pid: int = FIRST_PID
    open_files: int | None = None
    stack_bytes: int | None = None
    on_terminal: bool = False
    in_memory: bool = False
    source_time_s: int = SOURCE_TIME_S
    uptime: str | None = None
    cpu_info: str | None = None
    memory_info: str | None = None
    clock_s: int | None = None
    file_time_s: int | None = None
    directory_order: DirectoryOrder = DirectoryOrder.HOST
    directory_seed: int = 0
    kernel_name: tuple[str, str] | None = None
    random_seed: int | None = None


def required_tier(world: World) -> Tier:
    """The lowest tier that can give this world."""
    strict = (world.file_time_s, world.kernel_name, world.random_seed)
    if world.directory_order is not DirectoryOrder.HOST or any(factor is not None for factor in strict):
        return Tier.T3
    return Tier.T0 if world.clock_s is None else Tier.T2


def environment(world: World, declared: Mapping[str, str]) -> dict[str, str]:
    """The exact environment of the builder, ascending by name; what the derivation declares wins.

    PWD is the one variable that is set at the launch itself; it is `World.build_path`.
    """
    fixed = {
        "HERMETICA_BUILD_CORES": str(world.jobs),
        "HERMETICA_SANDBOX": "1",
        "HOME": world.home,
        "LC_ALL": world.locale,
        "PATH": world.path,
        "PWD": world.build_path,
        "SHELL": world.shell,
        "SOURCE_DATE_EPOCH": str(world.source_date_epoch),
        "TEMP": world.build_path,
        "TEMPDIR": world.build_path,
        "TERM": world.terminal_type,
        "TMP": world.build_path,
        "TMPDIR": world.build_path,
        "TZ": world.time_zone,
    }
    variables = {**fixed, **dict(world.variables), **declared}
    if world.path_suffix:
        variables["PATH"] += world.path_suffix
    return dict(sorted(variables.items()))


def differences(world: World) -> dict[str, str]:
    """The factors in which a world differs from the default, as text for the build record; ``jobs`` does not count."""
    default = World()
    names = (field.name for field in attrs.fields(World) if field.name != "jobs")
    return {name: repr(getattr(world, name)) for name in names if getattr(world, name) != getattr(default, name)}
