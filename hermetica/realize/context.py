"""What the steps of one run share, and how they speak to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import attrs

from hermetica.realize.events import Event, FetchProgress, LogText, Warned

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermetica.fetch.reach import Network
    from hermetica.model import Derivation
    from hermetica.realize.options import Options
    from hermetica.realize.substituters import Substituters
    from hermetica.realize.trace import Trace
    from hermetica.sandbox import Cancellation, Spawner
    from hermetica_store import Lease, ObjectStore


@attrs.frozen(kw_only=True)
class RunContext:
    """One run's surroundings.

    Attributes:
        store: where everything goes.
        trace: of that store.
        lease: keeps what the run uses from collection.
        options: the caller's choices.
        network: what fetching needs to know; made at the first fetch.
        cancellation: ends the run's sandboxes and fetches.
        spawner: starts the sandboxes of the thread that asks.
        emit: takes the events, from any thread.
        substituters: who may have what is to be made; None where nobody is asked.
    """

    store: ObjectStore
    trace: Trace
    lease: Lease
    options: Options
    network: Callable[[], Network]
    cancellation: Cancellation
    spawner: Callable[[], Spawner]
    emit: Callable[[Event], None]
    substituters: Substituters | None = None

    def log(self, derivation: Derivation, text: str) -> None:
        """Passes on what a builder said."""
        self.emit(LogText(time_s=time.time(), drv=derivation.id.hex, name=derivation.name, text=text))

    def warn(self, derivation: Derivation, message: str) -> None:
        """Tells the user something that is no failure."""
        origin = str(derivation.origin) if derivation.origin else None
        self.emit(
            Warned(time_s=time.time(), drv=derivation.id.hex, name=derivation.name, message=message, origin=origin)
        )

    def progress(self, derivation: Derivation, done_bytes: int, total_bytes: int | None) -> None:
        """Tells how far a fetch has come."""
        self.emit(
            FetchProgress(
                time_s=time.time(),
                drv=derivation.id.hex,
                name=derivation.name,
                done_bytes=done_bytes,
                total_bytes=total_bytes,
            )
        )


@attrs.frozen(kw_only=True)
class Usage:
    """What a builder used up; None where nothing ran, or nothing could be measured.

    Attributes:
        cpu_user_s: seconds of processor time in user mode, all its processes together.
        cpu_system_s: likewise in the kernel.
        peak_memory_bytes: the largest resident set of one process.
    """

    cpu_user_s: float | None = None
    cpu_system_s: float | None = None
    peak_memory_bytes: int | None = None
