"""Making room while others work: a collection that stops when enough is free, one at a time over all processes.

What counts is what the file system says, not what the index adds up: files that objects share free nothing before the
last of them goes, and other programs write meanwhile. So it collects what is missing, looks, and goes on.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.collect import COLLECTING, Collected, Policy, collect_alone
from hermetica_store.refusals import working_in
from hermetica_store.reserve import with_reserve

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermetica_store.layout import Layout
    from hermetica_store.shared import Shared

_ROUNDS_MAX: Final = 8
_YOUNG_S: Final = 86_400.0  # what may be wanted for looking into a failure


@attrs.frozen(kw_only=True)
class LowDisk:
    """When to collect without being asked, and how much.

    Attributes:
        min_free_bytes: less than this is too little.
        max_free_bytes: this is enough; None takes everything that is dead.
        keep_outputs: as in `Policy`.
        keep_derivations: as in `Policy`.
    """

    min_free_bytes: int
    max_free_bytes: int | None = None
    keep_outputs: bool = False
    keep_derivations: bool = True

    def missing_bytes(self, free_bytes: int) -> int | None:
        """How much is to be freed; None for all that can be."""
        if self.max_free_bytes is None:
            return None
        return max(self.min_free_bytes, self.max_free_bytes) - free_bytes


def free_bytes(layout: Layout) -> int:
    """How much this user may still write to the store's file system."""
    with working_in(layout.root):
        space = os.statvfs(layout.root)
    return space.f_bavail * space.f_frsize


def make_room(
    shared: Shared, rule: LowDisk, *, on_start: Callable[[int], None], stop: Callable[[], bool]
) -> Collected | None:
    """Collect until enough is free.

    Args:
        shared: the store.
        rule: when and how much.
        on_start: called with what is free before anything is deleted.
        stop: asked now and then; True ends it early.

    Returns:
        What went; None where enough was free, or another thread or process collects already.
    """
    free = free_bytes(shared.layout)
    if free >= rule.min_free_bytes or not shared.claims.try_acquire(COLLECTING):
        return None
    try:
        on_start(free)
        taken = Collected()
        for _ in range(_ROUNDS_MAX):
            missing = rule.missing_bytes(free_bytes(shared.layout))
            if stop() or (missing is not None and missing <= 0):
                break
            policy = Policy(
                max_freed_bytes=missing,
                keep_rows_s=_YOUNG_S,
                keep_outputs=rule.keep_outputs,
                keep_derivations=rule.keep_derivations,
            )
            went = with_reserve(shared.layout, partial(collect_alone, shared, policy, stop=stop))
            taken = _together(taken, went)
            if not went.paths or missing is None:
                break
        return taken
    finally:
        shared.claims.release(COLLECTING)


def _together(one: Collected, other: Collected) -> Collected:
    return Collected(
        paths=one.paths + other.paths,
        size_bytes=one.size_bytes + other.size_bytes,
        rows=one.rows + other.rows,
        logs=one.logs + other.logs,
        log_bytes=one.log_bytes + other.log_bytes,
        scratch=one.scratch + other.scratch,
        scratch_bytes=one.scratch_bytes + other.scratch_bytes,
        roots=one.roots + other.roots,
    )
