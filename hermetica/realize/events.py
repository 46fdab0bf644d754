"""What a realization tells while it runs: frozen values with a documented JSON form, ``hermetica.event/1``.

Every view - the live terminal, plain lines, reports - is a consumer of this stream and of nothing else.
Source: docs/events.md.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

import attrs

from hermetica.realize.error_form import error_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermetica.errors import HermeticaError
    from hermetica.realize.outcome import Outcome
    from hermetica.realize.plan import Work

FORMAT: Final = "hermetica.event/1"


@attrs.frozen(kw_only=True)
class Event:
    """The root of all events.

    Attributes:
        time_s: seconds since the epoch, when it happened.
    """

    kind: ClassVar[str] = "event"
    time_s: float

    def to_json(self) -> dict[str, Any]:
        """The event as a JSON object: ``format``, ``kind`` and its attributes."""
        document: dict[str, Any] = {"format": FORMAT, "kind": self.kind}
        for name in _FIELDS.get(type(self)) or _fields(type(self)):
            value = getattr(self, name)
            document[name] = value if type(value) in _PLAIN else _plain(value)
        return document


_FIELDS: Final[dict[type[Event], tuple[str, ...]]] = {}


def _fields(kind: type[Event]) -> tuple[str, ...]:
    return _FIELDS.setdefault(kind, tuple(field.name for field in attrs.fields(kind)))


_PLAIN: Final = frozenset({str, int, float, bool, type(None)})  # most of the values of a run: thousands of them


def _plain(value: object) -> object:
    """A value as JSON has it; texts are all that is in tuples and mappings, and numbers in the latter."""
    if isinstance(value, tuple):
        return list(cast("tuple[object, ...]", value))
    if isinstance(value, StrEnum):
        return value.value
    from hermetica.errors import HermeticaError  # noqa: PLC0415 -- only where an event is written out

    return error_json(value) if isinstance(value, HermeticaError) else value


@attrs.frozen(kw_only=True)
class RunStarted(Event):
    """A run knows what it has to do.

    Attributes:
        total: derivations that are not there yet.
        to_build: those with a builder in the sandbox, or a builtin that only computes.
        to_fetch: those that come from the network.
        fetch_bytes: what the fetches say they weigh, where they say so.
        reused: derivations found in the store at once.
        targets: the names of what was asked for.
        jobs: how many derivations may be realized at once.
        substituters: how many are asked first, so that there may be less to do.
    """

    kind: ClassVar[str] = "run-started"
    total: int
    to_build: int
    to_fetch: int
    fetch_bytes: int
    reused: int
    targets: tuple[str, ...] = ()
    jobs: int = 0
    substituters: int = 0


@attrs.frozen(kw_only=True)
class DerivationPlanned(Event):
    """A derivation is part of what the run has to do; told before any begins, inputs first.

    Attributes:
        drv: its id, hexadecimal.
        name: its name.
        origin: the line that defines it, or None.
        work: what it takes.
        why: one line: the reason that it is not there.
        inputs: the ids of those in this run that it needs first.
        expected_s: how long it took the last time, or None.
    """

    kind: ClassVar[str] = "derivation-planned"
    drv: str
    name: str
    origin: str | None
    work: Work
    why: str
    inputs: tuple[str, ...]
    expected_s: float | None = None


@attrs.frozen(kw_only=True)
class DerivationStarted(Event):
    """A derivation is being realized.

    Attributes:
        drv: its id, hexadecimal.
        name: its name.
        origin: the line that defines it, or None.
        work: what it takes.
        expected_s: how long it took the last time, or None.
    """

    kind: ClassVar[str] = "derivation-started"
    drv: str
    name: str
    origin: str | None
    work: Work
    expected_s: float | None = None


@attrs.frozen(kw_only=True)
class DerivationWaiting(Event):
    """Another process is realizing the same thing; this one waits for it.

    Attributes:
        drv: its id.
        name: its name.
    """

    kind: ClassVar[str] = "derivation-waiting"
    drv: str
    name: str


@attrs.frozen(kw_only=True)
class RebuildStarted(Event):
    """A derivation is being built once more, to be compared.

    Attributes:
        drv: its id.
        name: its name.
        number: which of these builds it is, counted from 1.
        total: how many there are to be.
        against: ``store``, what is there; or ``round 1``, the first build of this run.
    """

    kind: ClassVar[str] = "rebuild-started"
    drv: str
    name: str
    number: int
    total: int
    against: str


@attrs.frozen(kw_only=True)
class LogText(Event):
    """The builder said something.

    Attributes:
        drv: whose log it belongs to.
        name: its name.
        text: whole lines where possible, undecodable bytes replaced.
    """

    kind: ClassVar[str] = "log"
    drv: str
    name: str
    text: str


@attrs.frozen(kw_only=True)
class FetchProgress(Event):
    """A fetch has come this far.

    Attributes:
        drv: what is fetched.
        name: its name.
        done_bytes: received so far.
        total_bytes: what the server promised, or None.
    """

    kind: ClassVar[str] = "fetch-progress"
    drv: str
    name: str
    done_bytes: int
    total_bytes: int | None


@attrs.frozen(kw_only=True)
class SubstitutionStarted(Event):
    """A substituter has what a derivation makes, and begins to give it.

    Attributes:
        drv: its id.
        name: its name.
        substituter: the line of the setting that names it.
    """

    kind: ClassVar[str] = "substitution-started"
    drv: str
    name: str
    substituter: str


@attrs.frozen(kw_only=True)
class SubstitutionFinished(Event):
    """What a substituter gave is in the store; or it failed, or was refused, and the next one is asked.

    Attributes:
        drv: its id.
        name: its name.
        substituter: the line of the setting that names it.
        outputs: output name -> store path; empty where it failed.
        received_bytes: of its archive.
        duration_s: wall time.
        error: what went wrong, or None.
    """

    kind: ClassVar[str] = "substitution-finished"
    drv: str
    name: str
    substituter: str
    outputs: Mapping[str, str]
    received_bytes: int
    duration_s: float
    error: HermeticaError | None = None


@attrs.frozen(kw_only=True)
class Warned(Event):
    """Something the user should know, and nothing failed.

    Attributes:
        drv: what it is about.
        name: its name.
        message: one line.
        origin: the line that defines it, or None.
    """

    kind: ClassVar[str] = "warning"
    drv: str
    name: str
    message: str
    origin: str | None


@attrs.frozen(kw_only=True)
class DerivationFinished(Event):
    """A derivation is realized, or will not be.

    Attributes:
        drv: its id.
        name: its name.
        outcome: how it ended.
        outputs: output name -> store path.
        duration_s: wall time.
        log_key: names its log, or None.
        error: what went wrong, or None.
        sizes: output name -> bytes of its files.
    """

    kind: ClassVar[str] = "derivation-finished"
    drv: str
    name: str
    outcome: Outcome
    outputs: Mapping[str, str]
    duration_s: float
    log_key: str | None = None
    error: HermeticaError | None = None
    sizes: Mapping[str, int] = attrs.field(factory=dict[str, int])


@attrs.frozen(kw_only=True)
class HookStarted(Event):
    """The post-build hook is being called for a derivation whose outputs are durable.

    Attributes:
        drv: its id.
        name: its name.
        hook: the program, or what is called.
    """

    kind: ClassVar[str] = "hook-started"
    drv: str
    name: str
    hook: str


@attrs.frozen(kw_only=True)
class HookText(Event):
    """The post-build hook said something.

    Attributes:
        drv: for which derivation.
        name: its name.
        text: undecodable bytes replaced.
    """

    kind: ClassVar[str] = "hook-text"
    drv: str
    name: str
    text: str


@attrs.frozen(kw_only=True)
class HookFinished(Event):
    """The post-build hook is over for a derivation.

    Attributes:
        drv: its id.
        name: its name.
        duration_s: wall time.
        error: what went wrong, or None.
    """

    kind: ClassVar[str] = "hook-finished"
    drv: str
    name: str
    duration_s: float
    error: HermeticaError | None = None


@attrs.frozen(kw_only=True)
class CollectionStarted(Event):
    """Too little of the disk is free, and the run collects what nothing needs beside its builds.

    Attributes:
        free_bytes: how much is free.
        min_free_bytes: below which it is too little.
    """

    kind: ClassVar[str] = "collection-started"
    free_bytes: int
    min_free_bytes: int


@attrs.frozen(kw_only=True)
class CollectionFinished(Event):
    """That collection is over.

    Attributes:
        objects: how many it deleted.
        size_bytes: of them.
        free_bytes: how much is free now.
        duration_s: wall time.
        error: why it ended early, or None.
    """

    kind: ClassVar[str] = "collection-finished"
    objects: int
    size_bytes: int
    free_bytes: int
    duration_s: float
    error: HermeticaError | None = None


@attrs.frozen(kw_only=True)
class ClosureKnown(Event):
    """What was asked for and is there now, with all that it needs at run time.

    Attributes:
        targets: the store paths of what was asked for.
        objects: store path -> bytes of its files; the targets, and all that they refer to at any distance.
    """

    kind: ClassVar[str] = "closure"
    targets: tuple[str, ...]
    objects: Mapping[str, int]


@attrs.frozen(kw_only=True)
class RunFinished(Event):
    """The run is over, and everything it finished is durable.

    Attributes:
        counts: outcome -> how many derivations ended so.
        duration_s: wall time of the whole run.
    """

    kind: ClassVar[str] = "run-finished"
    counts: Mapping[str, int]
    duration_s: float
