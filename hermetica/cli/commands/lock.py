"""``hermetica lock``: pins packages of a distribution in a lock file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hermetica.cli.misuse import Misuse
from hermetica.cli.parser import actions

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session
    from hermetica.fetch.lock import Lock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the actions."""
    debian = actions(parser, {"debian": "pin binary and source packages of a Debian suite"})["debian"]
    debian.add_argument("suite", metavar="SUITE", help="such as bookworm")
    debian.add_argument("packages", nargs="*", metavar="PACKAGE", help="with all they need; essential ones by name")
    debian.add_argument("--source", action="append", default=[], metavar="PACKAGE", help="a source package too")
    debian.add_argument("--output", metavar="FILE", default="hermetica.lock", help="the lock (hermetica.lock)")
    debian.add_argument("--group", metavar="NAME", default="default", help="the group in it to make or replace")


def run(session: Session) -> int:
    """Makes the pins and writes them; prints what changed."""
    options = session.options
    if not options.packages and not options.source:
        raise Misuse("hermetica lock debian: no package", hint="name packages, or --source PACKAGE")
    from hermetica.fetch import Mirrors  # noqa: PLC0415 -- only what locks needs the network's room
    from hermetica.fetch.lock import Lock  # noqa: PLC0415 -- likewise
    from hermetica.fetch.lock_debian import lock_debian_group  # noqa: PLC0415 -- likewise

    file = Path(options.output)
    if file.exists():
        Lock.read(file)  # what is no lock is told before anything is fetched
    mirrors = Mirrors.from_config(session.config)
    group = lock_debian_group(options.group, options.suite, options.packages, sources=options.source, mirrors=mirrors)
    before, after = Lock.update(file, group)
    session.console.say(f"{file}: group {options.group} pins {len(group.pins)} packages")
    changes = changed(before, after, options.group)
    session.console.result(
        {"format": "hermetica.lock-change/1", "file": str(file), "group": options.group, "changes": changes},
        (f"{change['name']}  {change['before'] or 'new'} -> {change['after'] or 'gone'}" for change in changes),
    )
    return 0


def changed(before: Lock, after: Lock, name: str) -> list[dict[str, str | None]]:
    """What is another version in one group of two locks, ascending by kind and name."""
    versions = [
        {(pin.kind, pin.name): pin.version for group in lock.groups if group.name == name for pin in group.pins}
        for lock in (before, after)
    ]
    return [
        {"kind": kind, "name": package, "before": old, "after": new}
        for kind, package in sorted(versions[0].keys() | versions[1].keys())
        if (old := versions[0].get((kind, package))) != (new := versions[1].get((kind, package)))
    ]
