"""``hermetica events``: the runs that are recorded, and what each of their events says, for programs that listen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hermetica.cli.parser import actions

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session
    from hermetica.report import RecordedRun


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the actions."""
    actions(
        parser,
        {
            "ls": "list the runs that are recorded in the store, newest first",
            "schema": "print the JSON Schema of one event, as --ui json and --events write it",
        },
    )


def run(session: Session) -> int:
    """Prints the list, or the schema."""
    if session.options.action == "schema":
        from hermetica.realize import event_schema  # noqa: PLC0415 -- only where it is asked for

        session.console.print_json(event_schema())
        return 0
    from hermetica.report import NotARecording, recorded_runs  # noqa: PLC0415 -- only where it is asked for

    rows: list[dict[str, Any]] = []
    for each in recorded_runs(session.objects):
        try:
            rows.append(_row(each))
        except NotARecording as error:
            session.console.warn(error.message)
    session.console.result({"format": "hermetica.runs/1", "runs": rows}, map(_line, rows))
    return 0


def _row(recorded: RecordedRun) -> dict[str, Any]:
    started, finished = recorded.ends()
    return {
        "name": recorded.name,
        "path": str(recorded.path),
        "size_bytes": recorded.size_bytes,
        "began_s": started.time_s,
        "targets": list(started.targets),
        "duration_s": None if finished is None else finished.duration_s,
        "counts": None if finished is None else dict(finished.counts),
    }


def _line(row: dict[str, Any]) -> str:
    from hermetica.cli.views.words import ago, counted, seconds  # noqa: PLC0415 -- only for people

    when = ago(time.time() - row["began_s"])
    ended = "not ended" if row["counts"] is None else f"{counted(row['counts'])} in {seconds(row['duration_s'])}"
    shown = ", ".join(row["targets"][:3]) + (f" and {len(row['targets']) - 3} more" if len(row["targets"]) > 3 else "")
    return f"{row['name']}  {when:>11}  {shown}: {ended}"
