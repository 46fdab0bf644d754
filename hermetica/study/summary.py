"""The results of a study for people: rates, factors, and a line a target. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hermetica.study.metrics import in_words
from hermetica.study.statistics import Rate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_RATES: Final = {
    "same_world": "identical when built again in one world",
    "every_world": "identical in every world that was tried",
    "builds_that_differ_in_one_world": "builds that differ in one world",
}


def summary_lines(results: Mapping[str, Any]) -> Iterator[str]:
    """The results, a few lines and one a factor and a target."""
    targets = results["targets"]
    counted = f"{len(targets):,} target{'' if len(targets) == 1 else 's'}, {results['builds']:,} builds"
    yield f"{results['study'].get('name', 'study')}: {counted}, {results['seconds']:,.0f} s of building"
    yield ""
    width = max(map(len, _RATES.values()))
    for name, words in _RATES.items():
        yield f"{words:<{width}}  {in_words(_rate(results['rates'][name]))}"
    acting = [row for row in results["factors"] if row["targets"]["hits"]]
    if acting:
        yield ""
        yield f"{'factor':<12}  {'changes targets':<42}  {'McNemar, Holm':<14}  Fisher, Holm"
    for row in sorted(acting, key=lambda each: -each["targets"]["hits"]):
        small = "  too few targets to tell from chance" if row["too_small"] else ""
        p = [_p(row["mcnemar_holm"]), _p(row["fisher_holm"])]
        yield f"{row['factor']:<12}  {in_words(_rate(row['targets'])):<42}  {p[0]:<14}  {p[1]:<14}{small}".rstrip()
    yield ""
    longest = max((len(each["target"]) for each in targets), default=0)
    for each in targets:
        yield f"{each['target']:<{longest}}  {_state(each)}"


def _rate(document: Mapping[str, Any]) -> Rate:
    return Rate.of(document["hits"], document["total"])


def _p(value: float) -> str:
    return "p < 0.0001" if value < 0.0001 else f"p = {value:.4f}"


def _state(target: Mapping[str, Any]) -> str:
    if target["state"] != "finished":
        return f"{target['state']}: {target['error']}" if target["error"] else target["state"]
    changing = [name for name, cell in target["factors"].items() if cell["state"] in {"alone", "together"}]
    races = ["race"] if target["races"] else []
    verdict = target["verdict"]
    limited = "" if verdict is None or verdict["complete"] else " (there may be more causes)"
    if not (changing or races):
        return f"nothing changes it{limited}"
    return f"changes with {', '.join([*changing, *races])}{limited}"
