"""``hermetica metrics``: how many artifacts are reproducible, and how many are flaky, from all checks and studies."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.epilog = "Each number is a proportion with its numerator, its denominator and a 95 % interval."


def run(session: Session) -> int:
    """Prints the numbers."""
    from hermetica.realize.comparisons import comparisons  # noqa: PLC0415 -- completion needs none
    from hermetica.study.metrics import metrics_of  # noqa: PLC0415 -- completion needs none

    found = metrics_of(comparisons(session.objects))
    session.console.result(found.to_json(), found.lines())
    if not found.reproducible.total:
        session.console.say("nothing was compared yet: build --check, build --rounds, check --explain and study run do")
    return 0
