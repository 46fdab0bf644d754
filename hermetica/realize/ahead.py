"""What of a plan is had from substituters before anything is made: asked from the targets down.

What a substituter has needs no inputs: they are neither built nor fetched, unless something else needs them.
"""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING

import attrs

from hermetica.errors import HermeticaError
from hermetica.realize.events import DerivationStarted, Event
from hermetica.realize.plan import Work, work_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from collections.abc import Set as AbstractSet
    from concurrent.futures import ThreadPoolExecutor

    from hermetica.model import Derivation
    from hermetica.realize.context import RunContext
    from hermetica.realize.outcome import Realization
    from hermetica_store import Commit
    from hermetica_store.digest import Digest


@attrs.frozen
class Had:
    """A derivation was asked for.

    Attributes:
        derivation: which.
        result: what it is now; None where nobody has it.
        error: what nobody expected, to be raised where the run was called.
    """

    derivation: Derivation
    result: tuple[Realization, Commit] | None = None
    error: Exception | None = None


def ask_ahead(
    targets: Iterable[Digest],
    by_id: Mapping[Digest, Derivation],
    inputs: Mapping[Digest, AbstractSet[Digest]],
    context: RunContext,
    pool: ThreadPoolExecutor,
    hear: Callable[[Event | Had], None],
) -> frozenset[Digest]:
    """Takes what substituters have; what remains to be made.

    Args:
        targets: what is wanted, of what is to be made.
        by_id: all that is to be made, by input id.
        inputs: what of it each needs.
        context: of the run; its events go to ``hear``, in this thread.
        pool: the workers.
        hear: takes events, and results.
    """
    messages: queue.SimpleQueue[Event | Had] = queue.SimpleQueue()
    ours = attrs.evolve(context, emit=messages.put)
    remaining: set[Digest] = set()
    seen: set[Digest] = set()
    had: set[Digest] = set()
    wave = set(targets)
    while wave and not context.cancellation.is_cancelled:
        seen |= wave
        asked = [by_id[each] for each in sorted(wave, key=lambda each: each.raw)]
        for each in asked:
            pool.submit(_ask, each, ours, messages.put)
        found: set[Digest] = set()
        waiting = len(asked)
        while waiting:
            message = messages.get()
            hear(message)
            if isinstance(message, Had):
                waiting -= 1
                if message.result is not None:
                    found.add(message.derivation.input_id)
        had |= found
        remaining |= wave - found
        wave = {each for one in wave - found for each in inputs[one]} - seen
    return frozenset(by_id.keys() - had if wave else remaining)  # all of it, where the run was cancelled


def _ask(derivation: Derivation, context: RunContext, put: Callable[[Event | Had], None]) -> None:
    from hermetica.realize.substituting import substitute_ahead  # noqa: PLC0415 -- few ask anybody

    def started() -> None:
        origin = str(derivation.origin) if derivation.origin else None
        drv, name = derivation.id.hex, derivation.name
        put(DerivationStarted(time_s=time.time(), drv=drv, name=name, origin=origin, work=work_of(derivation)))

    try:
        taken = substitute_ahead(derivation, context, started) if work_of(derivation) is Work.BUILD else None
    except HermeticaError:  # it is met again where the derivation is made
        put(Had(derivation))
    except Exception as error:  # noqa: BLE001 -- carried to the caller's thread, which raises it
        put(Had(derivation, error=error))
    else:
        put(Had(derivation, taken))
