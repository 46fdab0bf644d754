"""Realizing from the command line: a view beside the run, and signals that end it in order."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermetica.cli.misuse import Misuse
from hermetica.cli.recordings import Recordings, add_recording_options
from hermetica.cli.report import collected, show
from hermetica.cli.reporting import reported
from hermetica.cli.status import INTERRUPTED, combine, status_of
from hermetica.cli.views import view_for

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator, Sequence
    from types import FrameType

    from hermetica.cli.session import Session
    from hermetica.config import Config
    from hermetica.model import Derivation
    from hermetica.realize import Event, Realizations
    from hermetica.sandbox import Cancellation
    from hermetica_store import LowDisk

_HOOK_FAILURES_SHOWN = 3
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def add_build_options(parser: argparse.ArgumentParser, *, of_a_run: bool = True) -> None:
    """The options of every command that may build.

    Args:
        parser: of the command.
        of_a_run: whether what it builds is one run, which can be written down.
    """
    group = parser.add_argument_group("building")
    group.add_argument(
        "-j", "--jobs", type=positive, metavar="N", help="derivations at once (default: the processors and 2)"
    )
    group.add_argument("--cores", type=positive, metavar="N", help="processors that each builder is told to use")
    group.add_argument("--timeout", type=duration, metavar="S", help="seconds that a builder may run")
    group.add_argument("--silence-timeout", type=duration, metavar="S", help="seconds that it may say nothing")
    group.add_argument("--log-limit", type=positive, metavar="BYTES", help="bytes of log that it may write")
    group.add_argument("--build-limit", type=positive, metavar="BYTES", help="bytes that it may have on disk at once")
    group.add_argument("--file-limit", type=positive, metavar="N", help="files that it may have at once")
    group.add_argument("-k", "--keep-going", action="store_true", help="after a failure finish what does not need it")
    group.add_argument("--post-build-hook", metavar="PROGRAM", help="run it for each derivation that was made")
    group.add_argument("--hook-timeout", type=duration, metavar="S", help="seconds that it may run")
    group.add_argument(
        "--reporter", action="append", default=[], metavar="NAME[=ARGUMENT]", help="a plug-in that is told what happens"
    )
    group.add_argument("--no-substitute", action="store_true", help="build here what a substituter may have")
    group.add_argument("--offline", action="store_true", help="ask nothing of the network")
    group.add_argument("--keep-failed", action="store_true", help="keep the directory of a failed build")
    group.add_argument(
        "--trace-files", metavar="FILE", help="of a failed build, run once more under strace, which files it looked for"
    )
    if of_a_run:
        add_recording_options(parser)
    else:
        parser.set_defaults(events=None, report=None, trace=None)


def positive(text: str) -> int:
    """A whole number above 0.

    Raises:
        ValueError: it is none.
    """
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def duration(text: str) -> float:
    """Seconds above 0.

    Raises:
        ValueError: it is none.
    """
    number = float(text)
    if not 0 < number < 1e9:
        raise ValueError(text)
    return number


positive.__name__ = "whole number above 0"
duration.__name__ = "number of seconds above 0"


def run_options(session: Session) -> dict[str, Any]:
    """The fields of ``Options`` that the command line, else the configuration, sets."""
    options, config = session.options, session.config
    counts = {"jobs": options.jobs or config.jobs, "cores": options.cores or config.cores}
    return {
        **{name: count for name, count in counts.items() if count is not None},
        "timeout_s": options.timeout or config.timeout_s,
        "silence_timeout_s": options.silence_timeout or config.silence_timeout_s,
        "log_limit_bytes": options.log_limit or config.log_limit_bytes,
        "build_limit_bytes": options.build_limit or config.build_limit_bytes,
        "build_limit_entries": options.file_limit or config.build_limit_entries,
        "keep_going": options.keep_going or config.keep_going,
        "keep_failed": options.keep_failed or config.keep_failed,
        "trace_files": _record_of_files(options.trace_files),
        "substitute": not options.no_substitute,
        "clock": config.clock,
        **_hook(session),
        "low_disk": _low_disk(session.config),
        "requested_by": "hermetica",
    }


def _record_of_files(text: str | None) -> str | None:
    """Where to write what builds open, which strace must be there for; it begins empty."""
    if text is None:
        return None
    from hermetica.realize.tracing import find_tracer  # noqa: PLC0415 -- few ask for it

    find_tracer()
    try:
        Path(text).write_bytes(b"")
    except OSError as error:
        raise Misuse(f"--trace-files {text}: {error.strerror}", hint="name a file that can be written") from error
    return str(Path(text).resolve())


def _low_disk(config: Config) -> LowDisk | None:
    """When the configuration says to collect beside the builds."""
    if not config.gc_min_free:
        return None
    from hermetica_store import LowDisk  # noqa: PLC0415 -- few set it

    return LowDisk(
        min_free_bytes=config.gc_min_free,
        max_free_bytes=config.gc_max_free,
        keep_outputs=config.gc_keep_outputs,
        keep_derivations=config.gc_keep_derivations,
    )


def _hook(session: Session) -> dict[str, Any]:
    """The post-build hook: an empty ``--post-build-hook`` is none, whatever the configuration says."""
    options, config = session.options, session.config
    hook = config.post_build_hook if options.post_build_hook is None else options.post_build_hook
    return {
        "post_build_hook": hook or None,
        "post_build_hook_timeout_s": options.hook_timeout or config.post_build_hook_timeout_s,
    }


@contextmanager
def cancelling(cancellation: Cancellation) -> Generator[list[int]]:
    """While this holds, the first signal cancels the run, and a second one leaves at once.

    Yields:
        The signals that came.
    """
    received: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        cancellation.cancel()
        if len(received) > 1:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def realize(
    session: Session, derivations: Sequence[Derivation], *, tell: bool = True, **more: Any
) -> tuple[Realizations, int]:
    """Realizes derivations, shows it, and tells each failure once; the results and the exit status.

    Args:
        session: the command's.
        derivations: what to realize.
        tell: whether to tell the failures; `tell_failures` does otherwise.
        more: a lease for the results; fields of ``Options`` that only this command sets.

    Raises:
        HermeticaError: nothing could be begun.
    """
    from hermetica.sandbox import Cancellation  # noqa: PLC0415 -- a command that only looks needs none

    cancellation = Cancellation()
    options = session.options
    recordings = Recordings(options, session.objects)
    view = reported(session, view_for(options.ui, session.console, verbose=options.verbose))

    def listen(event: Event) -> None:
        view(event)
        recordings(event)

    with cancelling(cancellation) as received:
        try:
            results = session.store.realize_all(
                derivations, on_event=listen, cancellation=cancellation, **(run_options(session) | more)
            )
        finally:
            view.close()
            recordings.close(session.console)
    if received:
        tell_failures(session, results, INTERRUPTED)
        session.console.say("interrupted")
        return results, 128 + received[0]
    for error in view.failures:
        show(error, session.console)
    errors = [*(failure.error for failure in results.failures), *results.hook_failures, *view.failures]
    found = combine(status_of(error) for error in errors if error is not None)
    status = found if results.ok else found or INTERRUPTED
    return results, tell_failures(session, results, status) if tell else status


def tell_failures(session: Session, results: Realizations, status: int) -> int:
    """Tells each failure of a run once; the status that it has."""
    errors = [failure.error for failure in results.failures if failure.error is not None]
    for error in errors:
        from hermetica.cli.advice import advise  # noqa: PLC0415 -- only where something went wrong

        advise(error, session)
        show(error, session.console)
    if len(errors) > 1:
        session.console.say("\n".join(collected(errors, session.console.paint)))
    for error in results.hook_failures[:_HOOK_FAILURES_SHOWN]:
        show(error, session.console)
    if (hidden := len(results.hook_failures) - _HOOK_FAILURES_SHOWN) > 0:
        session.console.say(f"and the post-build hook failed for {hidden:,} more")
    return status
