"""The store for asyncio: tasks run at once, and nothing survives a task that is cancelled or a block that is left."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.realize.errors import BuildFailed
from hermetica.realize.events import DerivationStarted, RunFinished
from hermetica_store.errors import StoreError

if TYPE_CHECKING:
    from tests.behaviours.conftest import Shell

pytestmark = pytest.mark.sandbox
MARK = f"hermetica-aio-sleeper-{os.getpid()}"  # of this worker of the tests


def sleepers() -> list[str]:
    """The builders that sleep, by their command lines."""
    lines: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            lines.append((process / "cmdline").read_text())
        except OSError:  # it ended meanwhile
            continue
    return [line for line in lines if MARK in line and "bwrap" not in line]


async def running(count: int) -> None:
    """Waits until so many sleep: inside the sandbox, not merely begun."""
    while len(sleepers()) < count:  # noqa: ASYNC110 -- processes tell nobody
        await asyncio.sleep(0.01)


def sleeper(sh: Shell, name: str = "slow") -> hm.Derivation:
    return sh(name, f": {MARK}; sleep 1000; echo > $out")


def test_tasks_realize_at_once_and_events_come_in_the_thread_of_the_loop(store_root: Path, sh: Shell) -> None:
    heard: list[tuple[int, hm.Event]] = []

    def hear(event: hm.Event) -> None:
        heard.append((threading.get_ident(), event))

    async def both() -> list[str]:
        async with hm.aio.open_store(store_root) as store:
            steps = [sh(name, f"echo {name} > $out") for name in ("a", "b")]
            made = await asyncio.gather(*(store.realize(step, on_event=hear) for step in steps))
            assert (await store.plan(steps)).steps == ()
            assert (await store.realize_all(steps)).ok
            return [store.store.on_disk(each.out).read_text() for each in made]

    assert asyncio.run(both()) == ["a\n", "b\n"]
    assert {thread for thread, _ in heard} == {threading.get_ident()}
    assert sum(isinstance(event, RunFinished) for _, event in heard) == 2


def test_a_task_that_is_cancelled_ends_its_builders_before_it_ends(store_root: Path, sh: Shell) -> None:
    async def impatient() -> None:
        async with hm.aio.open_store(store_root) as store:
            task = asyncio.create_task(store.realize(sleeper(sh)))
            await running(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert sleepers() == []
            assert list((store_root / "tmp").iterdir()) == []
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await store.realize(sleeper(sh, "slower"))
            assert sleepers() == []

    asyncio.run(impatient())


def test_leaving_the_block_ends_what_still_runs(store_root: Path, sh: Shell) -> None:
    async def leave() -> list[object]:
        async with hm.aio.open_store(store_root) as store:
            tasks = [asyncio.create_task(store.realize(sleeper(sh, name))) for name in ("one", "two")]
            await running(2)
        assert sleepers() == []
        return await asyncio.gather(*tasks, return_exceptions=True)

    assert [getattr(each, "code", None) for each in asyncio.run(leave())] == ["HM108", "HM108"]


def test_what_a_listener_raises_ends_the_run_and_is_raised(store_root: Path, sh: Shell) -> None:
    class Enough(Exception):
        pass

    def listen(event: hm.Event) -> None:
        if isinstance(event, DerivationStarted):
            raise Enough

    async def listening() -> None:
        async with hm.aio.open_store(store_root) as store:
            with pytest.raises(Enough):
                await store.realize(sleeper(sh), on_event=listen)
            assert sleepers() == []

    asyncio.run(listening())


def test_failures_are_raised_where_they_are_awaited(store_root: Path, sh: Shell) -> None:
    async def failing() -> None:
        async with hm.aio.open_store(store_root) as store:
            with pytest.raises(BuildFailed):
                await store.realize(sh("bad", "exit 3"))
            assert not (await store.realize_all([sh("bad", "exit 3"), sh("good", "echo > $out")], keep_going=True)).ok

    asyncio.run(failing())


def test_a_store_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    async def open_it() -> None:
        async with hm.aio.open_store(tmp_path / "absent", read_only=True):
            pytest.fail("there is no store")

    with pytest.raises(StoreError):
        asyncio.run(open_it())


def test_a_task_that_is_cancelled_leaves_nothing_for_asyncio_to_complain_of(store_root: Path, sh: Shell) -> None:
    complaints: list[str] = []

    async def give_up() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: complaints.append(context["message"]))
        async with hm.aio.open_store(store_root) as store:
            task = asyncio.create_task(store.realize(sleeper(sh)))
            await running(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            del task
            gc.collect()

    asyncio.run(give_up())
    gc.collect()
    assert complaints == []
