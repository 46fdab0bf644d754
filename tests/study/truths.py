"""Builds that are computed: what a derivation of known causes would make in any world, without building it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hermetica.study.attribution import attribute
from hermetica.study.space import BUILDS_MAX, Space
from hermetica.study.trials import Atom, Atoms, Sighting, Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hermetica.study.causes import Attribution

FACTORS: Final = (
    *("clock", "mtime", "uid", "gid", "username", "umask", "readdir", "random", "aslr", "build_path", "home", "path"),
    *("env", "tz", "locale", "jobs", "cpus", "hostname", "kernel", "src_mtime", "domainname", "pid", "shell", "fs"),
    *("uptime", "cpuinfo", "meminfo", "tty", "ulimit"),
)
LEVELS: Final = {
    **dict.fromkeys(FACTORS, ("other",)),
    "clock": ("other", "far"),
    "random": ("other", "second", "third"),
}
BUSY: Final = frozenset([Atom("cpus", "other"), Atom("jobs", "other")])


def space(builds_max: int = BUILDS_MAX) -> Space:
    """All factors, as many builds as are allowed by default."""
    return Space(factors=LEVELS, busy=BUSY, builds_max=builds_max)


def atoms(*names: str) -> Atoms:
    """``clock`` or ``clock=far``, as atoms."""
    return frozenset(Atom(name.partition("=")[0], name.partition("=")[2] or "other") for name in names)


def telling(truth: Mapping[str, Sequence[Atoms]]) -> Callable[[Trial], Sighting]:
    """Files that show all of the causes that act, each one's whole."""

    def build(trial: Trial) -> Sighting:
        acting = {path: [each for each in sets if each <= trial.atoms] for path, sets in truth.items()}
        shown = {path: sorted(map(str, frozenset[Atom]().union(*each))) for path, each in acting.items()}
        return Sighting(files={path: repr(each) for path, each in shown.items()})

    return build


def hiding(truth: Mapping[str, Sequence[Atoms]]) -> Callable[[Trial], Sighting]:
    """Files that have one other content, whichever of their causes act."""

    def build(trial: Trial) -> Sighting:
        return Sighting(files={path: str(any(each <= trial.atoms for each in sets)) for path, sets in truth.items()})

    return build


def investigated(build: Callable[[Trial], Sighting], where: Space | None = None) -> Attribution:
    """What the attribution says of a computed build."""
    asking = attribute(where or space())
    try:
        trials = next(asking)
        while True:
            trials = asking.send(tuple(map(build, trials)))
    except StopIteration as end:
        found: Attribution = end.value
        return found


def sets_of(found: Attribution) -> dict[str, set[Atoms]]:
    """File -> its causes."""
    return {each.path: set(each.sets) for each in found.files}
