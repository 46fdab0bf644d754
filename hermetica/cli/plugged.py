"""Commands of plug-ins: found when no command of hermetica is meant, and run behind the published interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from hermetica.cli.misuse import Misuse
from hermetica.entry_points import COMMANDS, EntryPoint, PluginBroken, PluginFailed, find, installed
from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, Sequence

    from hermetica.cli.session import Session
    from hermetica.config import Config
    from hermetica.model import Derivation
    from hermetica.plugins import Command
    from hermetica.realize import Realizations, Store

_PARTS: Final = ("add_arguments", "run")


class Plugged:
    """A command of a plug-in, as one of ours.

    Args:
        plugin: who offers it.
        command: what it leads to.

    Attributes:
        summary: one line of help.
    """

    def __init__(self, plugin: EntryPoint, command: Command) -> None:
        self._plugin = plugin
        self._command = command
        lines = (str(getattr(command, "summary", None) or command.__doc__ or "")).strip().splitlines()
        self.summary = f"{lines[0] if lines else plugin.name} (from {plugin.owner})".replace("%", "%%")

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declares the command's own options."""
        try:
            self._command.add_arguments(parser)
        except Exception as error:
            raise PluginFailed(self._plugin, error) from error

    def run(self, session: Session) -> int:
        """Carries it out, inside an evaluation."""
        from hermetica.model import evaluation  # noqa: PLC0415 -- help needs none

        try:
            with evaluation():
                status = cast("object", self._command.run(PluggedSession(session)))
        except (HermeticaError, Misuse, BrokenPipeError):
            raise
        except Exception as error:
            raise PluginFailed(self._plugin, error) from error
        if not isinstance(status, int):
            raise PluginFailed(self._plugin, f"ended with {status!r}, which is no exit status")
        return status


class PluggedSession:
    """What a plug-in's command works with: ``hermetica.plugins.CommandSession``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def options(self) -> argparse.Namespace:
        """The parsed command line."""
        return cast("argparse.Namespace", self._session.options)

    @property
    def store(self) -> Store:
        """The store that the user chose."""
        return self._session.store

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self._session.config

    def derivations(self, targets: Sequence[str]) -> list[Derivation]:
        """What targets name, as everywhere on the command line."""
        return list(dict.fromkeys(each.derivation for each in self._session.evaluator(targets).derivations(targets)))

    def realize(self, derivations: Sequence[Derivation]) -> tuple[Realizations, int]:
        """Realizes as ``build`` does: with the view, signals and errors told; the results and the exit status."""
        from hermetica.cli.parser import Parser  # noqa: PLC0415 -- loaded by now
        from hermetica.cli.realizing import add_build_options, realize  # noqa: PLC0415 -- not every command builds

        parser = Parser()
        add_build_options(parser)
        for name, value in vars(parser.parse_args([])).items():
            if not hasattr(self._session.options, name):
                setattr(self._session.options, name, value)
        return realize(self._session, derivations)

    def result(self, document: Mapping[str, Any], lines: Iterable[str]) -> None:
        """Prints a result to stdout: lines, or with ``--json`` the document."""
        self._session.console.result(document, lines)

    def say(self, text: str) -> None:
        """Says something on stderr."""
        self._session.console.say(text)


def state_of(plugin: EntryPoint) -> tuple[str, str]:
    """Why a plug-in is not used, and what to do; both empty where it is. It is loaded for that."""
    from hermetica.cli.parser import COMMANDS as OURS  # noqa: PLC0415 -- it looks here for what it lacks

    if plugin.group == COMMANDS and plugin.name in OURS:
        return "hermetica has a command of this name, which is the one that is run", "ask its makers for another name"
    try:
        find(plugin.group, plugin.name)
        if plugin.group == COMMANDS:
            _loaded(plugin)
        else:
            plugin.load_callable("a function")
    except HermeticaError as error:
        return dict(error.details).get("cause", error.message), error.hint or ""
    return "", ""


def command_named(name: str) -> Plugged | None:
    """The command of a plug-in; None where no distribution offers it.

    Raises:
        PluginClash: several do.
        PluginBroken: it cannot be used.
    """
    plugin = find(COMMANDS, name)
    return None if plugin is None else _loaded(plugin)


def _loaded(plugin: EntryPoint) -> Plugged:
    command: Any = plugin.load()
    if missing := [part for part in _PARTS if not callable(getattr(command, part, None))]:
        raise PluginBroken(
            plugin,
            cause=f"{plugin.value} has no {' and no '.join(missing)}",
            what="add_arguments(parser), run(session)",
        )
    return Plugged(plugin, command)


def rows_of_help() -> dict[str, str]:
    """Name -> who offers it, of each such command; nothing of them is imported."""
    from hermetica.cli.parser import COMMANDS as OURS  # noqa: PLC0415 -- it looks here for what it lacks

    offers: dict[str, list[str]] = {}
    for each in installed(COMMANDS):
        if each.name not in OURS:
            offers.setdefault(each.name, []).append(each.owner)
    return {name: f"from {' and '.join(owners)}" for name, owners in offers.items()}
