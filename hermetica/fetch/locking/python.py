"""What the locks of Python tools say: ``pylock.toml`` (PEP 751), ``uv.lock``, and requirements with hashes. Pure.

Each gives projects with the files that may be taken; which one is, is decided by `target`. Sources: PEP 751; the uv
documentation, *Locking*; pip's *Secure installs*.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import attrs

from hermetica.fetch.locking.foreign import ForeignLockError, read_toml, rows, table, word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?\s*==\s*([^\s;]+)\s*(?:;\s*(.+))?")
_HASH: Final = re.compile(r"\s--hash[= ]sha256:([0-9a-fA-F]{64})(?=\s|$)")
_OTHER_HASH: Final = re.compile(r"\s--hash[= ]\S+")
_SDIST_ENDINGS: Final = (".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz")


@attrs.frozen(kw_only=True)
class Offer:
    """A file of a project.

    Attributes:
        file: its name.
        sha256: hexadecimal.
        size_bytes: None where the lock does not say.
        address: where it is, logical for files of indices.
    """

    file: str
    sha256: str
    size_bytes: int | None
    address: str

    @property
    def is_wheel(self) -> bool:
        """Whether it needs no building."""
        return self.file.endswith(".whl")


@attrs.frozen(kw_only=True)
class Project:
    """A project at one version, and the files of it that may be taken.

    Attributes:
        name: normalised.
        version: as locked.
        marker: when it is needed at all; empty for always.
        offers: in the order of the lock.
    """

    name: str
    version: str
    marker: str
    offers: tuple[Offer, ...]


@attrs.frozen(kw_only=True)
class Requirement:
    """A line of a requirements file: one version, and the hashes that its files may have."""

    name: str
    version: str
    marker: str
    hashes: frozenset[str]


def normalised(name: str) -> str:
    """The name that all spellings of a project share. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse_pylock(text: str, where: str) -> tuple[Project, ...]:
    """The projects of a ``pylock.toml``.

    Raises:
        ForeignLockError: it is none, or has a project that is not pinned by files.
    """
    document = read_toml(text, where)
    if not str(document.get("lock-version", "")).startswith("1."):
        raise ForeignLockError(f"{where} has no lock-version 1", hint="PEP 751 describes pylock.toml", origin=where)
    return tuple(_pylock_project(entry, where) for entry in rows(document.get("packages"), where, "packages"))


def _pylock_project(entry: Mapping[str, Any], where: str) -> Project:
    name = word(entry, "name", where, "a package")
    files = [*rows(entry.get("wheels"), where, f"wheels of {name}")]
    files += [table(entry[key], where, f"{key} of {name}") for key in ("sdist", "archive") if key in entry]
    if not files:
        raise _not_files(name, where, [key for key in ("vcs", "directory") if key in entry])
    is_direct = "archive" in entry
    return Project(
        name=normalised(name),
        version=str(entry.get("version", "")),
        marker=str(entry.get("marker", "")),
        offers=tuple(_pylock_offer(file, where, name, direct=is_direct) for file in files),
    )


def _pylock_offer(file: Mapping[str, Any], where: str, name: str, *, direct: bool) -> Offer:
    url = str(file.get("url", ""))
    called = str(file.get("name") or _base(url) or PurePosixPath(str(file.get("path", ""))).name)
    sha256 = word(table(file.get("hashes"), where, f"hashes of {called or name}"), "sha256", where, called or name)
    return _offer(called, sha256, file.get("size"), url if direct else "", where)


def parse_uv(text: str, where: str) -> tuple[Project, ...]:
    """The projects of a ``uv.lock``; members of the workspace are left out.

    Raises:
        ForeignLockError: it is none, or has a project that is not pinned by files.
    """
    document = read_toml(text, where)
    if document.get("version") != 1:
        raise ForeignLockError(f"{where} has version {document.get('version')!r}; 1 is read", origin=where)
    return tuple(_uv_projects(rows(document.get("package"), where, "package"), where))


def _uv_projects(packages: list[Mapping[str, Any]], where: str) -> Iterator[Project]:
    for entry in packages:
        name = word(entry, "name", where, "a package")
        source = table(entry.get("source"), where, f"source of {name}")
        if {"editable", "virtual", "directory", "workspace"} & source.keys():
            continue
        if "registry" not in source and "url" not in source:
            raise _not_files(name, where, list(source))
        files = [*rows(entry.get("wheels"), where, f"wheels of {name}")]
        files += [table(entry["sdist"], where, f"sdist of {name}")] if "sdist" in entry else []
        yield Project(
            name=normalised(name),
            version=word(entry, "version", where, name),
            marker="",
            offers=tuple(_uv_offer(file, where, name, source) for file in files),
        )


def _uv_offer(file: Mapping[str, Any], where: str, name: str, source: Mapping[str, Any]) -> Offer:
    url = str(file.get("url") or source.get("url") or "")
    algorithm, _, digest = word(file, "hash", where, f"a file of {name}").partition(":")
    if algorithm != "sha256":
        raise ForeignLockError(f"{where}: a file of {name} is pinned by {algorithm}, not by sha256", origin=where)
    called = _base(url) or str(file.get("filename") or file.get("path") or "")
    return _offer(called, digest, file.get("size"), "" if "registry" in source else url, where)


def parse_requirements(text: str, where: str) -> tuple[Requirement, ...]:
    """The lines of a requirements file, every one of which has to have hashes.

    Raises:
        ForeignLockError: a line pins no version, or no sha256.
    """
    logical = re.sub(r"\\\r?\n", " ", text)
    found: list[Requirement] = []
    for line in logical.splitlines():
        stripped = re.sub(r"(^|\s)#.*", "", line).strip()
        if not stripped or stripped.startswith("-"):
            continue  # options of pip, such as --index-url: mirrors are configured, not locked
        plain = _OTHER_HASH.sub("", stripped).strip()
        parsed = _REQUIREMENT.fullmatch(plain)
        hashes = frozenset(each.lower() for each in _HASH.findall(stripped))
        if parsed is None or not hashes:
            raise ForeignLockError(
                f"{where}: {plain!r} is not pinned by version and sha256",
                hint="pip-compile --generate-hashes, or uv pip compile --generate-hashes, writes both",
                origin=where,
            )
        found.append(
            Requirement(name=normalised(parsed[1]), version=parsed[2], marker=(parsed[3] or "").strip(), hashes=hashes)
        )
    return tuple(found)


def _offer(file: str, sha256: str, size: Any, direct: str, where: str) -> Offer:
    if not file.endswith((".whl", *_SDIST_ENDINGS)) or "/" in file:
        raise ForeignLockError(f"{where}: {file or 'a file without a name'!r} is neither wheel nor sdist", origin=where)
    if size is not None and (not isinstance(size, int) or size < 0):
        raise ForeignLockError(f"{where}: {file} has no size: {size!r}", origin=where)
    return Offer(file=file, sha256=sha256.lower(), size_bytes=size, address=direct or f"mirror://pypi/{file}")


def _base(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2])


def _not_files(name: str, where: str, sources: list[str]) -> ForeignLockError:
    return ForeignLockError(
        f"{where}: {name} comes from {', '.join(sources) or 'nowhere'}, which is not pinned by files",
        hint="take it into the project with hm.source or hm.fetchgit, and lock the rest",
        origin=where,
    )
