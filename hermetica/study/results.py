"""What a study comes to, computed from its log alone: ``hermetica.study-results/1``. Pure.

A row a target, a row a factor, and the rates with their intervals. Nothing about a build that failed, a factor that was
not varied or a file that races is counted as a difference, or as none: it is in no denominator.
Source: docs/guides/read-a-study.md.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.sandbox.factors import RACE
from hermetica.study.attribution_form import attribution_json, read_attribution
from hermetica.study.cells import Cell, State, cells_of, concluded, differs, is_base
from hermetica.study.comparing import Alike
from hermetica.study.declaration import Design
from hermetica.study.declared import declared
from hermetica.study.machines import hosts_of, machines_of
from hermetica.study.statistics import Rate, fisher_exact, holm, mcnemar_exact, too_small
from hermetica.study.verdict import verdict_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hermetica.study.causes import Attribution

FORMAT: Final = "hermetica.study-results/1"
_DETERMINED: Final = (State.ALONE, State.TOGETHER, State.NONE)
_CHANGING: Final = (State.ALONE, State.TOGETHER)
_NO_FILES: Final = frozenset[str]()


@attrs.frozen(kw_only=True)
class Row:
    """What is known of one target.

    Attributes:
        target: as the study calls it.
        ended: the event that ended it; None where none did.
        trials: its builds.
        attribution: which factors change what; None where that cannot be said.
        cells: factor -> what is known of it.
        begun: whether anything was asked about it.
    """

    target: str
    ended: Mapping[str, Any] | None
    trials: Sequence[Mapping[str, Any]]
    attribution: Attribution | None
    cells: Mapping[str, Cell]
    begun: bool = True

    @property
    def state(self) -> str:
        """``finished``, ``failed``, ``unfinished``, or ``waiting``, which nothing was asked about yet."""
        if self.ended is None:
            return "unfinished" if self.begun else "waiting"
        is_failed = self.ended["kind"] == "target-failed" or bool(self.attribution and self.attribution.failed)
        return "failed" if is_failed else "finished"

    def again(self) -> tuple[int, int]:
        """(differing, all) of the further builds of the base world."""
        return self._differing(self._again()), len(self._again())

    def alone(self, factor: str) -> tuple[int, int]:
        """(differing, all) of the builds that varied one factor only."""
        return self._differing(self._alone(factor)), len(self._alone(factor))

    def pair(self, factor: str) -> tuple[bool, bool]:
        """Whether it differed when it was built again in the base world, and with one factor varied alone.

        Files that race are left out of both: which of the two happened to show a race says nothing about the factor.
        """
        racy = frozenset(each.path for each in self.attribution.files if each.races) if self.attribution else _NO_FILES
        return self._differing(self._again(), racy) > 0, self._differing(self._alone(factor), racy) > 0

    def _again(self) -> list[Mapping[str, Any]]:
        return [each for each in self.trials if not (each["levels"] or each["shaken"] or is_base(each))]

    def _alone(self, factor: str) -> list[Mapping[str, Any]]:
        return [each for each in self.trials if list(each["levels"]) == [factor] and not each["shaken"]]

    def _differing(self, builds: Sequence[Mapping[str, Any]], but: frozenset[str] = _NO_FILES) -> int:
        base = next((each for each in self.trials if is_base(each)), None)
        return 0 if base is None else sum(differs(each, base, but) for each in builds)


def results_of(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The results as a JSON object."""
    begun = [event for event in events if event["kind"] == "study-started"]
    study: Mapping[str, Any] = begun[-1]["study"] if begun else {}
    rows = rows_of(events)
    return {
        "format": FORMAT,
        "study": study,
        "declaration": declared(study),
        "fixed": begun[-1].get("fixed", {}) if begun else {},
        "hosts": hosts_of(events),
        "machines": len(machines_of(events)),
        "began_s": begun[0]["time_s"] if begun else None,
        "builds": sum(len(row.trials) for row in rows),
        "seconds": round(sum(float(each["duration_s"]) for row in rows for each in row.trials), 3),
        "rates": {name: rate.to_json() for name, rate in rates(rows).items()},
        "alike": _alike(rows),
        "factors": factor_rows(rows, list(study.get("factors", {})), is_drawn=study.get("design") != Design.BISECT),
        "targets": [_target(row) for row in rows],
    }


def rows_of(events: Sequence[Mapping[str, Any]]) -> list[Row]:
    """What is known of each target, in the order of the study."""
    begun = [event for event in events if event["kind"] == "study-started"]
    study: Mapping[str, Any] = begun[-1]["study"] if begun else {"targets": [], "factors": {}}
    trials: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    by_key: dict[str, Mapping[str, Any]] = {}
    ended: dict[str, Mapping[str, Any]] = {}
    last: dict[str, Mapping[str, Any]] = {}
    for event in events:
        if event["kind"] in {"trial", "target-started", "target-finished", "target-failed"}:
            last[event["target"]] = event
        if event["kind"] == "trial":
            trials[event["target"]].append(event)
            by_key[event["key"]] = event
        elif event["kind"] in {"target-finished", "target-failed"}:
            ended[event["target"]] = event
        elif event["kind"] == "target-started":
            ended.pop(event["target"], None)
    mine = {name: [each for each in trials[name] if each["drv"] == last[name]["drv"]] for name in study["targets"]}
    rows = [_row(target, ended.get(target), mine[target], by_key, study) for target in study["targets"]]
    return [attrs.evolve(row, begun=row.target in last) for row in rows]


