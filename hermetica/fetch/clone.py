"""The tree of a commit: fetched as shallowly as the server allows, and checked out the same for everybody.

The user's git settings serve to reach the server (credentials, ``insteadOf``), not to write the files: line endings,
filters and attributes of this machine would change the content. Source: git-fetch(1), gitattributes(5), gitmodules(5).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from hermetica.errors import HermeticaError
from hermetica.fetch.connection import shown
from hermetica.fetch.git import REPOSITORY_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["GitFailed", "LargeFileStorage", "fetch_git"]

_REMOTE: Final = ("https", "http", "ssh", "git")
_POLL_S: Final = 0.05
_SUBMODULE: Final = "160000"
_DEPTH_MAX: Final = 16
_POINTER: Final = b"version https://git-lfs.github.com/spec/"
_FETCHING: Final = ("-c", "http.lowSpeedLimit=256", "-c", "http.lowSpeedTime=30", "-c", "protocol.version=2")
_QUIET_FETCH: Final = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
_CHECKING_OUT: Final = (
    *("-c", "core.autocrlf=false", "-c", "core.eol=lf", "-c", "core.symlinks=true", "-c", "core.fileMode=true"),
    *("-c", "core.attributesFile=/dev/null", "-c", "core.hooksPath=/dev/null", "-c", "core.precomposeUnicode=false"),
)
_SAME_EVERYWHERE: Final = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_ATTR_NOSYSTEM": "1"}


class GitFailed(HermeticaError):
    """A commit cannot be had: there is no git, no answer, or no such commit."""

    code = "HM139"


class LargeFileStorage(HermeticaError):
    """A commit keeps files outside git, where its id does not pin them."""

    code = "HM140"


def fetch_git(
    urls: Sequence[str],
    rev: str,
    destination: Path,
    *,
    submodules: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Writes the files of a commit to ``destination``, which is made.

    Args:
        urls: addresses of the repository, in the order to try.
        rev: the whole id of the commit.
        destination: must not be there.
        submodules: whether theirs are written too, at the commits that this one names.
        cancelled: asked often; True ends it within a moment.

    Raises:
        GitFailed: no address gives the commit; says why for each.
        LargeFileStorage: some of its files are kept by Git LFS.
    """
    destination.mkdir()
    _write_commit(urls, rev, destination, submodules=submodules, cancelled=cancelled, depth=0)
    if pointers := sorted(_pointers(destination)):
        raise LargeFileStorage(
            f"{len(pointers)} files of {shown(urls[0])} are kept by Git LFS",
            details=tuple(("file", name) for name in pointers[:10]),
            hint="fetch them with hm.fetchurl, each by its hash, and put them in place",
        )


def _write_commit(
    urls: Sequence[str], rev: str, destination: Path, *, submodules: bool, cancelled: Callable[[], bool], depth: int
) -> None:
    if depth > _DEPTH_MAX:
        raise GitFailed(f"submodules within submodules, {_DEPTH_MAX} deep, at {shown(urls[0])}")
    with tempfile.TemporaryDirectory(prefix=".git-", dir=destination.parent, ignore_cleanup_errors=True) as directory:
        repository = _Repository(Path(directory), cancelled)
        repository.run("init", "--quiet", "--bare", "--template=", f"--object-format={_format(rev)}", ".")
        url = _fetch(repository, urls, rev)
        repository.check_out(rev, destination)
        if submodules:
            for path, commit, address in repository.submodules(rev, destination):
                place = destination / path
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir(parents=True)
                absolute = _submodule_address(url, address)
                _write_commit([absolute], commit, place, submodules=True, cancelled=cancelled, depth=depth + 1)


def _format(rev: str) -> str:
    return "sha256" if len(rev) == 64 else "sha1"


def _fetch(repository: _Repository, urls: Sequence[str], rev: str) -> str:
    """The address that gave the commit: alone if the server lets it, else with everything."""
    failures: list[tuple[str, str]] = []
    for url in urls:
        why = "not tried"
        for refs in (["--depth", "1", url, rev], [url, "+refs/*:refs/fetched/*"]):
            try:
                repository.run(*_QUIET_FETCH, *refs)
                repository.run("cat-file", "-e", f"{rev}^{{commit}}")
            except _CommandFailed as error:
                why = str(error)
                continue
            return url
        failures.append((shown(url), why))
    raise GitFailed(
        f"cannot fetch the commit {rev}",
        details=tuple(failures),
        hint="is it pushed, and is its id whole? git ls-remote URL shows what a server has",
    )


class _CommandFailed(Exception):
    """Git said no; the text is what it said."""


