"""Groups from what they were asked for, so that each can be made again: the one way in for every kind of pin."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Literal, cast

from hermetica.errors import HermeticaError
from hermetica.fetch.lock import Lock
from hermetica.fetch.lock_debian import lock_debian_group
from hermetica.fetch.lock_pin import Group, LockError
from hermetica.fetch.locking.cargo import cargo_pins
from hermetica.fetch.locking.files import url_pins
from hermetica.fetch.locking.foreign import ForeignLockError
from hermetica.fetch.locking.git import git_pin
from hermetica.fetch.locking.go import go_pins
from hermetica.fetch.locking.go_sum import parse_go_sum, refuse_missing
from hermetica.fetch.locking.npm import npm_pins
from hermetica.fetch.locking.oci import image_pins
from hermetica.fetch.locking.python import Offer, Project, Requirement, parse_pylock, parse_requirements, parse_uv
from hermetica.fetch.locking.target import PythonTarget, python_pins
from hermetica.fetch.waiting import Patience

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hermetica.fetch.lock_pin import Pin
    from hermetica.fetch.mirrors import Mirrors


class LockOutdated(HermeticaError):
    """A lock is not what it would be if it were made again.

    Attributes:
        group: the one that differs, as it would be; None where only the text of the lock does.
    """

    code = "HM472"

    def __init__(self, message: str, *, hint: str, group: Group | None = None) -> None:
        super().__init__(message, hint=hint)
        self.group = group


_FILES: Final = ("package-lock", "cargo-lock", "python-lock", "go-sum")
"""Keys of a request whose value is the lock of another tool, relative to our own."""


def asked_files(request: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The locks of other tools that a group was made from, relative to the lock; empty for other groups."""
    return tuple(file for key in _FILES for file in request.get(key, ()))


def make_group(
    name: str, request: Mapping[str, tuple[str, ...]], *, base: Path, mirrors: Mirrors, patience: Patience | None = None
) -> Group:
    """The pins that a request gives now.

    Args:
        name: of the group.
        request: ``suite``, ``packages`` and ``sources``; or ``urls``; or ``git`` with ``ref`` or ``rev``; or ``images``
            and ``platform``; or the file of another tool's lock.
        base: what files of a request are relative to: the directory of the lock.
        mirrors: resolve logical addresses.
        patience: how long to wait for one.

    Raises:
        LockError: the request is none that this version knows.
        ForeignLockError: another tool's lock cannot be read.
        HermeticaError: the network does not give what is needed.
    """
    if "suite" in request:
        (suite,) = request["suite"]
        packages, sources = request.get("packages", ()), request.get("sources", ())
        return lock_debian_group(
            name, suite, packages, sources=sources, packaging="packaging" in request, mirrors=mirrors
        )
    if "urls" in request:
        pins = url_pins(request["urls"], mirrors, patience or Patience())
    elif "git" in request:
        pins = _git_pins(request, mirrors)
    elif "go-sum" in request:
        return _go_group(name, request, base, mirrors, patience or Patience())
    elif "images" in request:
        platform = request.get("platform", ("linux/amd64",))[0]
        pins = image_pins(request["images"], platform, mirrors, patience or Patience())
    elif len(files := asked_files(request)) == 1:
        pins = _from_file(request, base / files[0], files[0], mirrors)
    else:
        raise LockError(
            f"group {name} does not say what it was made from",
            details=(("has", ", ".join(request) or "nothing"),),
            hint="make it again with hermetica lock",
        )
    return Group(name=name, request=request, pins=pins)


def check_lock(path: Path, *, mirrors: Mirrors) -> tuple[Lock, int]:
    """The lock in a file, and how many of its groups were compared with the locks of other tools.

    Raises:
        LockError: it is no lock.
        LockOutdated: it is not as hermetica writes it, or is behind the lock of another tool.
        ForeignLockError: such a lock cannot be read.
    """
    lock = Lock.read(path)
    if lock.text() != path.read_text(encoding="utf-8"):
        raise LockOutdated(
            f"{path} is not as hermetica writes it",
            hint="it was edited or merged by hand: hermetica update rewrites it",
        )
    from_files = [group for group in lock.groups if asked_files(group.request)]
    for group in from_files:
        if "go-sum" in group.request:
            _check_go(path, group)
            continue
        now = make_group(group.name, group.request, base=path.parent, mirrors=mirrors)
        if now != group:
            raise LockOutdated(
                f"{path}: group {group.name} is not what {', '.join(asked_files(group.request))} says now",
                hint=f"hermetica update {group.name}",
                group=now,
            )
    return lock, len(from_files)


