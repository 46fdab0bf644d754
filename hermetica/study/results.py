"""What a study comes to, computed from its log alone: ``hermetica.study-results/1``. Pure.

A row a target, a row a factor, and the rates with their intervals. Nothing about a build that failed, a factor that was
not varied or a file that races is counted as a difference, or as none: it is in no denominator.
Source: docs/guides/read-a-study.md.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.study.attribution import RACE
from hermetica.study.attribution_form import attribution_json, read_attribution
from hermetica.study.cells import Cell, State, cells_of, concluded, differs, is_base
from hermetica.study.comparing import Alike
from hermetica.study.statistics import Rate, fisher_exact, holm, mcnemar_exact, too_small
from hermetica.study.verdict import verdict_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hermetica.study.attribution import Attribution

FORMAT: Final = "hermetica.study-results/1"
_DETERMINED: Final = (State.ALONE, State.TOGETHER, State.NONE)
_CHANGING: Final = (State.ALONE, State.TOGETHER)


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
        further = [each for each in self.trials if not each["levels"] and not each["shaken"] and each["repeat"]]
        return self._differing(further), len(further)

    def alone(self, factor: str) -> tuple[int, int]:
        """(differing, all) of the builds that varied one factor only."""
        varied = [each for each in self.trials if list(each["levels"]) == [factor] and not each["shaken"]]
        return self._differing(varied), len(varied)

    def pair(self, factor: str) -> tuple[bool, bool]:
        """Whether it differed when it was built again in the base world, and with one factor varied alone.

        Where the factor was not varied alone, since that it changes nothing follows from other builds, the two are told
        as alike: the pair says nothing.
        """
        was = self.again()[0] > 0
        differing, builds = self.alone(factor)
        return was, differing > 0 if builds else was

    def _differing(self, builds: Sequence[Mapping[str, Any]]) -> int:
        base = next((each for each in self.trials if is_base(each)), None)
        return 0 if base is None else sum(differs(each, base) for each in builds)


def results_of(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The results as a JSON object."""
    begun = [event for event in events if event["kind"] == "study-started"]
    study: Mapping[str, Any] = begun[-1]["study"] if begun else {}
    rows = rows_of(events)
    return {
        "format": FORMAT,
        "study": study,
        "host": begun[-1]["host"] if begun else {},
        "began_s": begun[0]["time_s"] if begun else None,
        "builds": sum(len(row.trials) for row in rows),
        "seconds": round(sum(float(each["duration_s"]) for row in rows for each in row.trials), 3),
        "rates": {name: rate.to_json() for name, rate in rates(rows).items()},
        "alike": _alike(rows),
        "factors": factor_rows(rows, list(study.get("factors", {}))),
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


def factor_rows(rows: Sequence[Row], factors: Sequence[str]) -> list[dict[str, Any]]:
    """What each factor does over all targets, with tests adjusted for how many factors there are."""
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
                "fisher_p": fisher_exact((alone[0], alone[1] - alone[0]), (again[0], again[1] - again[0])),
            }
        )
    for test in ("mcnemar", "fisher"):
        for row, adjusted in zip(found, holm([row[f"{test}_p"] for row in found]), strict=True):
            row[f"{test}_holm"] = adjusted
    for row, small in zip(found, too_small([row["targets"]["total"] for row in found]), strict=True):
        row["too_small"] = small
    return found


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
