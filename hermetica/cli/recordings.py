"""What stays of a run: the events that every run leaves in the store, and the files that its user asked for."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hermetica.cli.misuse import Misuse

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from hermetica.cli.console import Console
    from hermetica.realize.events import Event
    from hermetica.report import Course, Recorder
    from hermetica.report.course import Gatherer
    from hermetica_store import ObjectStore

_SUMMARY: Final = "GITHUB_STEP_SUMMARY"
"""The variable that names the file; other build services took it over."""


def add_recording_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that shows a run."""
    group = parser.add_argument_group("for later")
    group.add_argument("--events", metavar="FILE", help="write the events there, compressed if it ends with .zst")
    group.add_argument("--report", metavar="FILE", help="write one page of HTML that shows the run")
    group.add_argument("--trace", metavar="FILE", help="write a trace for chrome://tracing and Perfetto")


class Recordings:
    """Takes the events beside the view. A run that has something to do is recorded in its store in any case.

    Args:
        options: of the command.
        store: keeps the recording; None where there is one already.

    Raises:
        Misuse: a file that was asked for cannot be written.
    """

    def __init__(self, options: Any, store: ObjectStore | None) -> None:
        self._store = store
        self._is_quiet = options.ui in {"quiet", "json"}
        self._writers: dict[Path, Callable[[Course], str]] = {}
        self._gatherer: Gatherer | None = None
        self._recorders: list[Recorder] = []
        for name, write in ((options.trace, _trace), (options.report, _report)):
            if name:
                self._writers[writable(name)] = write
        self._summary = os.environ.get(_SUMMARY) if store is not None else None
        if self._writers or self._summary:
            from hermetica.report.course import Gatherer  # noqa: PLC0415 -- few ask for it

            self._gatherer = Gatherer()
        if options.events:
            from hermetica.report import Recorder  # noqa: PLC0415 -- few ask for it

            self._recorders.append(Recorder(writable(options.events)))

    def __call__(self, event: Event) -> None:
        """Takes the next event."""
        if self._store is not None and event.kind == "run-started" and getattr(event, "total") > 0:  # noqa: B009 -- no import where there is nothing to do
            from hermetica.report import recorder_of_run  # noqa: PLC0415 -- where there is nothing to do, nothing is kept

            own = recorder_of_run(self._store)
            self._recorders += [] if own is None else [own]
        for recorder in self._recorders:
            recorder(event)
        if self._gatherer is not None:
            self._gatherer(event)

    def close(self, console: Console) -> None:
        """Writes what was asked for; what cannot be written is told."""
        for recorder in self._recorders:
            recorder.close()
            if recorder.failure is not None:
                console.warn(f"{recorder.path} ends early: {recorder.failure.strerror}")
        if self._gatherer is None:
            return
        course = self._gatherer.course()
        self._summarize(course, console)
        for path, write in self._writers.items():
            try:
                path.write_text(write(course), encoding="utf-8")
            except OSError as error:
                console.warn(f"{path} cannot be written: {error.strerror}")
            else:
                if write is _report and not self._is_quiet:
                    console.say(f"report: {path.absolute()}")

    def _summarize(self, course: Course, console: Console) -> None:
        """Adds to the page of the job that the build service shows; where nothing was to be done, nothing."""
        if not self._summary or not course.tasks:
            return
        from hermetica.report import summary  # noqa: PLC0415 -- on a build service

        try:
            with Path(self._summary).open("a", encoding="utf-8") as file:
                file.write(summary(course))
        except OSError as error:
            console.warn(f"{_SUMMARY}: {self._summary} cannot be written: {error.strerror}")


def _trace(course: Course) -> str:
    from hermetica.report import chrome_trace  # noqa: PLC0415 -- few ask for it

    return json.dumps(chrome_trace(course), ensure_ascii=False, separators=(",", ":"))


def _report(course: Course) -> str:
    from hermetica.report import report_page  # noqa: PLC0415 -- few ask for it

    return report_page(course, str(Path.cwd()))


def writable(name: str) -> Path:
    """A file that can be written, found out before the run that it is to tell of."""
    path = Path(name)
    try:
        path.open("ab").close()
    except OSError as error:
        raise Misuse(f"{name} cannot be written: {error.strerror}") from error
    return path
