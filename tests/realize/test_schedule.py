"""The schedule, held to a naive simulation of what a run over a graph means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hermetica.realize.schedule import Graph, Schedule, State

if TYPE_CHECKING:
    from collections.abc import Mapping

Inputs = dict[int, frozenset[int]]


@st.composite
def graphs(draw: st.DrawFn) -> Inputs:
    """Graphs without cycles: each node's inputs are among those before it."""
    size = draw(st.integers(0, 12))
    return {
        node: frozenset(draw(st.sets(st.integers(0, node - 1), max_size=3)) if node else ()) for node in range(size)
    }


costs = st.dictionaries(st.integers(0, 11), st.sampled_from([0.0, 0.5, 2.0, 10.0]))


def dependants_of(inputs: Inputs, nodes: set[int]) -> set[int]:
    """All that need one of ``nodes``, directly or not: by repetition until nothing is added."""
    found: set[int] = set()
    while True:
        more = {node for node, needed in inputs.items() if needed & (nodes | found)} - found
        if not more:
            return found
        found |= more


def rest_s(inputs: Inputs, cost_s: Mapping[int, float], node: int) -> float:
    """The longest path from ``node`` to the end, by trying all."""
    return cost_s.get(node, 1.0) + max(
        (rest_s(inputs, cost_s, user) for user, needed in inputs.items() if node in needed), default=0.0
    )


@given(graphs(), costs, st.sets(st.integers(0, 11)), st.integers(1, 4), st.booleans(), st.data())
@settings(deadline=None)
def test_a_run_does_what_a_naive_simulation_does(
    inputs: Inputs,
    cost_s: dict[int, float],
    bad: set[int],
    jobs: int,
    keep_going: bool,  # noqa: FBT001 -- drawn
    data: st.DataObject,
) -> None:
    schedule = Schedule(Graph(inputs=inputs, cost_s=cost_s), keep_going=keep_going)
    running: list[int] = []
    started: list[int] = []
    done: set[int] = set()
    failed: set[int] = set()
    skipped: list[int] = []
    while not schedule.is_over:
        while len(running) < jobs:
            stopped = bool(failed) and not keep_going
            blocked = dependants_of(inputs, failed)
            able = [
                node
                for node, needed in inputs.items()
                if needed <= done and node not in started and node not in blocked
            ]
            node = schedule.start_next()
            if node is None:
                assert stopped or not able
                break
            assert not stopped
            assert node == min(able, key=lambda each: (-rest_s(inputs, cost_s, each), each))
            running.append(node)
            started.append(node)
            assert schedule.running == len(running)
        node = running.pop(data.draw(st.integers(0, len(running) - 1)))
        if node in bad:
            failed.add(node)
            taken = schedule.fail(node)
            assert set(taken) == dependants_of(inputs, {node}) - set(skipped)
            skipped += taken
        else:
            done.add(node)
            schedule.succeed(node)
        assert schedule.running == len(running)
    assert len(started) == len(set(started))
    assert len(skipped) == len(set(skipped))
    left = set(inputs) - set(started) - set(skipped)
    assert set(schedule.unfinished()) == left
    if keep_going or not failed:
        assert not left
    assert {node for node, state in schedule.states.items() if state is State.DONE} == done
    assert {node for node, state in schedule.states.items() if state is State.FAILED} == failed


@given(graphs(), st.integers(0, 12), st.data())
@settings(deadline=None)
def test_after_a_stop_nothing_starts_and_what_runs_may_end(inputs: Inputs, count: int, data: st.DataObject) -> None:
    schedule = Schedule(Graph(inputs=inputs))
    running = [node for _ in range(count) if (node := schedule.start_next()) is not None]
    schedule.stop()
    schedule.stop()
    assert schedule.start_next() is None
    for node in running:
        if data.draw(st.booleans()):
            schedule.succeed(node)
        else:
            schedule.cancel(node)
        assert schedule.start_next() is None
    assert schedule.is_over
    assert set(schedule.unfinished()) == set(inputs) - set(running)


DIAMOND: Inputs = {0: frozenset(), 1: frozenset({0}), 2: frozenset({0}), 3: frozenset({1, 2}), 4: frozenset()}


def start(schedule: Schedule[int], count: int) -> list[int | None]:
    return [schedule.start_next() for _ in range(count)]


def test_a_failure_takes_its_dependants_and_spares_the_rest() -> None:
    schedule = Schedule(Graph(inputs=DIAMOND), keep_going=True)
    assert start(schedule, 3) == [0, 4, None]
    schedule.succeed(0)
    assert start(schedule, 2) == [1, 2]
    assert schedule.fail(1) == (3,)
    assert schedule.fail(2) == ()
    schedule.succeed(4)
    assert schedule.is_over
    assert schedule.unfinished() == ()


def test_without_keep_going_a_failure_stops_what_did_not_start() -> None:
    schedule = Schedule(Graph(inputs=DIAMOND))
    assert start(schedule, 1) == [0]
    assert schedule.fail(0) == (1, 2, 3)
    assert schedule.is_over
    assert schedule.unfinished() == (4,)


def test_what_was_interrupted_is_not_reported_once_more_as_unfinished() -> None:
    schedule = Schedule(Graph(inputs=DIAMOND))
    assert start(schedule, 2) == [0, 4]
    schedule.cancel(0)
    assert schedule.states[0] is State.INTERRUPTED
    assert schedule.running == 1
    schedule.succeed(4)
    assert schedule.is_over
    assert schedule.unfinished() == (1, 2, 3)


def test_the_slowest_chain_goes_first() -> None:
    inputs: Inputs = {0: frozenset(), 1: frozenset(), 2: frozenset(), 3: frozenset({2})}
    assert start(Schedule(Graph(inputs=inputs, cost_s={0: 5.0, 1: 1.0, 3: 7.0})), 3) == [2, 0, 1]


def test_equals_go_in_the_order_of_the_graph() -> None:
    assert start(Schedule(Graph(inputs={node: frozenset[int]() for node in (3, 1, 2)})), 3) == [3, 1, 2]


@pytest.mark.parametrize("end", [Schedule[int].succeed, Schedule[int].fail, Schedule[int].cancel])
def test_only_what_runs_can_end(end: Any) -> None:
    schedule = Schedule(Graph(inputs=DIAMOND))
    with pytest.raises(ValueError, match="0 does not run: it is ready"):
        end(schedule, 0)
    start(schedule, 1)
    schedule.succeed(0)
    with pytest.raises(ValueError, match="0 does not run: it is done"):
        end(schedule, 0)


def test_a_chain_of_ten_thousand_is_no_deeper_than_any_stack() -> None:
    size = 10_000
    inputs: Inputs = {node: frozenset({node - 1} if node else ()) for node in range(size)}
    schedule = Schedule(Graph(inputs=inputs))
    assert schedule.start_next() == 0
    assert len(schedule.fail(0)) == size - 1


@given(graphs())
def test_what_would_be_ready_is_ready_once_that_is_so(inputs: Inputs) -> None:
    asked, stepped = Schedule(Graph(inputs=inputs)), Schedule(Graph(inputs=inputs))
    wave, missing, order = asked.fresh(), dict[int, int](), list[int]()
    while wave:
        assert sorted(stepped.fresh()) == sorted(wave)
        stepped.found(wave)
        order += wave
        wave = asked.ahead(wave, missing)
    assert stepped.is_over
    asked.found(order)
    assert asked.is_over
    assert asked.fresh() == []
    assert set(asked.states.values()) <= {State.DONE}
