"""The schedule: which derivation may run next. A state machine that starts nothing and waits for nothing.

Of those whose inputs are there, the one with the longest expected path to the end of the graph goes first. A failure
takes its dependants with it and, unless the run keeps going, stops what has not started.
"""

from __future__ import annotations

import heapq
from enum import Enum
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    Key = TypeVar("Key", bound=Hashable)
else:
    Key = TypeVar("Key")


class State(Enum):
    """Where a node of the graph stands."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"  # an input failed
    CANCELLED = "cancelled"  # the run stopped before its turn
    INTERRUPTED = "interrupted"  # ended from outside while it ran


@attrs.frozen(kw_only=True)
class Graph(Generic[Key]):
    """What is to be done.

    Attributes:
        inputs: node -> the nodes it needs first; only nodes of the graph.
        cost_s: node -> expected seconds; 1 where unknown.
    """

    inputs: Mapping[Key, frozenset[Key]]
    cost_s: Mapping[Key, float] = attrs.field(factory=dict["Key", float])


class Schedule(Generic[Key]):
    """The course of one run over a graph without cycles.

    Args:
        graph: the nodes, each given after its inputs.
        keep_going: whether a failure lets independent nodes start.
    """

    def __init__(self, graph: Graph[Key], *, keep_going: bool = False) -> None:
        self._keep_going = keep_going
        self._missing = {node: len(inputs) for node, inputs in graph.inputs.items()}
        self._dependants: dict[Key, list[Key]] = {node: [] for node in graph.inputs}
        for node, inputs in graph.inputs.items():
            for source in inputs:
                self._dependants[source].append(node)
        self._order = {node: index for index, node in enumerate(graph.inputs)}
        self._rest_s = _longest_paths(self._dependants, self._order, graph.cost_s)
        self.states = dict.fromkeys(graph.inputs, State.WAITING)
        self._ready: list[tuple[float, int, Key]] = []
        self._is_stopped = False
        self._running = 0
        self._fresh: list[Key] = []
        for node, missing in self._missing.items():
            if not missing:
                self._make_ready(node)

    def _make_ready(self, node: Key) -> None:
        self.states[node] = State.READY
        heapq.heappush(self._ready, (-self._rest_s[node], self._order[node], node))
        self._fresh.append(node)

    def fresh(self) -> list[Key]:
        """The nodes that became ready since this was asked last, and still are."""
        fresh, self._fresh = self._fresh, []
        return [node for node in fresh if self.states[node] is State.READY]

    def ahead(self, nodes: Iterable[Key], missing: dict[Key, int]) -> list[Key]:
        """What would be ready next, were these nodes done.

        Args:
            nodes: ready ones, or what this gave before.
            missing: how many inputs what waits would still wait for; empty at first, and changed.
        """
        ready: list[Key] = []
        for node in nodes:
            for dependant in self._dependants[node]:
                missing[dependant] = missing.get(dependant, self._missing[dependant]) - 1
                if not missing[dependant] and self.states[dependant] is State.WAITING:
                    ready.append(dependant)
        return ready

    def found(self, nodes: Iterable[Key]) -> None:
        """Nodes that need not run, each after its inputs: they are done, and their dependants may become ready."""
        for node in nodes:
            self.states[node] = State.RUNNING
            self._running += 1
            self.succeed(node)
        self._ready = [entry for entry in self._ready if self.states[entry[2]] is State.READY]
        heapq.heapify(self._ready)

    @property
    def is_over(self) -> bool:
        """Whether nothing runs and nothing may start."""
        return not self._running and not self._ready

    @property
    def running(self) -> int:
        """How many nodes run."""
        return self._running

    def start_next(self) -> Key | None:
        """The next node, now running; None where none may start."""
        if not self._ready:
            return None
        _, _, node = heapq.heappop(self._ready)
        self.states[node] = State.RUNNING
        self._running += 1
        return node

    def succeed(self, node: Key) -> None:
        """``node`` is done: its dependants may become ready."""
        self._end(node, State.DONE)
        for dependant in self._dependants[node]:
            self._missing[dependant] -= 1
            if not self._missing[dependant] and self.states[dependant] is State.WAITING and not self._is_stopped:
                self._make_ready(dependant)

    def fail(self, node: Key) -> tuple[Key, ...]:
        """``node`` failed; the dependants that this takes with it, each reported once in a run."""
        self._end(node, State.FAILED)
        skipped = self._skip_dependants(node)
        if not self._keep_going:
            self.stop()
        return skipped

    def cancel(self, node: Key) -> None:
        """``node`` was ended from outside: nothing is said of its dependants, and nothing more starts."""
        self._end(node, State.INTERRUPTED)
        self.stop()

    def stop(self) -> None:
        """Nothing more starts; what runs may end."""
        self._is_stopped = True
        for _, _, node in self._ready:
            self.states[node] = State.CANCELLED
        self._ready.clear()

    def unfinished(self) -> tuple[Key, ...]:
        """The nodes that never ran because the run stopped, in the order of the graph."""
        return tuple(node for node, state in self.states.items() if state in {State.WAITING, State.CANCELLED})

    def _end(self, node: Key, state: State) -> None:
        if self.states[node] is not State.RUNNING:
            raise ValueError(f"{node!r} does not run: it is {self.states[node].value}")
        self.states[node] = state
        self._running -= 1

    def _skip_dependants(self, node: Key) -> tuple[Key, ...]:
        skipped: list[Key] = []
        pending = list(self._dependants[node])
        while pending:
            dependant = pending.pop()
            if self.states[dependant] is State.WAITING:
                self.states[dependant] = State.SKIPPED
                skipped.append(dependant)
                pending.extend(self._dependants[dependant])
        return tuple(sorted(skipped, key=self._order.__getitem__))


def _longest_paths(
    dependants: Mapping[Key, Iterable[Key]], order: dict[Key, int], cost_s: Mapping[Key, float]
) -> dict[Key, float]:
    """Node -> expected seconds from its start to the end of the graph, along the slowest chain."""
    rest: dict[Key, float] = {}
    for node in reversed(order):
        rest[node] = cost_s.get(node, 1.0) + max((rest[dependant] for dependant in dependants[node]), default=0.0)
    return rest
