"""``hermetica lock``: pins what a project needs, by content, in a lock file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hermetica.cli.locks import network_of, show_change
from hermetica.cli.misuse import Misuse
from hermetica.cli.parser import actions
from hermetica.cli.views.words import many

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from hermetica.cli.session import Session

_ACTIONS: Final = {
    "debian": "pin binary and source packages of a Debian suite",
    "url": "pin files by their addresses",
    "git": "pin the files of a commit",
    "pypi": "pin what pylock.toml, uv.lock or requirements with hashes name",
    "npm": "pin what package-lock.json names",
    "cargo": "pin what Cargo.lock names",
    "go": "pin the modules that go.sum names",
    "oci": "pin container images by what their tags name now",
    "check": "check that a lock is well formed, and up to date with the locks it was made from",
}
_KEYS: Final = {"pypi": "python-lock", "npm": "package-lock", "cargo": "cargo-lock", "go": "go-sum"}
_USUAL: Final = {"pypi": "pylock.toml", "npm": "package-lock.json", "cargo": "Cargo.lock", "go": "go.sum"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the actions."""
    made = actions(parser, _ACTIONS)
    debian = made["debian"]
    debian.add_argument("suite", metavar="SUITE", help="such as bookworm")
    debian.add_argument("packages", nargs="*", metavar="PACKAGE", help="with all they need; essential ones by name")
    debian.add_argument("--source", action="append", default=[], metavar="PACKAGE", help="a source package too")
    debian.add_argument(
        "--packaging", action="store_true", help="of source packages also the .dsc and Debian's changes"
    )
    made["url"].add_argument("urls", nargs="+", metavar="URL", help="http, https, file, or mirror://NAME/path")
    _add_git_arguments(made["git"])
    for name, file in _USUAL.items():
        made[name].add_argument("file", nargs="?", metavar="FILE", default=file, help=f"the other lock ({file})")
    python = made["pypi"]
    python.add_argument("--python", metavar="VERSION", default="3.11", help="that the wheels have to fit (3.11)")
    python.add_argument("--machine", metavar="NAME", default="x86_64", help="likewise (x86_64)")
    python.add_argument("--glibc", metavar="VERSION", default="2.36", help="the newest that wheels may need (2.36)")
    python.add_argument("--prefer", choices=("wheel", "sdist"), default="wheel", help="sdist takes no wheels (wheel)")
    made["oci"].add_argument("images", nargs="+", metavar="IMAGE", help="NAME:TAG, HOST/NAME:TAG or NAME@sha256:…")
    made["oci"].add_argument("--platform", metavar="OS/ARCH", default="linux/amd64", help="of them (linux/amd64)")
    for name, each in made.items():
        each.add_argument("--output", metavar="FILE", default="hermetica.lock", help="the lock (hermetica.lock)")
        if name != "check":
            each.add_argument("--group", metavar="NAME", default="default", help="the group in it to make or replace")


def _add_git_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("urls", nargs=1, metavar="URL", help="https, ssh, git or file, or mirror://NAME/path")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--ref", metavar="NAME", help="a branch or a tag; update looks where it is then (HEAD)")
    which.add_argument("--rev", metavar="ID", help="the whole id of a commit; update leaves it")
    parser.add_argument("--submodules", action="store_true", help="the files of submodules too")


def run(session: Session) -> int:
    """Makes the pins and writes them; prints what changed."""
    from hermetica.fetch.lock import Lock  # noqa: PLC0415 -- only what locks needs the network's room
    from hermetica.fetch.locking.request import make_group  # noqa: PLC0415 -- only what locks needs the network's room

    options = session.options
    file = Path(options.output)
    if options.action == "check":
        return _check(session, file)
    request = _request(session, file)
    if file.exists():
        Lock.read(file)  # what is no lock is told before anything is fetched
    mirrors, patience = network_of(session)
    group = make_group(options.group, request, base=file.parent, mirrors=mirrors, patience=patience)
    before, after = Lock.update(file, group)
    session.console.say(f"{file}: group {options.group} pins {many(len(group.pins), 'file')}")
    show_change(session, file, before, after, [options.group])
    return 0


def _request(session: Session, lock: Path) -> dict[str, tuple[str, ...]]:
    options = session.options
    if options.action == "debian":
        if not options.packages and not options.source:
            raise Misuse("hermetica lock debian: no package", hint="name packages, or --source PACKAGE")
        request = {"suite": (options.suite,), "packages": options.packages, "sources": options.source}
        if options.packaging:
            request["packaging"] = ("1",)
        return _filled(request.items())
    if options.action == "url":
        return {"urls": tuple(options.urls)}
    if options.action == "git":
        chosen = [("ref", options.ref), ("rev", options.rev), ("submodules", options.submodules and "1")]
        return {"git": tuple(options.urls), **_filled((key, (value,)) for key, value in chosen if value)}
    if options.action == "oci":
        return {"images": tuple(options.images), "platform": (options.platform,)}
    relative = Path(os.path.relpath(options.file, lock.parent)).as_posix()
    request = {_KEYS[options.action]: (relative,)}
    if options.action == "pypi":
        request |= {name: (getattr(options, name),) for name in ("python", "machine", "glibc", "prefer")}
    return request


def _filled(request: Iterable[tuple[str, Iterable[str]]]) -> dict[str, tuple[str, ...]]:
    return {key: tuple(values) for key, values in request if values}


def _check(session: Session, file: Path) -> int:
    """Says whether a lock is as it was written, and what its groups' files give now; nothing is written."""
    from hermetica.fetch.lock import Lock  # noqa: PLC0415 -- only what locks needs the network's room
    from hermetica.fetch.locking.request import LockOutdated, check_lock  # noqa: PLC0415 -- only what locks needs the network's room

    mirrors, _ = network_of(session)
    try:
        lock, compared = check_lock(file, mirrors=mirrors)
    except LockOutdated as error:
        if error.group is not None:
            before = Lock.read(file)
            show_change(session, file, before, before.with_group(error.group), [error.group.name])
        raise
    pins = sum(len(group.pins) for group in lock.groups)
    session.console.say(
        f"{file}: {many(pins, 'pin')} in {many(len(lock.groups), 'group')}; "
        f"{compared} compared with the files they were made from"
    )
    return 0
