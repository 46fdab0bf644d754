"""Building a derivation in worlds that are given: nothing of it is registered, and what it made is only looked at."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING

import attrs

from hermetica.model import Token, resolve
from hermetica.model.placeholder import digest_text
from hermetica.realize.context import RunContext, Usage
from hermetica.realize.errors import BuildCancelled, NothingToBuild, RealizeError
from hermetica.realize.logs import BuildLog
from hermetica.realize.make import make
from hermetica.realize.options import Options
from hermetica.realize.plan import Work, work_of
from hermetica.realize.shaking import shaking
from hermetica.realize.sources import add_sources
from hermetica.realize.spawners import Spawners
from hermetica.realize.step import check_system
from hermetica.sandbox import Cancellation

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    from hermetica.fetch.reach import Network
    from hermetica.model import Derivation, Resolved
    from hermetica.realize.events import Event
    from hermetica.realize.outcome import Realizations
    from hermetica.realize.store import Store
    from hermetica.sandbox import World
    from hermetica_store import StorePath


@attrs.frozen(kw_only=True)
class Attempt:
    """One build in one world.

    Attributes:
        trees: output -> what was made, as the builder left it; empty where it failed.
        error: why it failed; None where it was built.
        duration_s: how long it took.
        usage: what it used up.
        log_tail: the last lines of its log.
    """

    trees: Mapping[str, Path]
    error: RealizeError | None
    duration_s: float
    usage: Usage
    log_tail: str = ""


@attrs.frozen(eq=False)
class Workshop:
    """Builds one derivation, whose inputs are there, in any world.

    Attributes:
        resolved: what is built.
        context: the run's surroundings.
    """

    resolved: Resolved
    context: RunContext

    @contextmanager
    def build(self, world: World, *, shaken: int | None = None, timeout_s: float | None = None) -> Generator[Attempt]:
        """Builds it; what was made is there until this is left.

        Args:
            world: its surroundings.
            shaken: the seed of disturbed scheduling; None disturbs nothing.
            timeout_s: how long it may run; None for as long as the options say.

        Raises:
            SandboxError: this host cannot give the world, or no sandbox at all.
            BuildCancelled: the run was cancelled.
        """
        context = self.context
        if timeout_s is not None:
            context = attrs.evolve(context, options=attrs.evolve(context.options, timeout_s=timeout_s))
        started = time.monotonic()
        with context.store.scratch() as scratch:
            log = BuildLog(_Nowhere(), lambda text: context.log(self.resolved.derivation, text))
            error: RealizeError | None = None
            trees: dict[str, Path] = {}
            usage = Usage()
            try:
                with nullcontext() if shaken is None else shaking(shaken):
                    built = make(self.resolved, context, scratch, log, world)
                trees, usage = {each.output: each.tree for each in built.candidates}, built.usage
            except BuildCancelled:
                raise
            except RealizeError as failure:
                error = failure
            took_s = time.monotonic() - started
            yield Attempt(trees=trees, error=error, duration_s=took_s, usage=usage, log_tail=log.tail())


class _Nowhere:
    """Keeps nothing of a log."""

    def write(self, _data: bytes, /) -> object:
        """Takes the next bytes."""
        return None


@contextmanager
def workshop(
    store: Store,
    derivation: Derivation,
    *,
    options: Options | None = None,
    on_event: Callable[[Event], None] = lambda _event: None,
    cancellation: Cancellation | None = None,
) -> Generator[Workshop]:
    """Realizes the inputs of a derivation, and holds them until it is left.

    Args:
        store: where.
        derivation: what is to be built in worlds.
        options: the caller's choices.
        on_event: takes the events of realizing, and what builders say, in whichever thread.
        cancellation: ends the builds.

    Raises:
        HermeticaError: an input cannot be realized.
        NothingToBuild: no builder runs for it.
    """
    _require_builder(derivation)
    check_system(derivation)
    options, cancellation = options or Options(), cancellation or Cancellation()
    with ExitStack() as held:
        lease = held.enter_context(store.objects.lease())
        inputs = list(dict.fromkeys(each for _, each in derivation.inputs.derivations))
        results = store.realize_all(
            inputs,
            on_event=on_event,
            cancellation=cancellation,
            lease=lease,
            jobs=options.jobs,
            cores=options.cores,
            substitute=options.substitute,
        )
        resolved = resolve(derivation, _paths(results).__getitem__)
        add_sources(derivation, store.objects, lease, lambda: cancellation.is_cancelled)
        context = RunContext(
            store=store.objects,
            trace=store.trace,
            lease=lease,
            options=options,
            network=_no_network,
            cancellation=cancellation,
            spawner=held.enter_context(Spawners()).get,
            emit=on_event,
        )
        yield Workshop(resolved, context)


def _require_builder(derivation: Derivation) -> None:
    if work_of(derivation) is not Work.BUILD or derivation.fixed is not None:
        raise NothingToBuild(
            derivation,
            "nothing of its world can change it: "
            + ("its hash is declared" if derivation.fixed is not None else "Python makes it on the host"),
            hint="study what is built from it",
        )


def _paths(results: Realizations) -> dict[Token, StorePath]:
    for result in (*results.failures, *results.all):
        if result.error is not None:
            raise result.error
    return {
        Token(digest_text(result.derivation.input_id), output): path
        for result in results.all
        for output, path in result.outputs.items()
    }


def _no_network() -> Network:
    raise AssertionError("a build in a world asked for the network")