class _Repository:
    """A bare repository, for as long as a fetch takes."""

    def __init__(self, directory: Path, cancelled: Callable[[], bool]) -> None:
        self._directory = directory
        self._cancelled = cancelled
        self._environ = {key: value for key, value in os.environ.items() if key not in REPOSITORY_VARIABLES}
        self._environ |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "GIT_LFS_SKIP_SMUDGE": "1"}
        self._environ |= {"GIT_ALLOW_PROTOCOL": ":".join((*_REMOTE, "file"))}

    def run(self, *arguments: str, more: Mapping[str, str] | None = None) -> bytes:
        """What a git command prints.

        Raises:
            _CommandFailed: it failed.
            GitFailed: there is no git, or the fetch was cancelled.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                process = subprocess.Popen(
                    ["git", "-C", os.fspath(self._directory), "-c", "safe.directory=*", *_FETCHING, *arguments],  # noqa: S607 -- as in `git`
                    env={**self._environ, **(more or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                raise GitFailed("there is no git on this machine", hint="install git") from error
            self._wait(process)
            out.seek(0)
            err.seek(0)
            if process.returncode:
                said = err.read().decode("utf-8", "replace").strip().splitlines()
                raise _CommandFailed(said[-1].removeprefix("fatal: ") if said else f"status {process.returncode}")
            return out.read()

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        try:
            while process.poll() is None:
                if self._cancelled():
                    raise GitFailed("the fetch was cancelled")
                time.sleep(_POLL_S)
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def check_out(self, rev: str, destination: Path) -> None:
        """Writes the files of a commit, the same on every machine."""
        place = os.fspath(destination.absolute())
        try:
            self.run(*_CHECKING_OUT, f"--work-tree={place}", "read-tree", rev, more=_SAME_EVERYWHERE)
            self.run(
                *(*_CHECKING_OUT, f"--work-tree={place}", "checkout-index", "--all", "--force"), more=_SAME_EVERYWHERE
            )
        except _CommandFailed as error:
            raise GitFailed(f"cannot write the files of {rev}", details=(("git", str(error)),)) from error

    def submodules(self, rev: str, tree: Path) -> list[tuple[str, str, str]]:
        """(path, commit, address as written) of each submodule of a commit."""
        found = self.run("ls-tree", "-r", "-z", rev).split(b"\0")
        commits = {
            os.fsdecode(name): head.split()[2].decode()
            for head, _, name in (entry.partition(b"\t") for entry in found if entry)
            if head.startswith(_SUBMODULE.encode())
        }
        addresses = self._addresses(tree) if commits else {}
        for path in commits:
            if path not in addresses:
                raise GitFailed(f"the submodule {path} has no address in .gitmodules")
        return [(path, commit, addresses[path]) for path, commit in sorted(commits.items())]

    def _addresses(self, tree: Path) -> dict[str, str]:
        """Path -> address, from ``.gitmodules``."""
        file = tree / ".gitmodules"
        if file.is_symlink() or not file.is_file():
            return {}
        try:
            listing = self.run("config", "--null", "--file", os.fspath(file.absolute()), "--list")
        except _CommandFailed as error:
            raise GitFailed("the commit's .gitmodules cannot be read", details=(("git", str(error)),)) from error
        values: dict[str, dict[str, str]] = {}
        for entry in os.fsdecode(listing).split("\0"):
            key, _, value = entry.partition("\n")
            section, _, name = key.rpartition(".")
            if section.startswith("submodule."):
                values.setdefault(section, {})[name] = value
        return {each["path"]: each["url"] for each in values.values() if {"path", "url"} <= each.keys()}


def _submodule_address(parent: str, address: str) -> str:
    """Where a submodule is; never on this machine's disk, unless its parent is."""
    absolute = address
    if address.startswith(("./", "../")):
        absolute = urljoin(parent.rstrip("/") + "/", address)
    is_local = urlsplit(absolute).scheme not in _REMOTE and "@" not in absolute
    if is_local and urlsplit(parent).scheme in _REMOTE:
        raise GitFailed(f"a submodule of {shown(parent)} is at {address}, which is no address of a server")
    return absolute


def _pointers(tree: Path) -> list[str]:
    """The files that are pointers of Git LFS."""
    found: list[str] = []
    for directory, _, names in os.walk(tree):
        for name in names:
            path = os.path.join(directory, name)  # noqa: PTH118 -- of os.walk
            if os.path.islink(path) or os.path.getsize(path) > 1024:  # noqa: PTH114, PTH202 -- likewise
                continue
            with open(path, "rb") as file:  # noqa: PTH123 -- likewise
                if file.read(len(_POINTER)) == _POINTER:
                    found.append(os.path.relpath(path, tree))
    return found
