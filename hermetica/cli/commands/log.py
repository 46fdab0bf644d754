"""``hermetica log``: what the builder of a target, an object or a derivation wrote."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from hermetica.cli.targets import UnknownTarget, find_object
from hermetica.model import evaluation

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("target", metavar="TARGET", help="a target, an object, or the beginning of a derivation's id")
    parser.add_argument(
        "--failed", action="store_true", help="the last one that failed, even if another succeeded since"
    )


def run(session: Session) -> int:
    """Writes the bytes of the newest log to stdout, as they came."""
    text = session.options.target
    records = [row for row in _records(session, text) if row["outcome"] != "substituted"]  # nothing ran here
    if session.options.failed:
        records = [row for row in records if row["outcome"] != "built"]
    if not records:
        raise UnknownTarget(
            f"no build of {text} is on record", hint="what was never built here, or only added, has no log"
        )
    record = records[-1]
    data = session.objects.read_log(log_key(record)) or b""
    if session.console.json:
        document = {"format": "hermetica.log/1", "record": record, "log": data.decode(errors="replace")}
        session.console.print_json(document)
        return 0
    if not data:
        session.console.say(f"{record['name']} wrote nothing")
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    return 0


def log_key(record: dict[str, Any]) -> str:
    """What names the log of a build, from its record."""
    from hermetica.realize.trace import record_key  # noqa: PLC0415 -- loaded by now
    from hermetica_store.digest import Digest  # noqa: PLC0415 -- loaded by now

    return record_key(Digest.parse(record["resolved_id"]), record["started_s"]).hex()


def _records(session: Session, text: str) -> list[dict[str, Any]]:
    """The records of what ``text`` names, oldest first."""
    from hermetica.cli.target import Kind, parse  # noqa: PLC0415 -- loaded by now
    from hermetica.realize.history import records_of_id, records_of_objects  # noqa: PLC0415 -- only logs need it

    if parse(text).kind is Kind.DERIVATION:
        return records_of_id(session.objects, text)
    path = find_object(text, session.objects)
    if path is not None:
        return records_of_objects(session.objects, [path])
    with evaluation():
        derivation = session.evaluator([text]).one(text).derivation
    known = session.store.trace.unresolved_many([(derivation.input_id, output) for output in derivation.outputs])
    found = records_of_id(session.objects, derivation.id.hex)
    found += records_of_objects(session.objects, {each for each in known if each is not None})
    return sorted(found, key=lambda record: record["started_s"])
