"""``hermetica update``: makes the groups of a lock again from what was asked, and says what changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hermetica.cli.locks import network_of, show_change
from hermetica.cli.misuse import Misuse
from hermetica.cli.views.words import many
from hermetica.spelling import did_you_mean

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session
    from hermetica.fetch.lock import Group, Lock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="groups to make again; all without any")
    parser.add_argument("--lock", metavar="FILE", default="hermetica.lock", help="the lock (hermetica.lock)")
    parser.add_argument("--dry-run", action="store_true", help="say what would change; write nothing")


def run(session: Session) -> int:
    """Makes the pins again; prints what changed."""
    from hermetica.fetch.lock import Lock  # noqa: PLC0415 -- only what locks needs the network's room
    from hermetica.fetch.locking.request import make_group  # noqa: PLC0415 -- only what locks needs the network's room

    options = session.options
    file = Path(options.lock)
    before = after = Lock.read(file)
    chosen = _chosen(before, options.groups)
    mirrors, patience = network_of(session)
    for group in chosen:
        now = make_group(group.name, group.request, base=file.parent, mirrors=mirrors, patience=patience)
        after = after.with_group(now)
        if not options.dry_run:
            Lock.update(file, now)
    show_change(session, file, before, after, [group.name for group in chosen])
    what = "nothing to change" if after == before else "would change" if options.dry_run else "changed"
    session.console.say(f"{file}: {many(len(chosen), 'group')} made again; {what}")
    return 0


def _chosen(lock: Lock, names: list[str]) -> list[Group]:
    known = [group.name for group in lock.groups]
    for name in names:
        if name not in known:
            raise Misuse(f"the lock has no group {name!r}", hint=did_you_mean(name, known) or f"it has {known}")
    return [group for group in lock.groups if not names or group.name in names]
