"""When a run will be over, from how long its derivations took before, and along which chain. Pure.

What is left takes at least as long as its longest chain, and as all of it on all workers: the longer is told.
Costs are summed as derivations end, and chains are measured once: a forecast costs the same at ten and at ten thousand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from hermetica.realize.events import DerivationPlanned

_ENOUGH: Final = 3
"""Durations that must be known before one is guessed from them."""
_SWEEP: Final = 64
"""After how many that are over the list of what is left is cleared of them."""


@attrs.define(kw_only=True)
class Planned:
    """One derivation that the run has to do.

    Attributes:
        name: its name.
        inputs: the ids of those that it needs first.
        expected_s: how long it took the time before, or None.
        cost_s: what is reckoned with: that, or a guess.
        chain_s: how long the longest chain from its beginning to the end of the run takes.
        then: the next on that chain; empty at its end.
        is_over: whether it is done, or will not be.
    """

    name: str
    inputs: tuple[str, ...]
    expected_s: float | None
    cost_s: float = 0.0
    chain_s: float = 0.0
    then: str = ""
    is_over: bool = False


class Forecast:
    """What is left of a run.

    Attributes:
        planned: by id, inputs first.
        jobs: how many are realized at once.
        doomed: the ids of those that will not be tried, because of what failed.
    """

    def __init__(self) -> None:
        self.planned: dict[str, Planned] = {}
        self.jobs = 1
        self.doomed: set[str] = set()
        self._is_measured = False
        self._is_known = False
        self._longest: list[str] = []  # the id of what has the longest chain last
        self._left_s = 0.0  # the cost of all that is not over
        self._took: list[float] = []
        self._over = 0

    def plan(self, event: DerivationPlanned) -> None:
        """Learns of one derivation; told before any begins, inputs first."""
        self.planned[event.drv] = Planned(name=event.name, inputs=event.inputs, expected_s=event.expected_s)
        self._is_measured = False

    def finish(self, drv: str, took_s: float, *, succeeded: bool = True) -> None:
        """Learns that one is over; 0 s where it never began."""
        self.doomed.discard(drv)
        planned = self.planned.get(drv)
        if planned is None or planned.is_over:
            return
        self._end(planned)
        if took_s > 0:
            self._took.append(took_s)
            if len(self._took) == _ENOUGH:
                self._is_measured = False  # guesses are possible now
        if not succeeded:
            self._doom(drv)

    def _doom(self, failed: str) -> None:
        """Nothing waits any more for what needs what failed."""
        lost = {failed}
        for drv, each in self.planned.items():
            if not each.is_over and not lost.isdisjoint(each.inputs):
                lost.add(drv)
                self.doomed.add(drv)
                self._end(each)

    def _end(self, planned: Planned) -> None:
        planned.is_over = True
        self._left_s -= planned.cost_s
        self._over += 1
        if self._over % _SWEEP == 0:
            self._longest = [each for each in self._longest if not self.planned[each].is_over]

    def _measure(self) -> None:
        """Reckons costs and chains, users before what they need."""
        self._is_measured = True
        known = [each.expected_s for each in self.planned.values() if each.expected_s is not None] + self._took
        self._is_known = len(known) >= _ENOUGH
        guess_s = sum(known) / len(known) if self._is_known else 1.0  # chains are as long as they have steps
        for each in self.planned.values():
            each.cost_s = each.chain_s = guess_s if each.expected_s is None else each.expected_s
            each.then = ""
        for drv, each in reversed(self.planned.items()):
            for needed in map(self.planned.get, each.inputs):
                if needed is not None and (not needed.then or needed.cost_s + each.chain_s > needed.chain_s):
                    needed.chain_s, needed.then = needed.cost_s + each.chain_s, drv
        left = {drv: each for drv, each in self.planned.items() if not each.is_over}
        self._left_s = sum(each.cost_s for each in left.values())
        self._longest = sorted(left, key=lambda drv: left[drv].chain_s)

    def left_s(self, running_s: Iterable[tuple[str, float]]) -> float | None:
        """How long what is left will take, in seconds; None where too little is known.

        Args:
            running_s: (id, for how long it has run) of each that runs.
        """
        if not self._is_measured:
            self._measure()
        chain_s, done_s = 0.0, 0.0
        running = {drv: for_s for drv, for_s in running_s if drv in self.planned}
        for drv, for_s in running.items():
            spent_s = min(for_s, self.planned[drv].cost_s)
            done_s += spent_s
            chain_s = max(chain_s, self.planned[drv].chain_s - spent_s)
        waiting = self._first_waiting(running)
        chain_s = max(chain_s, self.planned[waiting].chain_s if waiting else 0.0)
        known_s = max(chain_s, (self._left_s - done_s) / self.jobs)
        return known_s if self._is_known else None

    def _first_waiting(self, running: Collection[str]) -> str:
        """What waits and has the longest chain before it."""
        waiting = (drv for drv in reversed(self._longest) if drv not in running and not self.planned[drv].is_over)
        return next(waiting, "")

    def chain(self, running: Iterable[str]) -> tuple[str, ...]:
        """The ids of the chain that the end waits for, from what runs now; of what was not planned, none."""
        if not self._is_measured:
            self._measure()
        known = [drv for drv in running if drv in self.planned]
        at = max(known, key=lambda drv: self.planned[drv].chain_s, default="")
        steps: list[str] = []
        while at:
            steps.append(at)
            at = self.planned[at].then
        return tuple(steps)

    def waiting(self, running: Collection[str], count: int) -> list[tuple[str, list[str]]]:
        """(name, what it waits for) of the next ``count`` that wait, those first that most depends on."""
        if not self._is_measured:
            self._measure()
        found: list[tuple[str, list[str]]] = []
        for drv in reversed(self._longest):
            each = self.planned[drv]
            if len(found) == count:
                break
            if not each.is_over and drv not in running:
                needs = [self.planned[need] for need in each.inputs if need in self.planned]
                found.append((each.name, [need.name for need in needs if not need.is_over]))
        return found
