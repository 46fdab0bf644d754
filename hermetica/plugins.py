"""What plug-ins are: the interfaces that entry points of hermetica's groups lead to.

An entry point leads

- in ``hermetica.fetchers`` to a `Fetcher`: ``FUNCTION(request, output)``, for ``hm.fetchwith("NAME", …)``
- in ``hermetica.substituters`` to a `SubstituterFactory`: ``FUNCTION(argument)``, for the setting ``substituters``
- in ``hermetica.reporters`` to a `ReporterFactory`: ``FUNCTION(argument)``, for ``--reporter NAME=ARGUMENT``
- in ``hermetica.commands`` to a `Command`: a module, or an object, with ``add_arguments(parser)`` and ``run(session)``

docs/plugins.md has a section for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from hermetica.realize.fetching import Fetcher, FetchRequest
from hermetica.realize.substituters import Substitute, Substituter, SubstituteRequest, SubstituterFactory

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, Sequence

    from hermetica.config import Config
    from hermetica.model import Derivation
    from hermetica.realize import Event, Realizations, Store

__all__ = [
    "Command",
    "CommandSession",
    "FetchRequest",
    "Fetcher",
    "Reporter",
    "ReporterFactory",
    "Substitute",
    "SubstituteRequest",
    "Substituter",
    "SubstituterFactory",
]


class Reporter(Protocol):
    """Takes the events of a run: to write a file, to tell a service."""

    def __call__(self, event: Event, /) -> object:
        """Takes the next event, in the thread of the run, which waits for it."""
        ...

    def close(self) -> object:
        """Ends, after the last event; also where the run was left by an exception."""
        ...


class ReporterFactory(Protocol):
    """What an entry point of the group ``hermetica.reporters`` leads to."""

    def __call__(self, argument: str, /) -> Reporter:
        """A reporter for one run.

        Args:
            argument: what follows ``NAME=``; empty where nothing does.
        """
        ...


class CommandSession(Protocol):
    """What a command works with."""

    @property
    def options(self) -> argparse.Namespace:
        """The parsed command line: the command's own options, and those of every command."""
        ...

    @property
    def store(self) -> Store:
        """The store that the user chose, opened when it is first asked for."""
        ...

    @property
    def config(self) -> Config:
        """The settings in force."""
        ...

    def derivations(self, targets: Sequence[str]) -> list[Derivation]:
        """What targets name, as everywhere on the command line.

        Raises:
            HermeticaError: they name nothing, or cannot be evaluated.
        """
        ...

    def realize(self, derivations: Sequence[Derivation]) -> tuple[Realizations, int]:
        """Realizes as ``hermetica build`` does: progress is shown, signals end it, failures are told.

        Returns:
            What became of them, and the exit status that says so.
        """
        ...

    def result(self, document: Mapping[str, Any], lines: Iterable[str]) -> None:
        """Prints a result to stdout: lines, or with ``--json`` the document."""
        ...

    def say(self, text: str) -> None:
        """Says something on stderr."""
        ...


class Command(Protocol):
    """What an entry point of the group ``hermetica.commands`` leads to; a module of such functions is one.

    ``summary``, else the first line of the docstring, is its help.
    """

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None:
        """Declares the command's own options."""
        ...

    def run(self, session: CommandSession, /) -> int:
        """Carries it out; the exit status. A ``HermeticaError`` that it raises is told as one of ours."""
        ...