def _git_pins(request: Mapping[str, tuple[str, ...]], mirrors: Mirrors) -> tuple[Pin, ...]:
    (url,) = request["git"]
    (ref,), (rev,) = request.get("ref", ("HEAD",)), request.get("rev", ("",))
    return (git_pin(url, ref=ref, rev=rev, submodules="submodules" in request, mirrors=mirrors),)


_GO_DIGEST: Final = "go-sum-sha256"
"""Key of a request with the hash of the ``go.sum`` it was made from: what that says cannot be seen from the pins."""


def _go_group(
    name: str, request: Mapping[str, tuple[str, ...]], base: Path, mirrors: Mirrors, patience: Patience
) -> Group:
    (where,) = request["go-sum"]
    text = _text_of(base / where)
    sums = parse_go_sum(text, where)
    beside = (base / where).with_suffix(".mod")
    if beside.exists():
        refuse_missing(_text_of(beside), sums, str(beside))
    made_from = {"go-sum": (where,), _GO_DIGEST: (hashlib.sha256(text.encode()).hexdigest(),)}
    return Group(name=name, request=made_from, pins=go_pins(sums, mirrors, patience))


def _check_go(lock: Path, group: Group) -> None:
    (where,) = group.request["go-sum"]
    digest = hashlib.sha256(_text_of(lock.parent / where).encode()).hexdigest()
    if group.request.get(_GO_DIGEST) != (digest,):
        raise LockOutdated(
            f"{lock}: group {group.name} was made from another {where}", hint=f"hermetica update {group.name}"
        )


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ForeignLockError(f"cannot read {file}", details=(("cause", str(error)),)) from error


def _from_file(request: Mapping[str, tuple[str, ...]], file: Path, where: str, mirrors: Mirrors) -> tuple[Pin, ...]:
    text = _text_of(file)
    if "package-lock" in request:
        return npm_pins(text, where)
    if "cargo-lock" in request:
        return cargo_pins(text, where)
    python, machine, glibc, prefer = (
        request.get(key, (default,))[0]
        for key, default in (("python", "3.11"), ("machine", "x86_64"), ("glibc", "2.36"), ("prefer", "wheel"))
    )
    if prefer not in {"wheel", "sdist"}:
        raise LockError(f"a group prefers wheel or sdist, not {prefer!r}")
    target = PythonTarget.parse(python, machine, glibc)
    projects = _python_projects(text, where, target, mirrors)
    return python_pins(projects, target, cast("Literal['wheel', 'sdist']", prefer), where)


def _python_projects(text: str, where: str, target: PythonTarget, mirrors: Mirrors) -> tuple[Project, ...]:
    if where.endswith("uv.lock"):
        return parse_uv(text, where)
    if where.endswith(".toml"):
        return parse_pylock(text, where)
    needed = [each for each in parse_requirements(text, where) if target.needs(each.marker)]
    return tuple(_listed(each, mirrors, where) for each in needed)


def _listed(requirement: Requirement, mirrors: Mirrors, where: str) -> Project:
    """The files of an index whose hashes a requirement allows."""
    offers = tuple(
        Offer(file=file.name, sha256=file.sha256, size_bytes=file.size_bytes, address=f"mirror://pypi/{file.name}")
        for file in mirrors.python_files(requirement.name)
        if file.sha256 in requirement.hashes
    )
    if not offers:
        raise ForeignLockError(
            f"{where}: no index lists a file of {requirement.name} {requirement.version} with one of its hashes",
            hint="compile the requirements again, against the index that is configured here",
            origin=where,
        )
    return Project(name=requirement.name, version=requirement.version, marker="", offers=offers)