def _row(
    target: str,
    ended: Mapping[str, Any] | None,
    trials: Sequence[Mapping[str, Any]],
    by_key: Mapping[str, Mapping[str, Any]],
    study: Mapping[str, Any],
) -> Row:
    attribution = None
    if ended is not None and ended["kind"] == "target-finished":
        trials = [by_key[key] for key in dict.fromkeys(ended["trials"])]
        known = ended["attribution"]
        attribution = concluded(trials) if known is None else read_attribution(known)
    left_out: Mapping[str, str] = {} if ended is None else ended.get("left_out", {})
    cells = cells_of(study["factors"], trials, attribution, frozenset(left_out))
    return Row(target=target, ended=ended, trials=trials, attribution=attribution, cells=cells)


def rates(rows: Iterable[Row]) -> dict[str, Rate]:
    """The rates of a study, each a proportion of what it says."""
    finished = [row for row in rows if row.state == "finished"]
    again = [row.again() for row in finished]
    found = [row.attribution for row in finished if row.attribution is not None]
    known = [each for each in found if each.is_complete or each.files]
    return {
        "same_world": Rate.of(sum(total > 0 and not bad for bad, total in again), sum(total > 0 for _, total in again)),
        "every_world": Rate.of(sum(not each.files for each in known), len(known)),
        "builds_that_differ_in_one_world": Rate.of(sum(bad for bad, _ in again), sum(total for _, total in again)),
    }


def _alike(rows: Iterable[Row]) -> dict[str, dict[str, int]]:
    """How many targets are how alike: in further builds of the base world, and over all worlds."""
    found: dict[str, Counter[str]] = {"same_world": Counter(), "every_world": Counter()}
    order = list(map(str, Alike))
    for row in rows:
        for name, only_base in (("same_world", True), ("every_world", False)):
            seen = [
                each["alike"]
                for each in row.trials
                if each["alike"] is not None and not (only_base and (each["levels"] or each["shaken"]))
            ]
            if seen:
                found[name][max(seen, key=order.index)] += 1
    return {name: {level: counts[level] for level in order} for name, counts in found.items()}


def factor_rows(rows: Sequence[Row], factors: Sequence[str], *, is_drawn: bool) -> list[dict[str, Any]]:
    """What each factor does over all targets, with tests adjusted for how many factors there are.

    Args:
        rows: what is known of each target.
        factors: those of the study.
        is_drawn: whether the builds were the same for all targets, in an order drawn by lot; else Fisher's test, which
            takes them for a sample, is not made.
    """
    found: list[dict[str, Any]] = []
    for factor in factors:
        cells = [(row, row.cells[factor]) for row in rows if factor in row.cells and row.state == "finished"]
        determined = [(row, cell) for row, cell in cells if cell.state in _DETERMINED]
        changing = sum(cell.state in _CHANGING for _, cell in determined)
        pairs = Counter(row.pair(factor) for row, _ in determined)
        alone, again = _sums(row.alone(factor) for row, _ in cells), _sums(row.again() for row, _ in cells)
        found.append(
            {
                "factor": factor,
                "targets": Rate.of(changing, len(determined)).to_json(),
                "alone": sum(cell.state is State.ALONE for _, cell in determined),
                "together": sum(cell.state is State.TOGETHER for _, cell in determined),
                "builds": Rate.of(*alone).to_json(),
                "mcnemar_p": mcnemar_exact(pairs[True, False], pairs[False, True]),
                "fisher_p": _fisher(alone, again) if is_drawn else None,
            }
        )
    for test in ("mcnemar", "fisher"):
        values = [row[f"{test}_p"] for row in found]
        for row, adjusted in zip(found, values if None in values else holm(values), strict=True):
            row[f"{test}_holm"] = adjusted
    for row, small in zip(found, too_small([row["targets"]["total"] for row in found]), strict=True):
        row["too_small"] = small
    return found


def _fisher(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Of two groups of builds, each (differing, all)."""
    return fisher_exact((one[0], one[1] - one[0]), (other[0], other[1] - other[0]))


def _sums(pairs: Iterable[tuple[int, int]]) -> tuple[int, int]:
    first, second = zip((0, 0), *pairs, strict=True)
    return sum(first), sum(second)


def _target(row: Row) -> dict[str, Any]:
    ended = row.ended or {}
    attribution = row.attribution
    error = None
    if row.state == "failed":
        error = ended.get("message") or (attribution.failed if attribution else "")
    bad, total = row.again()
    verdict = None if attribution is None else verdict_of(ended, row.trials, attribution)
    names = [each["name"] for each in row.trials] or [ended.get("name", row.target)]
    return {
        "target": row.target,
        "name": names[0],
        "state": row.state,
        "error": error,
        "tier": ended.get("tier"),
        "left_out": ended.get("left_out", {}),
        "builds": len(row.trials),
        "seconds": round(sum(float(each["duration_s"]) for each in row.trials), 3),
        "same_world": {"differing": bad, "builds": total},
        "races": bool(attribution and RACE in attribution.factors),
        "factors": {factor: cell.to_json() for factor, cell in row.cells.items()},
        "causes": None if attribution is None else attribution_json(attribution)["files"],
        "verdict": None if verdict is None else verdict.to_json(),
    }
