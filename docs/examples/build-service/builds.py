"""The builds of a service: so many at once, so many waiting, each with its events for whoever follows it."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import hermetica as hm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

ROOTS = "build-service/"


class Refused(Exception):
    """No more builds are taken now."""

    def __init__(self, text: str, *, is_final: bool) -> None:
        super().__init__(text)
        self.is_final = is_final


class State(StrEnum):
    """Where a build stands."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What clients may use.

    Attributes:
        running: builds at once.
        waiting: builds beside them; who asks for more is told to come again.
        timeout_s: how long one builder may run.
        log_bytes: how much one builder may write.
        kept: how many builds are remembered, and their results kept from collections.
    """

    running: int = 2
    waiting: int = 8
    timeout_s: float = 600.0
    log_bytes: int = 1 << 20
    kept: int = 100


@dataclass(kw_only=True, eq=False)
class Build:
    """One build, from the request to the end."""

    id: str
    name: str
    state: State = State.WAITING
    outputs: dict[str, str] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in {State.SUCCEEDED, State.FAILED, State.CANCELLED}

    def document(self) -> dict[str, Any]:
        """What clients are told of it."""
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "outputs": self.outputs,
            "error": self.error,
            "events": f"/builds/{self.id}/events",
        }

    def hear(self, event: hm.Event) -> None:
        """Takes an event of the run; in the thread of the event loop, so nothing here needs a lock."""
        self.tell(event.to_json())

    def tell(self, event: dict[str, Any]) -> None:
        """Keeps an event, and wakes who follows."""
        self.events.append(event)
        news, self._news = self._news, asyncio.Event()
        news.set()

    def become(self, state: State) -> None:
        """Changes the state, which is an event of its own."""
        self.state = state
        self.tell({"kind": "build-" + state, "time_s": time.time(), **self.document()})

    async def follow(self, start: int = 0) -> AsyncIterator[tuple[int, dict[str, Any]]]:
        """Each event with its number, from the number ``start`` on: those that were, then those that come."""
        while True:
            news = self._news
            while start < len(self.events):
                yield start, self.events[start]
                start += 1
            if self.is_over:
                return
            await news.wait()


class Builds:
    """All builds of a service. Used from the thread of the event loop alone."""

    def __init__(self, store: hm.aio.AsyncStore, limits: Limits) -> None:
        self._store, self._limits = store, limits
        self._places = asyncio.Semaphore(limits.running)
        self._builds: dict[str, Build] = {}
        self._roots = deque(sorted(root.name for root in store.store.objects.roots() if root.name.startswith(ROOTS)))
        self._is_stopping = False

    def __iter__(self) -> Any:
        return iter(self._builds.values())

    def __getitem__(self, key: str) -> Build:
        return self._builds[key]

    def submit(self, declare: Callable[[], tuple[str, hm.Derivation]]) -> Build:
        """A build of what ``declare`` makes; it begins when there is a place.

        Raises:
            Refused: too many are waiting, or the service ends.
        """
        if self._is_stopping:
            raise Refused("the service is ending", is_final=True)
        if sum(not each.is_over for each in self) >= self._limits.running + self._limits.waiting:
            raise Refused("too many builds are waiting", is_final=False)
        with hm.evaluation():  # what it interns is let go of with it; a service runs for long
            name, derivation = declare()
        build = Build(id=f"{time.time_ns() // 1_000_000:013d}-{secrets.token_hex(3)}", name=name)
        self._builds[build.id] = build
        build.task = asyncio.create_task(self._carry_out(build, derivation))
        self._forget()
        return build

    async def _carry_out(self, build: Build, derivation: hm.Derivation) -> None:
        build.become(State.WAITING)
        try:
            async with self._places:
                build.become(State.RUNNING)
                with self._store.store.objects.lease() as lease:  # a collection beside it takes nothing of ours
                    made = await self._store.realize(
                        derivation,
                        lease=lease,
                        on_event=build.hear,
                        timeout_s=self._limits.timeout_s,
                        log_limit_bytes=self._limits.log_bytes,
                        requested_by="build-service",
                    )
                    self._keep(build, made)
            build.become(State.SUCCEEDED)
        except asyncio.CancelledError:  # its builders are gone when this is raised
            build.become(State.CANCELLED)
        except hm.HermeticaError as error:
            build.error = {"code": error.code, "message": error.message, "hint": error.hint}
            build.become(State.FAILED)

    def _keep(self, build: Build, made: hm.Realization) -> None:
        """Makes the outputs roots, and lets go of the oldest roots."""
        objects = self._store.store.objects
        for output, path in made.outputs.items():
            build.outputs[output] = str(objects.on_disk(path))
            objects.add_root(f"{ROOTS}{build.id}/{output}", path)
            self._roots.append(f"{ROOTS}{build.id}/{output}")
        while len(self._roots) > self._limits.kept:
            objects.remove_root(self._roots.popleft())

    def _forget(self) -> None:
        for build in list(self):
            if len(self._builds) <= self._limits.kept:
                return
            if build.is_over:
                del self._builds[build.id]

    async def cancel(self, build: Build) -> None:
        """Ends a build and waits until its sandboxes are gone; one that is over stays as it is."""
        if build.task is not None:
            if not build.is_over:
                build.task.cancel()
            await asyncio.wait([build.task])
            if not build.is_over:  # it was cancelled before its first step
                build.become(State.CANCELLED)

    async def stop(self, grace_s: float) -> None:
        """Takes no more builds, lets those that run go on for a while, and ends the rest."""
        self._is_stopping = True
        tasks = [build.task for build in self if build.task is not None and not build.task.done()]
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)
        await asyncio.gather(*(self.cancel(build) for build in list(self)))
