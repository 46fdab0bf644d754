"""The truth of a case by force: every factor alone, and every conjunction, without any cleverness of a search.

What a search finds is held against the truth; the truth is held against this, on the host at hand.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from benchmarks.reproducibility.identical import build
from benchmarks.reproducibility.truth import Cause, Truth, minimal, write_truth
from hermetica.sandbox import FACTORS, RACE, Tier, fixed_world, vary
from hermetica.study.carrying import BUSY
from hermetica.study.trials import BUILDS, levels_of

if TYPE_CHECKING:
    from benchmarks.reproducibility.case import Case
    from benchmarks.reproducibility.identical import Build
    from hermetica.realize.in_world import Workshop

_TIMES: Final = 3
_SHAKES: Final = 8


def discrepancies(made: Workshop, case: Case) -> list[str]:
    """What of a case's truth does not hold here, in words; empty where all of it does."""
    fixed = fixed_world(Tier.T3)
    bases = [build(made, fixed) for _ in range(_TIMES)]
    if bases[0].failed:
        return [f"it cannot be built: {bases[0].failed}"]
    shaken = [build(made, vary(fixed, levels_of(BUSY)), shaken=seed) for seed in range(_SHAKES)]
    chance = {name for first, *others in (bases, shaken) for other in others for name in _differing(first, other)}
    found: defaultdict[str, set[Cause]] = defaultdict(set, {name: {frozenset({RACE})} for name in chance})
    for cause in sorted({*map(frozenset[str], ([name] for name in FACTORS)), *_conjunctions(case)}, key=sorted):
        for level in range(max(len(FACTORS[name].varied) for name in cause)):
            levels = {name: FACTORS[name].varied[min(level, len(FACTORS[name].varied) - 1)] for name in cause}
            varied = build(made, vary(fixed, levels))
            for name in _differing(bases[0], varied) - chance:
                found[name].add(cause)
    return [
        f"{name}: {_written(minimal(found[name]))} change it, not {_written(case.truths.get(name, frozenset()))}"
        for name in sorted({*found, *case.truths})
        if minimal(found[name]) != case.truths.get(name, frozenset())
    ]


def _conjunctions(case: Case) -> set[Cause]:
    return {cause for truth in case.truths.values() for cause in truth if RACE not in cause}


def _differing(first: Build, second: Build) -> set[str]:
    """What differs between two builds; of the files of one that failed nothing is known."""
    if first.failed or second.failed:
        return {BUILDS} if bool(first.failed) != bool(second.failed) else set()
    return {name for name in {*first.files, *second.files} if first.files.get(name) != second.files.get(name)}


def _written(truth: Truth) -> str:
    return ", ".join(write_truth(truth)) or "nothing"
