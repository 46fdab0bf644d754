"""``hermetica store verify`` and ``quarantine``: whether objects are whole, making them so, and what was damaged."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from hermetica.cli.collecting import plain
from hermetica.cli.objects import chosen
from hermetica.cli.realizing import add_build_options, cancelling, run_options
from hermetica.cli.status import DAMAGED
from hermetica.cli.views.words import many, size
from hermetica.config.units import age_s

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from hermetica.cli.session import Session
    from hermetica.realize import Event
    from hermetica_store import Problem, Quarantined, RepairReport

ACTIONS: Final = {
    "verify": "read objects again and compare them with their digests; repair what is damaged",
    "quarantine": "list the damaged trees that repairs replaced, or delete them",
}
_HARMLESS: Final = frozenset({"unregistered", "unfinished"})
_HOW: Final = {
    "assembled": "from equal files of the store",
    "supplied": "made again",
    "already": "whole by now",
}


def add_arguments(made: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declares the options of the actions."""
    verify = made["verify"]
    verify.add_argument("targets", nargs="*", metavar="OBJECT", help="all, the index and the link table by default")
    verify.add_argument("--repair", action="store_true", help="replace what is damaged, by building anew if need be")
    verify.epilog = f"Exit status {DAMAGED} where something is damaged, and stays so."
    add_build_options(verify)
    quarantine = made["quarantine"]
    quarantine.add_argument("names", nargs="*", metavar="NAME", help="with --purge: which; by name or store path")
    quarantine.add_argument("--purge", action="store_true", help="delete what is listed")
    quarantine.add_argument("--older-than", type=age_s, metavar="AGE", help="only what is there for so long: 30d")


def run_verify(session: Session) -> int:
    """Verifies, and repairs."""
    if session.options.repair:
        return _repair(session)
    report = session.objects.verify(chosen(session))
    document = {"format": "hermetica.verify/1", **plain(report)}
    session.console.result(document, map(_line, report.problems))
    damaged = any(problem.kind not in _HARMLESS for problem in report.problems)
    checked = f"{many(report.checked, 'object')} read, {size(report.size_bytes)}"
    if report.problems:
        session.console.say(f"{checked}: {many(len(report.problems), 'problem')} found")
        if damaged:
            session.console.say("fix  hermetica store verify --repair")
    else:
        session.console.say(f"{checked}: everything is as it was registered")
    return DAMAGED if damaged else 0


def _repair(session: Session) -> int:
    from hermetica.sandbox import Cancellation  # noqa: PLC0415 -- a command that only looks needs none

    cancellation = Cancellation()
    with cancelling(cancellation) as received:
        report = session.store.repair(
            chosen(session),
            on_event=partial(_tell, session),
            cancellation=cancellation,
            **run_options(session),
        )
    found, repair = plain(report.found), {name: plain(getattr(report, name)) for name in ("repaired", "rows")}
    document = {"format": "hermetica.verify/1", **found, **repair, "unrepaired": plain(report.unrepaired)}
    session.console.result(document, _repair_lines(report))
    session.console.say(
        f"{many(report.found.checked, 'object')} read, {many(len(report.found.problems), 'problem')} found: "
        f"{many(len(report.repaired), 'object')} and {many(len(report.rows), 'row')} repaired, "
        f"{len(report.unrepaired)} left"
    )
    if received:
        return 128 + received[0]
    return DAMAGED if report.unrepaired else 0


def _tell(session: Session, event: Event) -> None:
    from hermetica.realize import LogText, RebuildStarted  # noqa: PLC0415 -- where a repair runs, they are loaded

    if isinstance(event, RebuildStarted):
        session.console.say(f"making {event.name} again")
    elif isinstance(event, LogText) and session.options.verbose:
        session.console.say(event.text.rstrip("\n"))


def _repair_lines(report: RepairReport) -> Iterator[str]:
    yield from map(_line, report.found.problems)
    for repaired in report.repaired:
        kept = f"; what was damaged is {repaired.quarantine} in quarantine" if repaired.quarantine else ""
        yield f"repaired  {repaired.path}  {_HOW[repaired.how]}{kept}"
    for row in report.rows:
        yield f"repaired  {_place(row)}  {row.detail}"
    for left in report.unrepaired:
        yield f"unrepaired  {left.path or 'the store'}  {left.why}"
        yield f"  fix  {left.hint}"


def _line(problem: Problem) -> str:
    return f"{problem.kind}  {_place(problem)}  {problem.detail}"


def _place(problem: Problem) -> str:
    if problem.path is None:
        return problem.file or "the index"
    return f"{problem.path}{'/' if problem.file else ''}{problem.file}"


def run_quarantine(session: Session) -> int:
    """Lists or deletes."""
    options, objects = session.options, session.objects
    older_than_s = options.older_than or 0.0
    if options.purge:
        found = objects.purge_quarantine(options.names or None, older_than_s=older_than_s)
    else:
        before = time.time() - older_than_s
        found = tuple(each for each in objects.quarantined() if each.since <= before)
    rows: list[dict[str, Any]] = [plain(each) for each in found]
    document = {"format": "hermetica.quarantine-list/1", "purged": options.purge, "trees": rows}
    session.console.result(document, map(_quarantined_line, found))
    total = sum(each.size_bytes for each in found)
    verb = "deleted from" if options.purge else "in"
    session.console.say(f"{many(len(found), 'tree')} {verb} quarantine: {size(total)}")
    return 0


def _quarantined_line(each: Quarantined) -> str:
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.since))
    why = ", ".join(f"{problem.kind} {problem.file}".strip() for problem in each.why)
    return f"{each.name}  {each.path}  since {since}: {why}"
