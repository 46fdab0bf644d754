"""Keeps what a build led to, where all that its evaluation read can be looked at again."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from hermetica.cli.recall.answer import key_of
from hermetica.cli.recall.form import Evaluated, decode
from hermetica.cli.recall.reading import Account, module_files
from hermetica.cli.recall.states import state
from hermetica.cli.reporting import reporters_of
from hermetica.config.load import config_file
from hermetica_store import Row, StoreError, StorePath, Table

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from contextlib import AbstractContextManager

    from hermetica.cli.evaluator import Evaluator
    from hermetica.cli.session import Session
    from hermetica.model import Derivation


@attrs.define(eq=False)
class Memory:
    """One command's way into the cache: watches its evaluation, and keeps what it led to.

    Attributes:
        session: of the command.
        evaluator: evaluates its targets.
    """

    session: Session
    evaluator: Evaluator
    _key: bytes | None = attrs.field(init=False, default=None)
    _settings: dict[tuple[str, bytes], bytes] = attrs.field(init=False, factory=dict[tuple[str, bytes], bytes])

    @property
    def is_wanted(self) -> bool:
        """Whether the command is of a kind that can be remembered, and the user lets it."""
        options = self.session.options
        repeats = options.check or options.rounds > 1
        changes = options.dry_run or options.fix_hashes
        records = options.events or options.trace or options.report
        return not (options.no_eval_cache or changes or repeats or records or options.ui == "json")

    def watching(self) -> AbstractContextManager[None]:
        """The time of the evaluation."""
        return self._watched() if self.is_wanted else nullcontext()

    @contextmanager
    def _watched(self) -> Generator[None]:
        if (file := config_file(os.environ, Path.cwd())) is not None:
            name = os.fsencode(os.path.abspath(file))  # noqa: PTH100 -- links stay
            self._settings["s", name] = state("s", name)
        if not self.session.config.eval_cache or reporters_of(self.session):
            yield
            return
        self._key = key_of(self.session.options.words)
        with self.evaluator.watching():
            yield
        self.session.console.transcript = []

    def keep(
        self, derivations: Sequence[Derivation], paths: Sequence[StorePath], links: Sequence[str], *, cached: bool
    ) -> None:
        """Keeps a command that succeeded.

        Args:
            derivations: what was asked for.
            paths: what is to be in the store.
            links: where links to them lie, in the same order; empty where none were made.
            cached: whether nothing had to be done.
        """
        transcript, key = self.session.console.transcript, self._key
        if transcript is None or key is None:
            return
        refusal = ""
        if paths:
            account = self.evaluator.account(code=cached)
            refusal = account.refusal
            evaluated = _evaluated(self, account, derivations, paths, links)
            evaluated.confirmed = cached and self._was_the_same(key, evaluated)
            if not refusal:
                self._write(key, evaluated)
        if self.session.options.verbose and refusal:
            self.session.console.say(f"evaluation: not remembered, because {refusal}")

    def states(self, account: Account) -> dict[tuple[str, bytes], bytes]:
        """All that the command's answer depends on: what was read, settings, and the modules of this process."""
        modules = [("s", os.fsencode(file)) for file in module_files()]
        ours = {read: state(*read) for read in modules if read not in account.states}
        return {**self._settings, **account.states, **ours}

    def _was_the_same(self, key: bytes, evaluated: Evaluated) -> bool:
        """Whether the evaluation before led to the same derivations."""
        former = self.session.objects.get(Table.ATTRIBUTES, key)
        known = None if former is None else decode(former)
        return known is not None and [row[0] for row in known.traces] == [row[0] for row in evaluated.traces]

    def _write(self, key: bytes, evaluated: Evaluated) -> None:
        objects, paths = self.session.objects, _paths(evaluated.objects)
        with suppress(StoreError), objects.lease() as lease:  # what was built is there, remembered or not
            lease.hold(paths)  # which notes that they were used
            objects.put([Row(Table.ATTRIBUTES, key, evaluated.encode(), paths[0])]).wait()


def _paths(bases: Sequence[bytes]) -> list[StorePath]:
    return [StorePath.parse_base(base.decode()) for base in bases]


def _evaluated(
    memory: Memory,
    account: Account,
    derivations: Sequence[Derivation],
    paths: Sequence[StorePath],
    links: Sequence[str],
) -> Evaluated:
    from hermetica.cli.links import root_name  # noqa: PLC0415 -- only where something is kept

    session = memory.session
    places = [Path(link).parent.resolve() / Path(link).name for link in links]
    return Evaluated(
        confirmed=False,
        told=bool(session.options.verbose),
        reads=[(kind, name, state) for (kind, name), state in memory.states(account).items()],
        traces=[row for derivation in derivations for row in session.store.trace.rows_of(derivation)],
        objects=[path.base.encode() for path in dict.fromkeys(paths)],
        links=[
            (
                os.fsencode(root_name(place)),
                path.base.encode(),
                os.fsencode(place),
                os.fsencode(session.objects.on_disk(path)),
            )
            for place, path in zip(places, paths, strict=False)
        ],
        output=os.fsencode("".join(session.console.transcript or ())),
    )
