"""Checks: what is realized is built again and compared, and the store's objects and trace stay as they are.

Two wishes end here. ``check`` asks of every target whether it is what its derivation makes. ``rounds=N`` asks for N
builds that agree: what is built afresh is built N times before it is registered; a target that is in the store already
counts as its own first round, unless its build record says that it went through as many.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import attrs

from hermetica.model import resolve
from hermetica.realize.again import First, Turn, build_again
from hermetica.realize.comparisons import keep_comparison
from hermetica.realize.errors import NothingToCheck, NotReproducible
from hermetica.realize.outcome import Outcome, Realization
from hermetica.realize.plan import Plan, Step, make_plan, work_of
from hermetica.realize.sources import add_sources
from hermetica.realize.step import realize_step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hermetica.model import Derivation, Resolved, Token
    from hermetica.realize.context import RunContext
    from hermetica_store import Commit, Prepared, StorePath
    from hermetica_store.digest import Digest

_WHY_CHECK = "it is in the store, and is to be built again and compared"
_WHY_ABSENT = "it is to be checked, and is not in the store"


def plan_targets(
    roots: Iterable[Derivation],
    look_up: Callable[[Sequence[tuple[Digest, str]]], Sequence[StorePath | None]],
    *,
    check: bool,
) -> Plan:
    """The plan of a run that builds its targets although they are there.

    Args:
        roots: the targets.
        look_up: as for ``make_plan``.
        check: whether targets that are not there are left so; they fail then.
    """
    wanted = {root.input_id: root for root in roots}
    outputs = [(each.input_id, output) for each in wanted.values() for output in each.outputs]
    there = {key: path for key, path in zip(outputs, look_up(outputs), strict=True) if path is not None}
    whole = {drv for drv, each in wanted.items() if all((drv, output) in there for output in each.outputs)}
    again = {key: path for key, path in there.items() if key[0] in whole}

    def others(keys: Sequence[tuple[Digest, str]]) -> list[StorePath | None]:
        return [None if key in again else path for key, path in zip(keys, look_up(keys), strict=True)]

    plan = make_plan([each for drv, each in wanted.items() if drv in whole or not check], others)
    planned = {step.derivation.input_id for step in plan.steps}
    steps = [attrs.evolve(step, why=_WHY_CHECK) if step.derivation.input_id in whole else step for step in plan.steps]
    steps += [
        Step(derivation=each, work=work_of(each), why=_WHY_ABSENT) for drv, each in wanted.items() if drv not in planned
    ]
    return attrs.evolve(plan, steps=tuple(steps), again=again)


def realize_target(
    derivation: Derivation, path_of: Callable[[Token], StorePath], context: RunContext
) -> tuple[Realization, Commit | None]:
    """Realizes one of the targets of a run with ``check`` or ``rounds``.

    Raises:
        HermeticaError: it cannot be realized, or is not reproducible.
    """
    rounds = context.options.rounds
    if context.options.check:
        return _check(derivation, path_of, context, rounds), None
    realization, commit = realize_step(derivation, path_of, context)
    if (
        realization.outcome is not Outcome.CACHED
        or not has_rounds(derivation)
        or _rounds(derivation, context) >= rounds
    ):
        return realization, commit
    return _check(derivation, path_of, context, rounds - 1), commit


def has_rounds(derivation: Derivation) -> bool:
    """Whether several builds of it tell more than one: the hash of a fixed output says all."""
    return derivation.fixed is None


def confirm_rounds(resolved: Resolved, context: RunContext, prepared: Sequence[Prepared]) -> None:
    """Builds what is about to be registered as often as the run's ``rounds`` say.

    Raises:
        RoundsDiffer: a round made something else than the first.
        RealizeError: a round failed.
    """
    rounds = context.options.rounds
    if rounds == 1 or not has_rounds(resolved.derivation):
        return
    first = {each.output: First(path=each.path, tree=each.tree, on_disk=each.tree_on_disk) for each in prepared}
    turns = [Turn(number=number, total=rounds, is_round=True) for number in range(2, rounds + 1)]
    _compared(resolved, context, first, turns, "rounds")


def _compared(
    resolved: Resolved, context: RunContext, first: Mapping[str, First], turns: Sequence[Turn], by: str
) -> None:
    """Builds again, turn after turn, and keeps for the metrics how many turns it took to differ, if any does."""
    for number, turn in enumerate(turns, 1):
        try:
            build_again(resolved, context, first, turn)
        except NotReproducible:
            keep_comparison(context.store, resolved, by, again=number, differing=1)
            raise
    keep_comparison(context.store, resolved, by, again=len(turns), differing=0)


def _rounds(derivation: Derivation, context: RunContext) -> int:
    """How many builds agreed before this was registered, by its record."""
    key = context.trace.record_key_of(derivation.input_id, derivation.outputs[0])
    record = None if key is None else context.trace.record(key)
    return 1 if record is None else int(record.get("rounds", 1))


def _check(
    derivation: Derivation, path_of: Callable[[Token], StorePath], context: RunContext, rebuilds: int
) -> Realization:
    started = time.monotonic()
    if context.trace.unresolved(derivation.input_id, derivation.outputs) is None:
        raise NothingToCheck(
            derivation,
            "there is nothing to compare with: it is not in the store",
            hint="build it first; --rounds 2 builds twice and compares",
        )
    resolved = resolve(derivation, path_of)
    outputs = context.trace.resolved(resolved.id, derivation.outputs)
    if outputs is None or context.lease.hold(outputs.values()) != frozenset(outputs.values()):
        raise NothingToCheck(
            derivation,
            "there is nothing to compare with: its inputs have other content now than when it was built",
            hint="build it first; --rounds 2 builds twice and compares",
        )
    first = {output: _registered(path, context) for output, path in outputs.items()}
    add_sources(derivation, context.store, context.lease, lambda: context.cancellation.is_cancelled)
    by = "check" if context.options.check else "rounds"
    _compared(
        resolved,
        context,
        first,
        [Turn(number=each + 1, total=rebuilds, is_round=False) for each in range(rebuilds)],
        by,
    )
    return Realization(
        derivation=derivation,
        outcome=Outcome.REPRODUCED,
        outputs=outputs,
        duration_s=time.monotonic() - started,
    )


def _registered(path: StorePath, context: RunContext) -> First:
    info = context.store.info(path)
    if info is None:
        raise AssertionError(f"{path} is held and not there")
    return First(path=path, tree=info.tree, on_disk=context.store.on_disk(path))
