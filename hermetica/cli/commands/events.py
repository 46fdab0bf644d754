"""``hermetica events``: what a run tells, for programs that listen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica.cli.parser import actions

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the actions."""
    actions(parser, {"schema": "print the JSON Schema of one event, as --ui json and --events write it"})


def run(session: Session) -> int:
    """Prints the schema."""
    from hermetica.realize.event_forms import event_schema  # noqa: PLC0415 -- only where it is asked for

    session.console.print_json(event_schema())
    return 0
