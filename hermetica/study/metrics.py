"""Two numbers that teams watch, from what all comparisons found: reproducible artifacts, and flakiness. Pure.

M1, the reproducible artifact rate: of the derivations that were ever built again, those whose last comparison found no
difference. M10, flakiness: of the derivations that were built again in one and the same world, those of which some
further build differed; and the same of builds. Source: docs/guides/read-a-study.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.study.statistics import Rate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermetica.realize.compared import Compared

FORMAT: Final = "hermetica.metrics/1"


@attrs.frozen(kw_only=True)
class Metrics:
    """The numbers.

    Attributes:
        reproducible: M1: derivations whose last comparison found no difference in one world.
        in_every_world: derivations of which the last study that built other worlds found no difference in any.
        flaky: M10: derivations of which some further build in one world differed.
        flaky_builds: further builds in one world that differed.
        unreliable: names of the derivations that are not reproducible, or flaky; ascending.
    """

    reproducible: Rate
    in_every_world: Rate
    flaky: Rate
    flaky_builds: Rate
    unreliable: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The numbers as a JSON object."""
        return {
            "format": FORMAT,
            "M1": {
                "reproducible_artifacts": self.reproducible.to_json(),
                "in_every_world": self.in_every_world.to_json(),
            },
            "M10": {"flaky_derivations": self.flaky.to_json(), "flaky_builds": self.flaky_builds.to_json()},
            "unreliable": list(self.unreliable),
        }

    def lines(self) -> list[str]:
        """The numbers for people."""
        rows = (
            ("M1   reproducible artifact rate, in one world", self.reproducible),
            ("     in every world that the last study tried", self.in_every_world),
            ("M10  flaky derivations", self.flaky),
            ("     builds that differ in one world", self.flaky_builds),
        )
        width = max(len(name) for name, _ in rows)
        found = [f"{name:<{width}}  {in_words(rate)}" for name, rate in rows]
        return [*found, *(f"not reproducible: {name}" for name in self.unreliable)]


def in_words(rate: Rate) -> str:
    """A rate for people: ``14 of 15   93.3 %   (70.2 to 98.8 %)``."""
    counts = f"{rate.hits:>6,} of {rate.total:<6,}"
    if rate.value is None:
        return f"{counts}     -"
    return f"{counts} {100 * rate.value:>5.1f} %  ({100 * rate.low:.1f} to {100 * rate.high:.1f} %)"


def metrics_of(found: Iterable[Compared]) -> Metrics:
    """The numbers of comparisons, which come oldest first."""
    again: dict[str, list[Compared]] = {}
    for each in found:
        again.setdefault(each.drv, []).append(each)
    built = {drv: compared for drv, each in again.items() if (compared := [one for one in each if one.again])}
    last = [each[-1] for each in built.values()]
    studied = [
        next(one for one in reversed(each) if one.worlds_differ is not None)
        for each in again.values()
        if any(one.worlds_differ is not None for one in each)
    ]
    flaky = {drv for drv, each in built.items() if any(one.differing for one in each)}
    every = [one for each in again.values() for one in each]
    calm = [each for each in last if not each.differing]
    names = {each.name for each in last if each.differing} | {
        each[0].name for drv, each in again.items() if drv in flaky
    }
    return Metrics(
        reproducible=Rate.of(len(calm), len(last)),
        in_every_world=Rate.of(sum(not (each.worlds_differ or each.differing) for each in studied), len(studied)),
        flaky=Rate.of(len(flaky), len(built)),
        flaky_builds=Rate.of(sum(each.differing for each in every), sum(each.again for each in every)),
        unreliable=tuple(sorted(names)),
    )
