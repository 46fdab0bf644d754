"""Realizing from the command line: a view beside the run, and signals that end it in order."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hermetica.cli.report import show
from hermetica.cli.status import INTERRUPTED, combine, status_of
from hermetica.cli.views import view_for

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator, Sequence
    from types import FrameType

    from hermetica.cli.session import Session
    from hermetica.model import Derivation
    from hermetica.realize import Realizations
    from hermetica.sandbox import Cancellation

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def add_build_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that may build."""
    group = parser.add_argument_group("building")
    group.add_argument(
        "-j", "--jobs", type=positive, metavar="N", help="derivations at once (default: the processors and 2)"
    )
    group.add_argument("--cores", type=positive, metavar="N", help="processors that each builder is told to use")
    group.add_argument("--timeout", type=duration, metavar="S", help="seconds that a builder may run")
    group.add_argument("--silence-timeout", type=duration, metavar="S", help="seconds that it may say nothing")
    group.add_argument("--log-limit", type=positive, metavar="BYTES", help="bytes of log that it may write")
    group.add_argument("-k", "--keep-going", action="store_true", help="after a failure finish what does not need it")
    group.add_argument("--keep-failed", action="store_true", help="keep the directory of a failed build")


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
        "keep_going": options.keep_going or config.keep_going,
        "keep_failed": options.keep_failed or config.keep_failed,
        "requested_by": "hermetica",
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


def realize(session: Session, derivations: Sequence[Derivation], **more: Any) -> tuple[Realizations, int]:
    """Realizes derivations, shows it, and tells each failure once; the results and the exit status.

    Args:
        session: the command's.
        derivations: what to realize.
        more: fields of ``Options`` that only this command sets.

    Raises:
        HermeticaError: nothing could be begun.
    """
    from hermetica.sandbox import Cancellation  # noqa: PLC0415 -- a command that only looks needs none

    cancellation = Cancellation()
    options = session.options
    view = view_for(options.ui, session.console, verbose=options.verbose)
    with cancelling(cancellation) as received:
        try:
            results = session.store.realize_all(
                derivations, on_event=view, cancellation=cancellation, **run_options(session), **more
            )
        finally:
            view.close()
    for failure in results.failures:
        if failure.error is not None:
            show(failure.error, session.console)
    if received:
        session.console.say("interrupted")
        return results, 128 + received[0]
    statuses = [status_of(failure.error) for failure in results.failures if failure.error is not None]
    status = combine(statuses)
    return results, status if results.ok else status or INTERRUPTED
