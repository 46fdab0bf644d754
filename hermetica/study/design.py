"""Which worlds the fixed designs ask for, and in what order they are built. Pure.

``ofat`` varies one factor at a time; ``full`` every combination; ``pairwise`` few worlds that hold every pair of levels
of every two factors. Builds are in a random order that a seed gives, so that whatever drifts on a machine is no factor.
Source: Cohen et al., "The AETG system" (1997); Montgomery, Design and Analysis of Experiments, chapter 1.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import blake3

from hermetica.study.declaration import Design
from hermetica.study.trials import Atom, Atoms, Trial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermetica.study.declaration import Study

_CANDIDATES: Final = 12
_FIXED: Final = ""


def trials_of(study: Study) -> tuple[Trial, ...]:
    """Every build that a study with a fixed design asks for of each of its targets, in order."""
    planned: list[Trial] = []
    for index, seed in enumerate(study.seeds):
        worlds = worlds_of(study.design, study.factors, seed)
        block = [
            Trial(atoms=atoms, repeat=index * study.rebuilds + number)
            for atoms in worlds
            for number in range(study.rebuilds)
        ]
        planned += sorted(block, key=lambda trial: _draw(seed, trial.key))
    return tuple(planned)


def builds_max(study: Study) -> int:
    """How many builds of each of its targets a study may ask for."""
    return study.budget.builds_per_target if study.design is Design.BISECT else len(trials_of(study))


def worlds_of(design: Design, factors: Mapping[str, tuple[str, ...]], seed: int) -> tuple[Atoms, ...]:
    """The worlds of a fixed design, each once; the base world first."""
    single = [frozenset([Atom(factor, level)]) for factor, levels in factors.items() for level in levels]
    if design is Design.OFAT:
        return (frozenset(), *single)
    if design is Design.FULL:
        rows = itertools.product(*([_FIXED, *levels] for levels in factors.values()))
        return tuple(_atoms(dict(zip(factors, row, strict=True))) for row in rows)
    return tuple(dict.fromkeys([frozenset[Atom](), *_covering(factors, seed)]))


def _atoms(row: Mapping[str, str]) -> Atoms:
    return frozenset(Atom(factor, level) for factor, level in row.items() if level != _FIXED)


def _covering(factors: Mapping[str, tuple[str, ...]], seed: int) -> list[Atoms]:
    """Rows until every pair of levels of every two factors, the fixed ones among them, is in one; greedily."""
    levels = {factor: (_FIXED, *each) for factor, each in factors.items()}
    open_pairs = {
        frozenset([(one, first), (other, second)])
        for one, other in itertools.combinations(levels, 2)
        for first in levels[one]
        for second in levels[other]
    }
    rows: list[Atoms] = [frozenset([Atom(only, level)]) for only in levels for level in levels[only][1:]]
    rows = rows if len(levels) == 1 else []
    while open_pairs:
        start = min(open_pairs, key=lambda pair: _draw(seed, f"{len(rows)}{sorted(pair)}"))
        best: dict[str, str] = {}
        most: set[frozenset[tuple[str, str]]] = set()
        for number in range(_CANDIDATES):
            row = _filled(levels, dict(start), open_pairs, f"{seed}:{len(rows)}:{number}")
            covered = {frozenset(pair) for pair in itertools.combinations(row.items(), 2)} & open_pairs
            if len(covered) > len(most):
                best, most = row, covered
        open_pairs -= most
        rows.append(_atoms(best))
    return rows


def _filled(
    levels: Mapping[str, tuple[str, ...]],
    row: dict[str, str],
    open_pairs: set[frozenset[tuple[str, str]]],
    seed: str,
) -> dict[str, str]:
    """A row that begins as given; each factor takes the level that makes most open pairs with those before it."""
    for factor in sorted(levels.keys() - row.keys(), key=lambda name: _draw(0, f"{seed}:{name}")):

        def gain(level: str, factor: str = factor) -> int:
            return sum(frozenset([(factor, level), other]) in open_pairs for other in row.items())

        row[factor] = max(levels[factor], key=lambda level: (gain(level), _draw(0, f"{seed}:{factor}:{level}")))
    return row


def _draw(seed: int, text: str) -> bytes:
    """A number that looks drawn by chance and is always the same."""
    return blake3.blake3(f"{seed}\0{text}".encode()).digest(8)
