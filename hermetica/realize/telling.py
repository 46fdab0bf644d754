"""The events that tell of a run's plan, of what became of each derivation, and of what all of it weighs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hermetica.realize.events import ClosureKnown, DerivationFinished, DerivationPlanned, RunStarted
from hermetica.realize.plan import Work

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hermetica.model import Derivation
    from hermetica.realize.outcome import Realization
    from hermetica.realize.plan import Plan, Step
    from hermetica_store import ObjectStore
    from hermetica_store.digest import Digest


def started(plan: Plan, roots: Iterable[Derivation], jobs: int, *, substituters: int) -> RunStarted:
    """What a run has to do, and how many derivations, and substituters, it goes about at once."""
    fetches = len(plan.of(Work.FETCH))
    return RunStarted(
        time_s=time.time(),
        total=len(plan.steps),
        to_build=len(plan.steps) - fetches,
        to_fetch=fetches,
        fetch_bytes=plan.fetch_bytes,
        reused=len(plan.reused),
        targets=tuple(dict.fromkeys(root.name for root in roots)),
        jobs=jobs,
        substituters=substituters,
    )


def planned(
    steps: Iterable[Step],
    inputs: Mapping[Digest, Iterable[Digest]],
    by_id: Mapping[Digest, Derivation],
    expected_s: Mapping[Digest, float],
) -> Iterator[DerivationPlanned]:
    """What a run has to do, one event a step.

    Args:
        steps: inputs first.
        inputs: by input id: which steps each needs.
        by_id: the derivations of the steps, by input id.
        expected_s: by input id: how long it took the last time.
    """
    for step in steps:
        derivation = step.derivation
        yield DerivationPlanned(
            time_s=time.time(),
            drv=derivation.id.hex,
            name=derivation.name,
            origin=str(derivation.origin) if derivation.origin else None,
            work=step.work,
            why=step.why,
            inputs=tuple(sorted(by_id[each].id.hex for each in inputs[derivation.input_id])),
            expected_s=expected_s.get(derivation.input_id),
        )


def finished(realization: Realization, store: ObjectStore) -> DerivationFinished:
    """How a derivation ended."""
    sizes = realization.sizes
    if sizes is None:
        known = store.sizes(realization.outputs.values()) if realization.outputs else {}
        sizes = {output: known.get(path, 0) for output, path in realization.outputs.items()}
    return DerivationFinished(
        time_s=time.time(),
        drv=realization.derivation.id.hex,
        name=realization.derivation.name,
        outcome=realization.outcome,
        outputs={output: str(path) for output, path in realization.outputs.items()},
        duration_s=realization.duration_s,
        log_key=realization.log_key,
        error=realization.error,
        sizes=sizes,
    )


def closure(results: Sequence[Realization], store: ObjectStore) -> ClosureKnown:
    """What the results need at run time; they must be held, so that it is all there."""
    targets = list(dict.fromkeys(path for result in results for path in result.outputs.values()))
    sizes = {str(path): size for path, size in store.sizes(store.closure(targets)).items()}
    return ClosureKnown(time_s=time.time(), targets=tuple(map(str, targets)), objects=sizes)
