"""What a command works with: its options, the console, and the store and settings, opened when first used."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator, Sequence
    from types import TracebackType

    from hermetica.cli.apart.early import Early
    from hermetica.cli.console import Console
    from hermetica.cli.evaluator import Evaluator
    from hermetica.config import Config
    from hermetica.realize import Store
    from hermetica_store import ObjectStore


class Session:
    """One run of one command.

    Attributes:
        options: the parsed command line.
        console: where to write.
        early: the child that may evaluate its targets, if one was started before all else.
    """

    def __init__(self, *, options: argparse.Namespace, console: Console, early: Early | None = None) -> None:
        self.options: Any = options
        self.console = console
        self.early = early
        self._opened: ObjectStore | None = None
        self._evaluators: list[Evaluator] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for evaluator in self._evaluators:
            evaluator.close()
        if self._opened is not None:
            self._opened.close()

    def evaluator(self, texts: Sequence[str]) -> Evaluator:
        """What evaluates the modules of targets; the same one again where that sees them too.

        Raises:
            NoSandbox: they are to be evaluated in a sandbox only, and there can be none.
        """
        from hermetica.cli.evaluators import choose  # noqa: PLC0415 -- not every command has targets

        for evaluator in self._evaluators:
            if evaluator.sees(texts):
                return evaluator
        chosen = choose(self, texts)
        self._evaluators.append(chosen)
        return chosen

    @contextmanager
    def evaluating_anew(self) -> Generator[None]:
        """A time at whose end modules are forgotten: they may be others the next time."""
        try:
            yield
        finally:
            for evaluator in self._evaluators:
                evaluator.close()
            self._evaluators.clear()

    @cached_property
    def config(self) -> Config:
        """The settings in force."""
        from hermetica.config import Config  # noqa: PLC0415 -- not every command has settings

        config = Config.load(dict(os.environ), Path.cwd())
        return config.going_offline() if getattr(self.options, "offline", False) else config

    @property
    def store_root(self) -> Path | None:
        """Where the user wants the store; None for the usual place."""
        if self.options.store is not None:
            return Path(self.options.store)
        return None if os.environ.get("HERMETICA_STORE") else self.config.store

    @cached_property
    def objects(self) -> ObjectStore:
        """The objects of the store."""
        from hermetica_store import ObjectStore  # noqa: PLC0415 -- not every command has a store

        self._opened = ObjectStore.open(self.store_root, read_only=None, lower=self.config.lower)
        return self._opened

    @cached_property
    def store(self) -> Store:
        """The store, able to realize."""
        from hermetica.realize import Store  # noqa: PLC0415 -- not every command realizes

        return Store(self.objects, config=self.config)
