"""What ``package-lock.json`` says about the tree of an application: which package lies where, and what it lets one run.

Pure. Hashes are not looked at here: pins have those. Source: npm documentation, *package-lock.json* and *package.json*.
"""

from __future__ import annotations

import json
import posixpath
import re
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

import hermetica as hm

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Layout", "NpmLayoutError", "Place", "parse_layout"]

_VERSIONS: Final = frozenset({2, 3})
_PATH: Final = re.compile(r"[A-Za-z0-9@._~+-]+(?:/[A-Za-z0-9@._~+-]+)*")
_PLATFORM: Final = {"os": "linux", "cpu": "x64", "libc": "glibc"}


class NpmLayoutError(hm.EvaluationError, ValueError):
    """A ``package-lock.json`` that says no tree which can be made."""

    code = "HM494"


@attrs.frozen(kw_only=True)
class Place:
    """A package in the tree.

    Attributes:
        path: relative to the project, such as ``node_modules/a/node_modules/b``.
        name: of the package.
        version: of the package.
        link: the directory of the project that it is, for a member of a workspace; empty for what is unpacked.
        programs: name and file relative to the package; ascending.
    """

    path: str
    name: str
    version: str
    link: str = ""
    programs: tuple[tuple[str, str], ...] = ()


@attrs.frozen(kw_only=True)
class Layout:
    """The tree of an application.

    Attributes:
        name: of the project; empty where it has none.
        programs: of the project itself: name and file; ascending.
        dependencies: names of what the project itself asks for; ascending.
        places: ascending by path, so that a package comes before what lies in it.
    """

    name: str
    programs: tuple[tuple[str, str], ...]
    dependencies: tuple[str, ...]
    places: tuple[Place, ...]

    def exported(self) -> tuple[tuple[str, str], ...]:
        """What users run: the project's own programs, else those of its dependencies; name and file in the project."""
        if self.programs:
            return self.programs
        own = {f"node_modules/{name}" for name in self.dependencies}
        return tuple(sorted(
            (program, posixpath.normpath(posixpath.join(place.path, file)))
            for place in self.places
            if place.path in own
            for program, file in place.programs
        ))  # fmt: skip


def parse_layout(text: str, where: str, *, with_dev: bool = False) -> Layout:
    """The tree that a ``package-lock.json`` describes, for Linux on x86-64 with glibc.

    Args:
        text: of the lock, version 2 or 3.
        where: what errors call it.
        with_dev: whether what only development needs is in it.

    Raises:
        NpmLayoutError: it is no such lock, or has a path that leads somewhere else.
    """
    try:
        document: Any = json.loads(text)
    except ValueError as error:
        raise NpmLayoutError(f"{where} is no JSON: {error}") from error
    described = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    if described.get("lockfileVersion") not in _VERSIONS:
        raise NpmLayoutError(
            f"{where} is no package-lock.json of version 2 or 3",
            hint="npm install --package-lock-only with npm 7 or later writes one",
        )
    packages = _table(described.get("packages"), where, "packages")
    root = _table(packages.get("", {}), where, "the project")
    name = str(root.get("name") or described.get("name") or "")
    wanted = {**_table(root.get("dependencies", {}), where, "dependencies")}
    wanted |= _table(root.get("devDependencies", {}), where, "devDependencies") if with_dev else {}
    return Layout(
        name=name,
        programs=_programs(root, name, where),
        dependencies=tuple(sorted(wanted)),
        places=tuple(sorted(_places(packages, where, with_dev=with_dev), key=lambda place: place.path)),
    )


def _places(packages: Mapping[str, Any], where: str, *, with_dev: bool) -> Iterator[Place]:
    for path, value in packages.items():
        entry = _table(value, where, path or "the project")
        if "node_modules/" not in path or entry.get("inBundle"):
            continue
        if (entry.get("dev") and not with_dev) or not _fits(entry):
            continue
        name = str(entry.get("name") or path.rpartition("node_modules/")[2])
        link = _safe(str(entry.get("resolved", "")), where) if entry.get("link") else ""
        described = _table(packages.get(link, {}), where, link) if link else entry
        yield Place(
            path=_safe(path, where),
            name=name,
            version=str(entry.get("version", "")),
            link=link,
            programs=_programs(described, name, where),
        )


def _fits(entry: Mapping[str, Any]) -> bool:
    """Whether a package is for this platform: ``"linux"``, ``["linux"]``, ``["!win32"]``."""
    for key, here in _PLATFORM.items():
        given: Any = entry.get(key) or []
        named = [given] if isinstance(given, str) else [str(each) for each in given]
        allowed = [each for each in named if not each.startswith("!")]
        if f"!{here}" in named or (allowed and here not in allowed):
            return False
    return True


def _programs(entry: Mapping[str, Any], name: str, where: str) -> tuple[tuple[str, str], ...]:
    given: Any = entry.get("bin") or {}
    named = {name.rpartition("/")[2]: given} if isinstance(given, str) else _table(given, where, f"bin of {name}")
    return tuple(sorted((_safe(program, where), _safe(str(file), where)) for program, file in named.items()))


def _safe(path: str, where: str) -> str:
    normal = path.removeprefix("./")
    if not _PATH.fullmatch(normal) or ".." in normal.split("/"):
        raise NpmLayoutError(f"{where} has a path that is none inside of a project: {path!r}")
    return normal


def _table(value: Any, where: str, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NpmLayoutError(f"{where}: {what} is no table")
    return cast("dict[str, Any]", value)
