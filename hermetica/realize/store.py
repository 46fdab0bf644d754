"""The store as embedders see it: derivations in, realized paths out."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, Unpack

import attrs

from hermetica.realize.trace import Trace, derivation_rows
from hermetica_store import ObjectStore
from hermetica_store.refusals import blaming_no_input

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from hermetica.config import Config
    from hermetica.fetch.reach import Network
    from hermetica.model import Derivation
    from hermetica.realize.events import Event
    from hermetica.realize.options import RunOptions
    from hermetica.realize.outcome import Realization, Realizations
    from hermetica.realize.plan import Plan
    from hermetica.realize.substituters import Substituters
    from hermetica.sandbox import Cancellation
    from hermetica_store import Lease, RepairReport, StorePath

_SHOWN_MAX: Final = 60


def _ignore(_event: Event) -> None:
    """Where nobody listens."""


def _require_derivations(values: Sequence[object]) -> None:
    from hermetica.model import Derivation  # noqa: PLC0415 -- whoever has a derivation has it loaded

    for value in values:
        if not isinstance(value, Derivation):
            from hermetica.model.origin import user_line  # noqa: PLC0415 -- seldom needed
            from hermetica.realize.errors import NotRealizable  # noqa: PLC0415 -- seldom needed

            shown = repr(value)
            raise NotRealizable(
                f"{shown if len(shown) <= _SHOWN_MAX else type(value).__name__} is no derivation",
                hint="names of targets belong to the command line; the library takes what hm.derivation(…) gives"
                if isinstance(value, str)
                else "give what hm.derivation(…), hm.run(…), hm.fetchurl(…) … return",
                origin=user_line(),
            )


@attrs.frozen(eq=False)
class Store:
    """A store and the means to realize derivations into it. Thread-safe; several may be open at once.

    Attributes:
        objects: the content-addressed store itself.
    """

    objects: ObjectStore
    _config: Config | None = attrs.field(default=None, alias="config")

    @classmethod
    def open(
        cls,
        path: str | Path | None = None,
        *,
        read_only: bool = False,
        lower: Sequence[str | Path] | None = None,
        config: Config | None = None,
    ) -> Self:
        """The store at ``path``, made if it is not there.

        Args:
            path: its root; ``$HERMETICA_STORE``, else ``$XDG_DATA_HOME/hermetica``, where none is given.
            read_only: whether nothing may be written; queries work.
            lower: roots of stores that it lies over: what is in them is there and not built, and they are never
                written. None for ``$HERMETICA_LOWER``.
            config: settings; the user's own where none are given.

        Raises:
            StoreError: it cannot be opened; the error says why and what to do.
        """
        below = None if lower is None else [Path(each) for each in lower]
        root = None if path is None else Path(path)
        return cls(ObjectStore.open(root, read_only=read_only, lower=below), config=config)

    def close(self) -> None:
        """Waits until everything is durable, and lets go of the store."""
        self.objects.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def trace(self) -> Trace:
        """Which derivation realised to which content."""
        return Trace(self.objects)

    def _network(self) -> Network:
        from hermetica.config import Config  # noqa: PLC0415 -- only a fetch needs it
        from hermetica.fetch.mirrors import Mirrors  # noqa: PLC0415 -- only a fetch needs it
        from hermetica.fetch.reach import Network  # noqa: PLC0415 -- only a fetch needs it
        from hermetica.fetch.waiting import Patience  # noqa: PLC0415 -- only a fetch needs it

        config = self._config or Config.load()
        patience = Patience(timeout_s=config.fetch_timeout_s, retries=config.fetch_retries)
        mirrors = Mirrors.from_config(config)
        return Network(mirrors=mirrors, patience=patience, offline=config.offline, stores=config.stores)

    def _substituters(self) -> Substituters:
        from hermetica.config import Config  # noqa: PLC0415 -- only where something is to be made
        from hermetica.realize.substituters import Substituters  # noqa: PLC0415 -- only where something is to be made

        config = self._config or Config.load()
        return Substituters(config.substituters, config.trusted_substituters)

    def realize(
        self,
        derivation: Derivation,
        *,
        on_event: Callable[[Event], None] = _ignore,
        cancellation: Cancellation | None = None,
        lease: Lease | None = None,
        **options: Unpack[RunOptions],
    ) -> Realization:
        """Realizes one derivation.

        Args:
            derivation: what is wanted; all its outputs.
            on_event: takes the events, in this thread.
            cancellation: ends the run from another thread.
            lease: holds the results for as long as it lasts; without one a collection may take what has no root.
            options: fields of ``Options``: ``jobs``, ``cores``, ``timeout_s``, ``keep_failed`` …

        Raises:
            HermeticaError: the first failure.
        """
        results = self.realize_all([derivation], on_event=on_event, cancellation=cancellation, lease=lease, **options)
        for failure in (*results.failures, *results.failed):
            if failure.error is not None:
                raise failure.error
        return results.all[0]

    def realize_all(
        self,
        derivations: Sequence[Derivation],
        *,
        on_event: Callable[[Event], None] = _ignore,
        cancellation: Cancellation | None = None,
        lease: Lease | None = None,
        **options: Unpack[RunOptions],
    ) -> Realizations:
        """Realizes several derivations; a failure is in the result, not raised.

        Args:
            derivations: what is wanted; all outputs of each.
            on_event: takes the events, in this thread.
            cancellation: ends the run from another thread.
            lease: holds the results for as long as it lasts; without one a collection may take what has no root.
            options: fields of ``Options``.
        """
        _require_derivations(derivations)
        from hermetica.realize.options import Options  # noqa: PLC0415 -- who only keeps or looks up runs nothing
        from hermetica.realize.run import Run  # noqa: PLC0415 -- who only keeps or looks up runs nothing
        from hermetica.sandbox import Cancellation  # noqa: PLC0415 -- who only keeps or looks up runs nothing

        if self._config is not None and self._config.seal == "auto":
            self.objects.seal_what_is_published()
        with blaming_no_input(self.objects.root):
            cancellation = cancellation or Cancellation()
        run = Run(
            store=self.objects,
            trace=self.trace,
            options=Options(**options),
            network=functools.cache(self._network),
            cancellation=cancellation,
            substituters=functools.cache(self._substituters),
            on_event=on_event,
            lease=lease,
        )
        return run.execute(derivations)

    def repair(
        self,
        paths: Iterable[StorePath] | None = None,
        *,
        on_event: Callable[[Event], None] = _ignore,
        cancellation: Cancellation | None = None,
        **options: Unpack[RunOptions],
    ) -> RepairReport:
        """Verifies objects, and makes those that are damaged whole again: from equal files, else by building anew.

        Args:
            paths: which; None for all, the index and the link table.
            on_event: takes what builders say, from another thread.
            cancellation: ends the builds from another thread.
            options: fields of ``Options``.
        """
        from hermetica.realize.options import Options  # noqa: PLC0415 -- seldom asked for
        from hermetica.realize.supply import Remaking  # noqa: PLC0415 -- seldom asked for
        from hermetica.sandbox import Cancellation  # noqa: PLC0415 -- seldom asked for

        with (
            self.objects.lease() as lease,
            Remaking(
                self,
                lease,
                options=Options(**options),
                network=functools.cache(self._network),
                cancellation=cancellation or Cancellation(),
                on_event=on_event,
            ) as supply,
        ):
            return self.objects.repair(paths, supply=supply)

    def plan(self, derivations: Iterable[Derivation], **options: Unpack[RunOptions]) -> Plan:
        """What realizing ``derivations`` would do, and why: steps, inputs first. Runs nothing, writes nothing.

        Args:
            derivations: what is wanted; all outputs of each.
            options: fields of ``Options``; ``check`` and ``rounds`` make a difference.
        """
        from hermetica.realize.options import Options  # noqa: PLC0415 -- who only keeps or looks up runs nothing

        derivations = list(derivations)
        _require_derivations(derivations)
        chosen = Options(**options)
        if not chosen.builds_again:
            from hermetica.realize.plan import make_plan  # noqa: PLC0415 -- who only keeps or looks up runs nothing

            return make_plan(derivations, self.trace.unresolved_many)
        from hermetica.realize.checking import plan_targets  # noqa: PLC0415 -- seldom asked for

        return plan_targets(derivations, self.trace.unresolved_many, check=chosen.check)

    def path(self, derivation: Derivation, output: str | None = None) -> StorePath | None:
        """Where an output is, if it is realized and in the store."""
        _require_derivations([derivation])
        return self.trace.unresolved_many([(derivation.input_id, output or derivation.outputs[0])])[0]

    def on_disk(self, path: StorePath) -> Path:
        """Where an object lies in this machine's file system."""
        return self.objects.on_disk(path)

    def add_derivations(self, derivations: Iterable[Derivation]) -> None:
        """Keeps derivations by id, without realizing them."""
        self.objects.put(derivation_rows(derivations)).wait()
