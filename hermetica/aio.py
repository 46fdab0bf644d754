"""The store for asyncio: ``async with hm.aio.open_store() as store``; the same over threads, cancelled as tasks are.

A task that is cancelled ends its builders and waits until they are gone; leaving the block ends what still runs.
Nothing here knows how anything is realized: that is ``hermetica.realize.Store``.
"""

from __future__ import annotations

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar, Unpack

import attrs

from hermetica.realize import Store
from hermetica.sandbox import Cancellation

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
    from pathlib import Path

    from hermetica.config import Config
    from hermetica.model import Derivation
    from hermetica.realize import Event, Plan, Realization, Realizations
    from hermetica.realize.options import RunOptions
    from hermetica_store import Lease

__all__ = ["AsyncStore", "open_store"]

_AT_ONCE: Final = 32
_Result = TypeVar("_Result")


def _ignore(_event: Event) -> None:
    """Where nobody listens."""


@attrs.frozen(eq=False, kw_only=True)
class AsyncStore:
    """A store whose work is awaited; made by ``open_store``. Any number of tasks may use it.

    Attributes:
        store: the same store for code that waits; its queries are quick and need no thread.
    """

    store: Store
    _threads: ThreadPoolExecutor = attrs.field(alias="threads")
    _running: dict[Cancellation, asyncio.Future[Any]] = attrs.field(init=False, factory=dict[Cancellation, Any])

    async def realize(
        self,
        derivation: Derivation,
        *,
        on_event: Callable[[Event], None] = _ignore,
        lease: Lease | None = None,
        **options: Unpack[RunOptions],
    ) -> Realization:
        """Realizes one derivation.

        Args:
            derivation: what is wanted; all its outputs.
            on_event: takes the events, in the thread of the event loop; what it raises ends the run and is raised.
            lease: holds the results for as long as it lasts.
            options: fields of ``Options``.

        Raises:
            HermeticaError: the first failure.
        """
        work = functools.partial(self.store.realize, derivation, lease=lease, **options)
        return await self._run(work, on_event)

    async def realize_all(
        self,
        derivations: Sequence[Derivation],
        *,
        on_event: Callable[[Event], None] = _ignore,
        lease: Lease | None = None,
        **options: Unpack[RunOptions],
    ) -> Realizations:
        """Realizes several derivations; a failure is in the result, not raised. Arguments are those of ``realize``."""
        work = functools.partial(self.store.realize_all, derivations, lease=lease, **options)
        return await self._run(work, on_event)

    async def plan(self, derivations: Iterable[Derivation], **options: Unpack[RunOptions]) -> Plan:
        """What realizing ``derivations`` would do, and why. Runs nothing, writes nothing."""
        wanted = list(derivations)
        return await self._ended(self._submit(functools.partial(self.store.plan, wanted, **options)))

    async def _run(self, work: Callable[..., _Result], on_event: Callable[[Event], None]) -> _Result:
        loop, cancellation = asyncio.get_running_loop(), Cancellation()
        raised: list[BaseException] = []

        def hear(event: Event) -> None:
            if raised:
                return
            try:
                on_event(event)
            except BaseException as error:  # noqa: BLE001 -- raised below, where it is awaited
                raised.append(error)
                cancellation.cancel()

        def tell(event: Event) -> None:
            loop.call_soon_threadsafe(hear, event)

        running = self._submit(functools.partial(work, on_event=tell, cancellation=cancellation))
        self._running[cancellation] = running
        try:
            result = await self._ended(running, cancellation)
        except Exception:
            if raised:
                raise raised[0] from None
            raise
        finally:
            del self._running[cancellation]
        if raised:
            raise raised[0]
        return result

    def _submit(self, work: Callable[[], _Result]) -> asyncio.Future[_Result]:
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    @staticmethod
    async def _ended(running: asyncio.Future[_Result], cancellation: Cancellation | None = None) -> _Result:
        """What ``running`` comes to; a task that is cancelled cancels it and stays until it is over."""
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            if cancellation is not None:
                cancellation.cancel()
            await _over([running])
            if not running.cancelled():
                running.exception()  # nobody else will ask for it, and asyncio would say so
            raise

    async def aclose(self) -> None:
        """Ends the builders that still run, waits until everything is durable, and lets go of the store."""
        for cancellation in self._running:
            cancellation.cancel()
        await _over(self._running.values())
        await _over([self._submit(self.store.close)])


async def _over(running: Iterable[asyncio.Future[Any]]) -> None:
    """Waits until all are done, however often it is told not to; what they raise is somebody else's."""
    for each in tuple(running):
        while not each.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([each])


@asynccontextmanager
async def open_store(
    path: str | Path | None = None,
    *,
    read_only: bool = False,
    lower: Sequence[str | Path] | None = None,
    config: Config | None = None,
) -> AsyncGenerator[AsyncStore]:
    """The store at ``path``, for as long as the block lasts. Arguments are those of ``Store.open``.

    Leaving the block, by an exception too, ends the builders that still run, and waits until everything is durable.

    Raises:
        StoreError: it cannot be opened; the error says why and what to do.
    """
    threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="hermetica-aio")
    loop = asyncio.get_running_loop()
    opening = loop.run_in_executor(
        threads, functools.partial(Store.open, path, read_only=read_only, lower=lower, config=config)
    )
    try:
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            await _over([opening])
            if not opening.exception():
                opening.result().close()
            raise
        made = AsyncStore(store=opening.result(), threads=threads)
        try:
            yield made
        finally:
            await made.aclose()
    finally:
        threads.shutdown(wait=False)
