"""The factors of a world by name, with the levels that each can be set to: the vocabulary of a study.

A factor is one thing about its surroundings that a program can observe, and one or more fields of `World`. Its first
level is the fixed one; the others differ from it in whatever a program could make of it. ``race``, what changes
between two builds in one world, is no factor: no world has it. Pure.

Source: the variations of reprotest, the taxonomy of DetTrace, and the contract (docs/format-sandbox.md).
"""

from __future__ import annotations

import difflib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.sandbox.errors import UnknownFactor, UnknownLevel
from hermetica.sandbox.world import FIRST_PID, SOURCE_TIME_S, DirectoryOrder, Tier, World

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

RACE: Final = "race"
"""The residual label: a difference that no factor explains, between two builds in one world."""

CLOCK_S: Final = 2082758400
"""2036-01-01. Later than any file that a build makes, so that no tool finds one in the future; before 2038."""
FILE_TIME_S: Final = CLOCK_S - 86400
"""2035-12-31. Later than the files of any source, so that what is made is newer than what it is made from."""

_DAY_S: Final = 86400


@attrs.frozen(kw_only=True)
class Factor:
    """One thing that can be fixed and varied.

    Attributes:
        name: what studies call it.
        fields: of `World`, that its levels set.
        levels: name -> value of each of the fields; the first one is the fixed level.
        tier: the lowest tier that gives its levels.
        doc: what it is, and how it is done, in one sentence.
    """

    name: str
    fields: tuple[str, ...]
    levels: Mapping[str, Mapping[str, Any]]
    tier: Tier
    doc: str

    @property
    def default(self) -> str:
        """The name of its fixed level."""
        return next(iter(self.levels))

    @property
    def varied(self) -> tuple[str, ...]:
        """The names of its other levels."""
        return tuple(self.levels)[1:]


def _factor(name: str, doc: str, levels: dict[str, dict[str, Any]], tier: Tier = Tier.T0) -> Factor:
    frozen = MappingProxyType({level: MappingProxyType(values) for level, values in levels.items()})
    fields = tuple(next(iter(frozen.values())))
    return Factor(name=name, fields=fields, levels=frozen, tier=tier, doc=doc)


