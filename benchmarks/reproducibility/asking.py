"""hermetica's own answers: studies of cases and packages, carried out as a user's study is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from benchmarks.reproducibility.scoring import Answer
from hermetica.realize.options import Options
from hermetica.sandbox import RACE
from hermetica.study.attribution_form import read_attribution
from hermetica.study.carrying import Carrier
from hermetica.study.declaration import Study

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import hermetica as hm
    from benchmarks.reproducibility.truth import Truth
    from hermetica.study.causes import Causes

_OUTPUT: Final = "out/"


def answers(
    store: hm.Store, derivations: Mapping[str, hm.Derivation], directory: Path, *, jobs: int
) -> Iterator[tuple[str, Answer]]:
    """What one study says of each derivation, as it is found: name and answer.

    Args:
        store: where tools and sources are.
        derivations: what to ask about.
        directory: of the study's log; empty, so that nothing is known from earlier runs.
        jobs: how many are asked about at once.
    """
    events: SimpleQueue[Mapping[str, Any] | None] = SimpleQueue()
    study = Study(name=directory.name, targets=tuple(derivations))
    carrier = Carrier(study=study, store=store, options=Options(jobs=jobs), tell=events.put)
    started: dict[str, float] = {}
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(carrier.run, derivations, directory)
        running.add_done_callback(lambda _: events.put(None))
        while (event := events.get()) is not None:
            if event["kind"] == "target-started":
                started[event["target"]] = event["time_s"]
            elif event["kind"] == "target-finished":
                yield event["target"], _answer(event, event["time_s"] - started[event["target"]])
        ended = running.result()
    for name in (*ended.stopped, *ended.failures):
        why = str(ended.failures.get(name, "the study stopped")).partition("\n")[0]
        yield name, Answer(builds=0, wall_s=0.0, failed=why)


def _answer(event: Mapping[str, Any], wall_s: float) -> Answer:
    attribution = read_attribution(event["attribution"])
    return Answer(
        files={each.path.removeprefix(_OUTPUT): _truth(each) for each in attribution.files},
        builds=len(event["trials"]),
        wall_s=wall_s,
        failed=attribution.failed,
    )


def _truth(causes: Causes) -> Truth:
    """The causes without their levels; that a build races is one of them."""
    sets = frozenset(frozenset(atom.factor for atom in atoms) for atoms in causes.sets)
    return sets | {frozenset({RACE})} if causes.races else sets
