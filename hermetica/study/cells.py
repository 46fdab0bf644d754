"""What a study knows of one factor and one target, and what fixed designs say of causes. Pure."""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.study.causes import Attribution, Causes
from hermetica.study.families import fitting_sets, minimal
from hermetica.study.trials import BUILDS, Atom

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hermetica.study.trials import Atoms


_AS_BASE: Final = ""  # no digest


class State(StrEnum):
    """What a factor does to a target.

    ``ALONE`` changes something by itself, ``TOGETHER`` only with others, ``NONE`` nothing. Of the rest that is not
    known: ``UNKNOWN`` because the builds did not suffice, ``HIDDEN`` because everything races, ``LEFT_OUT`` because the
    host or the tier cannot vary it.
    """

    ALONE = "alone"
    TOGETHER = "together"
    NONE = "none"
    UNKNOWN = "unknown"
    HIDDEN = "hidden"
    LEFT_OUT = "left out"


@attrs.frozen(kw_only=True)
class Cell:
    """One factor, one target.

    Attributes:
        state: what it does.
        builds: how many there were that varied it alone.
        differing: how many of those differ from the base world.
        files: how many files it takes part in changing.
    """

    state: State
    builds: int = 0
    differing: int = 0
    files: int = 0

    def to_json(self) -> dict[str, Any]:
        """The cell as a JSON object."""
        return {**attrs.asdict(self), "state": str(self.state)}


def is_base(event: Mapping[str, Any]) -> bool:
    """Whether a build is the first one of the base world, which all others are compared to."""
    return not (event["levels"] or event["repeat"] or event["shaken"])


def differs(event: Mapping[str, Any], base: Mapping[str, Any], but: frozenset[str] = frozenset()) -> bool:
    """Whether a build came out otherwise than the first one of the base world.

    Args:
        event: of the build.
        base: of that first one.
        but: files that are left out.
    """
    is_built_otherwise = bool(event["failed"]) != bool(base["failed"])
    return bool(frozenset[str](event["changed"] or ()) - but) or (is_built_otherwise and BUILDS not in but)


def cells_of(
    factors: Iterable[str],
    trials: Sequence[Mapping[str, Any]],
    attribution: Attribution | None,
    left_out: frozenset[str],
) -> dict[str, Cell]:
    """What is known of each factor.

    Args:
        factors: those of the study.
        trials: builds of the target.
        attribution: what they say; None where they were not finished.
        left_out: factors that could not be varied.
    """
    racy = frozenset[str]() if attribution is None else frozenset(each.path for each in attribution.files if each.races)
    base = next((each for each in trials if is_base(each)), None)
    alone: defaultdict[str, list[bool]] = defaultdict(list)
    for each in trials:
        if base is not None and len(each["levels"]) == 1 and not each["shaken"]:
            alone[next(iter(each["levels"]))].append(differs(each, base, racy))
    return {
        factor: Cell(
            state=State.LEFT_OUT if factor in left_out else _state(factor, attribution),
            builds=len(alone[factor]),
            differing=sum(alone[factor]),
            files=0 if attribution is None else sum(factor in each.factors for each in attribution.files),
        )
        for factor in factors
    }


def _state(factor: str, attribution: Attribution | None) -> State:
    if attribution is None or attribution.failed:
        return State.UNKNOWN
    sets = [each for each in attribution.sets if factor in {atom.factor for atom in each}]
    if any(len(each) == 1 for each in sets):
        return State.ALONE
    if sets:
        return State.TOGETHER
    if attribution.examined and sum(each.races for each in attribution.files) >= attribution.examined:
        return State.HIDDEN
    return State.NONE if attribution.is_complete else State.UNKNOWN


def concluded(trials: Sequence[Mapping[str, Any]]) -> Attribution:
    """What the builds of a fixed design say of causes.

    Of each file: the smallest sets of factors that were varied when it changed and contain no smaller one; only
    ``full`` has all worlds that it takes to know that no factor of a set is innocent, so a set of several factors is
    told only where each part of it was built, too, and changed nothing. Of a file without such sets those of one or two
    factors are suspects that were varied, at whichever level, when it changed and never when it did not.
    """
    base = next((each for each in trials if is_base(each)), None)
    if base is None or base["failed"]:
        return Attribution(failed="" if base is None else base["failed"], builds=len(trials))
    racy = _racy(trials)
    changing: defaultdict[str, list[Atoms]] = defaultdict(list)
    calm: defaultdict[str, set[Atoms]] = defaultdict(set)
    paths = set(base["prints"] or ()).union(*(each["changed"] or () for each in trials), {BUILDS})
    for each in trials:
        atoms = frozenset(Atom(*pair) for pair in each["levels"].items())
        touched = {BUILDS} if each["failed"] else set(each["changed"] or ())
        for path in paths:
            if path in touched and atoms:
                changing[path].append(atoms)
            elif path not in touched and not (each["failed"] and path != BUILDS):
                calm[path].add(atoms)
    files = [_causes(path, changing[path], calm[path], races=path in racy) for path in sorted(changing.keys() | racy)]
    complete = all(each.is_complete for each in files)
    return Attribution(files=tuple(files), examined=len(paths) - 1, builds=len(trials), is_complete=complete)


def _causes(path: str, changing: Sequence[Atoms], calm: set[Atoms], *, races: bool) -> Causes:
    if races:
        return Causes(path=path, races=True)
    sets = minimal(changing)
    proven = [each for each in sets if all(each - {atom} in calm or len(each) == 1 for atom in each)]
    suspects = () if proven else fitting_sets([*map(_factors, changing)], map(_factors, calm))
    return Causes(path=path, sets=tuple(proven), suspects=suspects, is_complete=len(proven) == len(sets))


def _factors(atoms: Atoms) -> frozenset[str]:
    return frozenset(atom.factor for atom in atoms)


def _racy(trials: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """The files that differ between builds of one world; of those that failed it is known only that they did."""
    worlds: defaultdict[tuple[tuple[str, str], ...], list[Mapping[str, Any]]] = defaultdict(list)
    for each in trials:
        worlds[tuple(sorted(each["levels"].items()))].append(each)
    found: set[str] = set()
    for group in worlds.values():
        built: list[Mapping[str, Any]] = [each["changed"] or {} for each in group if not each["failed"]]
        found |= {BUILDS} if 0 < len(built) < len(group) else set()
        paths = set[str]().union(*built)
        found |= {path for path in paths if len({str(each.get(path, _AS_BASE)) for each in built}) > 1}
    return frozenset(found)
