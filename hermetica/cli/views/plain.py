"""Plain lines: one for each derivation that ended, and logs prefixed by name where they are wanted.

What hermetica made or fetched itself within a moment is counted at the end and has no line of its own: a tree of tools
is a hundred packages, and nobody asked for one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hermetica.cli.console import clean
from hermetica.cli.views import words
from hermetica.cli.views.lines import Lines
from hermetica.cli.views.state import Progress
from hermetica.realize.events import (
    CollectionFinished,
    CollectionStarted,
    DerivationFinished,
    DerivationPlanned,
    DerivationStarted,
    DerivationWaiting,
    HookFinished,
    HookText,
    LogText,
    RebuildStarted,
    RunFinished,
    RunStarted,
    Warned,
)
from hermetica.realize.outcome import Outcome

if TYPE_CHECKING:
    from hermetica.cli.console import Console
    from hermetica.realize.events import Event

_MOMENT_S: Final = 1.0
_CACHED_SHOWN: Final = 8  # a change that changes nothing runs through thousands
_SILENT: Final = (DerivationPlanned, DerivationStarted)  # two of three events of a run
_OWN_WORK: Final = frozenset({"builtin", "fetch"})


class PlainView:
    """Lines that scroll.

    Args:
        console: where they go.
        verbose: whether logs are shown as they come.

    Attributes:
        verbose: the same; it may change while a run goes on.
        progress: the run so far.
    """

    def __init__(self, console: Console, *, verbose: bool = False) -> None:
        self._console = console
        self.verbose = verbose
        self._lines = Lines()
        self._cached = 0
        self.progress = Progress()

    def __call__(self, event: Event) -> None:
        """Takes the next event."""
        for line in self.lines_of(event):
            self._console.say(line)

    def lines_of(self, event: Event) -> list[str]:
        """What an event adds to the scroll."""
        self.progress.take(event)
        if isinstance(event, LogText):
            return self._log(event.name, self._lines.take(event.drv, event.text)) if self.verbose else []
        if isinstance(event, DerivationFinished):
            rest = self._log(event.name, self._lines.finish(event.drv))
            return [*rest, *self._ended(event)]
        if isinstance(event, _SILENT):
            return []
        return self._hook(event) if isinstance(event, HookText | HookFinished) else self._talk(event)

    def _ended(self, event: DerivationFinished) -> list[str]:
        work = self.progress.works.get(event.drv, "")
        if not self.verbose and event.outcome.is_success and work in _OWN_WORK and event.duration_s < _MOMENT_S:
            return []
        if event.outcome is Outcome.CACHED and not self.verbose:
            self._cached += 1
            if self._cached > _CACHED_SHOWN:
                return []
        return [words.ended(event, work, self._console.paint)]

    def _talk(self, event: Event) -> list[str]:
        paint = self._console.paint
        if isinstance(event, Warned):
            where = f"  ({event.origin})" if event.origin else ""
            return [f"{paint.warn('warning')}: {event.message}{where}"]
        if isinstance(event, DerivationWaiting):
            return [f"waiting   {event.name}  {paint.dim('another process is making it')}"]
        if isinstance(event, RebuildStarted | CollectionStarted | CollectionFinished):
            return [words.again(event, paint) if isinstance(event, RebuildStarted) else words.collecting(event, paint)]
        if isinstance(event, RunStarted) and event.total:
            return [words.to_do(event)]
        if isinstance(event, RunFinished) and self.progress.total:
            more = self._cached - _CACHED_SHOWN
            hidden = [words.more_cached(more, paint)] if more > 0 else []
            return [*hidden, words.summary(event, self.progress.fetched)]
        return []

    def _hook(self, event: HookText | HookFinished) -> list[str]:
        key = f"hook of {event.drv}"
        if isinstance(event, HookText):
            return self._log(f"{event.name} hook", self._lines.take(key, event.text)) if self.verbose else []
        rest = self._log(f"{event.name} hook", self._lines.finish(key))
        return rest if event.error is None else [*rest, words.hook_failed(event, self._console.paint)]

    def _log(self, name: str, lines: list[str]) -> list[str]:
        paint = self._console.paint
        return [f"{paint.dim(f'{name}>')} {clean(line, keep_color=paint.enabled)}" for line in lines]

    def close(self) -> None:
        """Nothing to restore."""


def make(console: Console, *, verbose: bool) -> PlainView:
    """The view."""
    return PlainView(console, verbose=verbose)
