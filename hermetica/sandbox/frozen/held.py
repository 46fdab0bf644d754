"""What holds one sandbox's world still: a tracer that is its own until the end, and the rules of its filter."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

import attrs

from hermetica.sandbox.frozen.order import order_for
from hermetica.sandbox.frozen.watched import rules
from hermetica.sandbox.seccomp import filter_for

if TYPE_CHECKING:
    from hermetica.sandbox.frozen.order import Order
    from hermetica.sandbox.frozen.process import TracedInit, Tracer
    from hermetica.sandbox.spawn import Spawner
    from hermetica.sandbox.spec import SandboxSpec
    from hermetica.sandbox.status import Started


@attrs.define(kw_only=True)
class Held:
    """One sandbox's.

    Attributes:
        tracer: who traces it.
        order: what is to stand still.
        since_s: when its directories were made.
    """

    tracer: Tracer
    order: Order
    since_s: int
    is_attached: bool = False

    @property
    def filter(self) -> bytes:
        """Its system call filter, packed."""
        return _filter(self.order)

    def attach(self, started: Started) -> TracedInit | None:
        """A handle on the sandbox, traced; None if it is gone already.

        Raises:
            TierUnavailable: the kernel refuses.
            FrozenClockFailed: the tracer is gone.
        """
        init = self.tracer.attach(started, self.order, self.since_s)
        self.is_attached = init is not None
        return init

    def release(self) -> None:
        """Let others have the tracer that never got anything to do."""
        if not self.is_attached:
            self.tracer.is_free = True


def hold(spec: SandboxSpec, spawner: Spawner) -> Held:
    """What holds the world of a specification still.

    Raises:
        TierUnavailable: this machine has no tracer.
    """
    order = order_for(spec.world)
    made_s = [os.stat(each).st_mtime for each in (spec.build_dir, spec.store_dir)]  # noqa: PTH116 -- each is text
    since_s = int(min(made_s))
    return Held(tracer=spawner.tracer(), order=order, since_s=since_s)


@functools.lru_cache(maxsize=64)
def _filter(order: Order) -> bytes:
    return filter_for(os.uname().machine, rules(order))