def _of(field: str, levels: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The levels of a factor that is one field."""
    return {level: {field: value} for level, value in levels.items()}


def _processors(model: str, flags: str) -> str:
    return f"processor\t: 0\nvendor_id\t: hermetica\nmodel name\t: {model}\ncpu cores\t: 1\nflags\t\t: {flags}\n\n"


def _memory(total_kb: int) -> str:
    available = total_kb * 7 // 8
    rows = {"MemTotal": total_kb, "MemFree": available, "MemAvailable": available, "SwapTotal": 0, "SwapFree": 0}
    return "".join(f"{f'{name}:':<16}{amount:>8} kB\n" for name, amount in rows.items())


def _seeds(field: str, count: int) -> dict[str, dict[str, Any]]:
    return {f"seed-{number}": {field: number} for number in range(1, count + 1)}


_NAMES: Final = (
    _factor(
        "hostname",
        "The node name of the UTS namespace, and of /etc/hosts.",
        _of("host_name", {"localhost": "localhost", "other": "other-host"}),
    ),
    _factor(
        "domainname",
        "The NIS domain of the UTS namespace, set while bubblewrap waits.",
        _of("domain_name", {"none": "(none)", "other": "other.example"}),
    ),
    _factor("uid", "The number of the building user.", _of("uid", {"1000": 1000, "2345": 2345})),
    _factor("gid", "The number of the building group.", _of("gid", {"100": 100, "678": 678})),
    _factor(
        "username",
        "What /etc/passwd and /etc/group call them.",
        {
            "build": {"user_name": "build", "group_name": "build"},
            "other": {"user_name": "someone", "group_name": "somegroup"},
        },
    ),
)

_ENVIRONMENT: Final = (
    _factor("tz", "The variable TZ.", _of("time_zone", {"UTC": "UTC", "ahead": "GMT-14", "behind": "GMT+12"})),
    _factor(
        "locale",
        "The variable LC_ALL; a locale that the tools lack is one that they complain of.",
        _of("locale", {"C.UTF-8": "C.UTF-8", "et_EE.UTF-8": "et_EE.UTF-8", "C": "C"}),
    ),
    _factor(
        "home",
        "The variable HOME, a directory that does not exist.",
        _of("home", {"homeless": "/homeless-shelter", "other": "/nonexistent/second-home"}),
    ),
    _factor(
        "path",
        "The variable PATH, with a directory more that does not exist.",
        _of("path_suffix", {"declared": "", "longer": ":/i_capture_the_path"}),
    ),
    _factor(
        "env",
        "A variable that nothing asks for.",
        _of("variables", {"declared": (), "canary": (("HERMETICA_CANARY", "1"),)}),
    ),
    _factor(
        "shell",
        "The variable SHELL, and the program that /bin/sh is, where the rootfs has bash, too.",
        {"own": {"shell": "/noshell", "sh": None}, "bash": {"shell": "/bin/bash", "sh": "/bin/bash"}},
    ),
    _factor("jobs", "The variable HERMETICA_BUILD_CORES.", _of("jobs", {"1": 1, "4": 4})),
)

_FILES: Final = (
    _factor(
        "build_path",
        "Where the build directory is mounted.",
        _of(
            "build_path", {"build": "/build", "long": "/b/a-much-longer-directory-name-than-before/nested/package-1.0"}
        ),
    ),
    _factor("umask", "The file mode creation mask.", _of("umask", {"022": 0o022, "002": 0o002, "077": 0o077})),
    _factor(
        "src_mtime",
        "The time of sources, as copies of them, and of the files that lie ready in the build directory.",
        _of("source_time_s", {"1": SOURCE_TIME_S, "2009": 1234567890}),
    ),
    _factor(
        "fs",
        "The file system of the build and output directories: the store's, or one in memory.",
        _of("in_memory", {"store": False, "memory": True}),
    ),
    _factor(
        "mtime",
        "The time of files that the build makes, as every program of it is told.",
        _of("file_time_s", {"2035-12-31": FILE_TIME_S, "2035-02-03": FILE_TIME_S - 331 * _DAY_S + 7 * 3600 + 780}),
        Tier.T3,
    ),
    _factor(
        "readdir",
        "The order in which directories are read.",
        {
            "sorted": {"directory_order": DirectoryOrder.SORTED, "directory_seed": 0},
            "reversed": {"directory_order": DirectoryOrder.REVERSED, "directory_seed": 0},
            **{
                f"shuffled-{seed}": {"directory_order": DirectoryOrder.SHUFFLED, "directory_seed": seed}
                for seed in (1, 2, 3)
            },
        },
        Tier.T3,
    ),
)

_PROCESS: Final = (
    _factor("cpus", "On how many processors it may run.", _of("cpus", {"one": 1, "two": 2, "all": None})),
    _factor(
        "aslr",
        "Whether address spaces are laid out at random.",
        _of("randomise_addresses", {"off": False, "on": True}),
    ),
    _factor(
        "pid",
        "The builder's process id, set while bubblewrap waits.",
        _of("first_pid", {"2": FIRST_PID, "205": 205}),
    ),
    _factor(
        "tty",
        "Whether the standard streams are a terminal.",
        _of("on_terminal", {"none": False, "terminal": True}),
    ),
    _factor(
        "ulimit",
        "The limits on open files and on the stack.",
        {
            "contract": {"open_files": None, "stack_bytes": None},
            "other": {"open_files": 1024, "stack_bytes": 16 << 20},
        },
    ),
)

_MACHINE: Final = (
    _factor(
        "uptime",
        "What /proc/uptime says.",
        _of("uptime", {"hour": "3600.00 3600.00\n", "months": "9003600.25 8003600.50\n"}),
    ),
    _factor(
        "cpuinfo",
        "What /proc/cpuinfo says.",
        _of(
            "cpu_info",
            {
                "plain": _processors("hermetica virtual processor", "fpu sse sse2"),
                "other": _processors("another virtual processor", "fpu sse sse2 avx avx2"),
            },
        ),
    ),
    _factor(
        "meminfo", "What /proc/meminfo says.", _of("memory_info", {"4G": _memory(4194304), "9G": _memory(9999360)})
    ),
    _factor(
        "kernel",
        "The release and version that uname and /proc say.",
        _of("kernel_name", {"fixed": ("6.1.0", "#1 SMP"), "other": ("5.4.0-99-other", "#2 SMP PREEMPT")}),
        Tier.T3,
    ),
)

_TIME_AND_CHANCE: Final = (
    _factor(
        "clock",
        "Where the wall clock stands.",
        _of(
            "clock_s",
            {
                "2036-01-01": CLOCK_S,
                "2037-02-02": CLOCK_S + 398 * _DAY_S + 7 * 3600 + 780,
                "2040-02-29": CLOCK_S + 1520 * _DAY_S + 23 * 3600 + 3540,
            },
        ),
        Tier.T2,
    ),
    _factor(
        "random", "What getrandom, AT_RANDOM, /dev/random and /dev/urandom give.", _seeds("random_seed", 5), Tier.T3
    ),
)

FACTORS: Final[Mapping[str, Factor]] = MappingProxyType(
    {
        factor.name: factor
        for factor in sorted(
            (*_NAMES, *_ENVIRONMENT, *_FILES, *_PROCESS, *_MACHINE, *_TIME_AND_CHANCE), key=lambda each: each.name
        )
    }
)
"""Every factor, by name, ascending."""


def factor_named(name: str) -> Factor:
    """The factor of that name.

    Raises:
        UnknownFactor: there is none.
    """
    try:
        return FACTORS[name]
    except KeyError:
        raise UnknownFactor(name, _closest(name, FACTORS)) from None


def vary(world: World, levels: Mapping[str, str]) -> World:
    """The world with some factors at other levels.

    Args:
        world: to begin with.
        levels: factor -> name of its level.

    Raises:
        UnknownFactor: there is no such factor.
        UnknownLevel: a factor has no such level.
    """
    values: dict[str, Any] = {}
    for name, level in levels.items():
        factor = factor_named(name)
        if level not in factor.levels:
            raise UnknownLevel(name, level, tuple(factor.levels))
        values |= factor.levels[level]
    return attrs.evolve(world, **values)


def fixed_world(tier: Tier = Tier.T3, but: Container[str] = ()) -> World:
    """The world in which every factor that ``tier`` gives is at its fixed level: where a study begins.

    Args:
        tier: how much is fixed.
        but: factors that are left as the default world has them.
    """
    fixed = (factor for factor in FACTORS.values() if factor.tier <= tier and factor.name not in but)
    return vary(World(), {factor.name: factor.default for factor in fixed})


def _closest(name: str, known: Iterable[str]) -> tuple[str, ...]:
    return tuple(difflib.get_close_matches(name, list(known)))
