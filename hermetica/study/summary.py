"""The results of a study for people: rates, factors, and a line a target. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hermetica.sandbox.factors import RACE
from hermetica.study.declaration import Design
from hermetica.study.metrics import in_words
from hermetica.study.statistics import Rate
from hermetica.study.trials import BUILDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_RATES: Final = {
    "same_world": "identical when built again in one world",
    "every_world": "identical in every world that was tried",
    "builds_that_differ_in_one_world": "builds that differ in one world",
}

_CALM: Final = "nothing changes it"


def summary_lines(results: Mapping[str, Any]) -> Iterator[str]:
    """The results, a few lines and one a factor and a target."""
    targets = results["targets"]
    counted = f"{len(targets):,} target{'' if len(targets) == 1 else 's'}, {results['builds']:,} builds"
    yield f"{results['study'].get('name', 'study')}: {counted}, {results['seconds']:,.0f} s of building"
    if results["machines"] > 1:
        yield f"builds of {results['machines']:,} machines count alike: a difference between them shows as a race"
    yield ""
    width = max(map(len, _RATES.values()))
    for name, words in _RATES.items():
        yield f"{words:<{width}}  {in_words(_rate(results['rates'][name]))}"
    acting = [row for row in results["factors"] if row["targets"]["hits"]]
    if acting:
        yield ""
        fisher = "" if results["factors"][0]["fisher_holm"] is None else "Fisher, Holm"
        yield f"{'factor':<12}  {'changes targets':<42}  {'McNemar, Holm':<14}  {fisher}".rstrip()
    for row in sorted(acting, key=lambda each: -each["targets"]["hits"]):
        small = "  too few targets to tell from chance" if row["too_small"] else ""
        p = [_p(row["mcnemar_holm"]), _p(row["fisher_holm"])]
        told = f"{p[0]:<14}  {p[1]:<14}" if p[1] else f"{p[0]:<14}"
        yield f"{row['factor']:<12}  {in_words(_rate(row['targets'])):<42}  {told}{small}".rstrip()
    yield ""
    longest = max((len(each["target"]) for each in targets), default=0)
    calm = "nothing changes it alone" if results["study"].get("design") == Design.OFAT else _CALM
    for each in targets:
        yield f"{each['target']:<{longest}}  {_state(each, calm)}"


def outcome(files: Iterable[Mapping[str, Any]], calm: str = _CALM) -> str:
    """What changes a target, by the files of its attribution: ``changes with tz, locale+shell``.

    Factors that act only together are joined by ``+``; those that change whether it is built at all stand apart.

    Args:
        files: of the attribution.
        calm: what to say where there are none.
    """
    built = [each for each in files if each["path"] == BUILDS]
    changed = [each for each in files if each["path"] != BUILDS]
    parts = [f"{verb} {', '.join(causes)}" for verb, each in _VERBS if (causes := _causes(changed if each else built))]
    return "; ".join(parts) or calm


_VERBS: Final = (("changes with", True), ("fails to build with", False))


def _causes(files: Iterable[Mapping[str, Any]]) -> list[str]:
    """The causes of some files, each once, the fewest factors first; races last."""
    files = list(files)
    sets = {"+".join(levels): len(levels) for each in files for levels in each["sets"]}
    races = [RACE] if any(each["races"] for each in files) else []
    open_files = [each for each in files if not (each["sets"] or each["races"])]
    suspects = dict.fromkeys("+".join(each) for file in open_files for each in file.get("suspects", ()))
    unknown = ["something that was not found"] if any(not each.get("suspects") for each in open_files) else []
    perhaps = [f"something (perhaps {' or '.join(suspects)})"] if suspects else []
    return [*sorted(sets, key=lambda name: (sets[name], name)), *races, *perhaps, *unknown]


def _rate(document: Mapping[str, Any]) -> Rate:
    return Rate.of(document["hits"], document["total"])


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "p < 0.0001" if value < 0.0001 else f"p = {value:.4f}"


def _state(target: Mapping[str, Any], calm: str) -> str:
    if target["state"] != "finished":
        return f"{target['state']}: {target['error']}" if target["error"] else target["state"]
    verdict = target["verdict"]
    limited = "" if verdict is None or verdict["complete"] else " (there may be more causes)"
    return f"{outcome(target['causes'], calm)}{limited}"
