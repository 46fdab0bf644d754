"""Reporters: plug-ins that are told what a run does, beside the view. What goes wrong with one ends no build."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hermetica.cli.misuse import Misuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermetica.cli.session import Session
    from hermetica.cli.views import View
    from hermetica.entry_points import EntryPoint, PluginFailed
    from hermetica.plugins import Reporter, ReporterFactory
    from hermetica.realize.events import Event


class Reported:
    """A view with reporters beside it.

    Args:
        view: is told first.
        reporters: with the plug-in of each.

    Attributes:
        failures: what went wrong with reporters, each once.
    """

    def __init__(self, view: View, reporters: Sequence[tuple[EntryPoint, Reporter]] = ()) -> None:
        self._view = view
        self._reporters = list(reporters)
        self.failures: list[PluginFailed] = []

    def __call__(self, event: Event) -> None:
        """Takes the next event."""
        self._view(event)
        for each in tuple(self._reporters):
            plugin, reporter = each
            try:
                reporter(event)
            except Exception as error:  # noqa: BLE001 -- a plug-in's, which ends no build
                self._reporters.remove(each)
                self._note(plugin, error)

    def close(self) -> None:
        """Closes the view and every reporter."""
        self._view.close()
        for plugin, reporter in self._reporters:
            try:
                reporter.close()
            except Exception as error:  # noqa: BLE001 -- a plug-in's, which ends no build
                self._note(plugin, error)

    def _note(self, plugin: EntryPoint, error: Exception) -> None:
        from hermetica.entry_points import PluginFailed  # noqa: PLC0415 -- seldom needed

        self.failures.append(PluginFailed(plugin, error))


def reporters_of(session: Session) -> tuple[str, ...]:
    """The reporters that the command line, and then the settings, ask for; ``NAME`` or ``NAME=ARGUMENT`` each."""
    return tuple(dict.fromkeys([*getattr(session.options, "reporter", ()), *session.config.reporters]))


def reported(session: Session, view: View) -> Reported:
    """The view with the reporters that are asked for.

    Raises:
        Misuse: there is no reporter of a name.
        PluginBroken: one of them cannot be used.
        PluginFailed: one of them refuses its argument, or raised.
    """
    texts = reporters_of(session)
    return Reported(view, [_made(text) for text in texts]) if texts else Reported(view)


def _made(text: str) -> tuple[EntryPoint, Reporter]:
    from hermetica.entry_points import REPORTERS, PluginBroken, PluginFailed, require  # noqa: PLC0415 -- few have any

    name, _, argument = text.partition("=")
    if not name:
        raise Misuse(f"--reporter {text}: it names none", hint="--reporter NAME, or NAME=ARGUMENT")
    plugin = require(REPORTERS, name)
    make = cast("ReporterFactory", plugin.load_callable("FUNCTION(argument)"))
    try:
        made = cast("object", make(argument))
    except Exception as error:
        raise PluginFailed(plugin, error) from error
    if not callable(made) or not callable(getattr(made, "close", None)):
        raise PluginBroken(
            plugin, cause=f"it made {type(made).__name__}", what="an object that takes events, and has close()"
        )
    return plugin, cast("Reporter", made)
