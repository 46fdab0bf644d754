"""The tree of a commit: fetched as shallowly as the server allows, and checked out the same for everybody.

The user's git settings serve to reach the server, not to write the files: line endings, filters and attributes of this
machine would change the content. What the commit's own ``.gitattributes`` say of line endings and ``$Id$`` is done, for
that is the same for everybody; ``export-subst`` and ``export-ignore`` are for archives and do nothing here.
Source: git-fetch(1), gitattributes(5), gitmodules(5).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.errors import HermeticaError
from hermetica.fetch.connection import shown
from hermetica.fetch.git_modules import HostileTree, join_address, submodule_addresses, submodules_of
from hermetica.fetch.git_program import CommandFailed, Git, GitFailed, is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hermetica.fetch.git_modules import Submodule

__all__ = ["GitFailed", "LargeFileStorage", "fetch_git", "resolve_ref"]

_DEPTH_MAX: Final = 16
_POINTER: Final = b"version https://git-lfs.github.com/spec/"
_QUIET_FETCH: Final = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
_CHECKING_OUT: Final = (
    *("-c", "core.autocrlf=false", "-c", "core.eol=lf", "-c", "core.symlinks=true", "-c", "core.fileMode=true"),
    *("-c", "core.attributesFile=/dev/null", "-c", "core.hooksPath=/dev/null", "-c", "core.precomposeUnicode=false"),
)
_SAME_EVERYWHERE: Final = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_ATTR_NOSYSTEM": "1"}


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
        GitFailed: no address gives the commit; says why for each. Or the commit is hostile.
        LargeFileStorage: some of its files are kept by Git LFS.
    """
    destination.mkdir()
    _Commit(tuple(urls), rev, destination, destination.parent, cancelled).write(with_submodules=submodules)
    if pointers := sorted(_pointers(destination)):
        raise LargeFileStorage(
            f"{len(pointers)} files of {shown(urls[0])} are kept by Git LFS",
            details=tuple(("file", name) for name in pointers[:10]),
            hint="fetch them with hm.fetchurl, each by its hash, and put them in place",
        )


def resolve_ref(urls: Sequence[str], ref: str, *, cancelled: Callable[[], bool] = lambda: False) -> str:
    """The id of the commit that a branch, a tag or ``HEAD`` is at now.

    Args:
        urls: addresses of the repository, in the order to try.
        ref: a short name, or a whole one such as ``refs/heads/main``.
        cancelled: asked often; True ends it within a moment.

    Raises:
        GitFailed: no address answers, or none has such a ref, or it is both branch and tag.
    """
    failures: list[tuple[str, str]] = []
    for url in urls:
        try:
            listing = Git(Path("/"), cancelled).run("ls-remote", "--quiet", "--", _plain(url))
        except CommandFailed as error:
            failures.append((shown(url), str(error)))
            continue
        return _commit_of(listing.decode("utf-8", "replace"), ref, url)
    raise GitFailed(f"cannot ask what {ref} is at", details=tuple(failures), hint="git ls-remote URL asks the same")


def _commit_of(listing: str, ref: str, url: str) -> str:
    known = {name: commit for commit, _, name in (line.partition("\t") for line in listing.splitlines())}
    names = [ref] if ref == "HEAD" or ref.startswith("refs/") else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
    found = {known.get(f"{name}^{{}}", known[name]) for name in names if name in known}
    if len(found) > 1:
        raise GitFailed(f"{ref} is a branch and a tag of {shown(url)}", hint=f"write {' or '.join(names)}")
    if not found:
        short = sorted({name.split("/", 2)[2] for name in known if name.startswith("refs/") and "^" not in name})
        raise GitFailed(
            f"{shown(url)} has no {ref}", details=(("has", ", ".join(short[:20]) or "nothing"),), hint="is it pushed?"
        )
    return found.pop()


def _plain(url: str) -> str:
    """The address, if git cannot take it for anything else."""
    if url.startswith("-") or "\n" in url:
        raise GitFailed(f"no address of a repository: {url!r}")
    return url


@attrs.frozen
class _Commit:
    """A commit on its way to the disk.

    Attributes:
        urls: of its repository, in the order to try.
        rev: its id.
        destination: a directory that is there.
        scratch: a directory for repositories, outside of what is written.
        cancelled: asked often.
        depth: of submodules above it.
    """

    urls: tuple[str, ...]
    rev: str
    destination: Path
    scratch: Path
    cancelled: Callable[[], bool]
    depth: int = 0

    def write(self, *, with_submodules: bool) -> None:
        """Fetches and writes it, with its submodules if so."""
        if self.depth > _DEPTH_MAX:
            raise GitFailed(f"submodules within submodules, {_DEPTH_MAX} deep, at {shown(self.urls[0])}")
        with tempfile.TemporaryDirectory(prefix=".git-", dir=self.scratch, ignore_cleanup_errors=True) as directory:
            git = Git(Path(directory), self.cancelled)
            object_format = "sha256" if len(self.rev) == 64 else "sha1"
            git.run("init", "--quiet", "--bare", "--template=", f"--object-format={object_format}", ".")
            url = self._fetch(git)
            try:
                modules = submodules_of(git.run("ls-tree", "-r", "-z", self.rev))
                self._check_out(git)
                addresses = self._addresses(git) if modules and with_submodules else {}
            except HostileTree as error:
                raise GitFailed(f"the commit {self.rev} of {shown(url)} is hostile: {error}") from error
        for module in modules if with_submodules else ():
            self._submodule(module, url, addresses).write(with_submodules=True)

    def _fetch(self, git: Git) -> str:
        """The address that gave the commit: alone if the server lets it, else with everything."""
        failures: list[tuple[str, str]] = []
        for url in map(_plain, self.urls):
            why = "not tried"
            for options, refs in ((["--depth", "1"], self.rev), ([], "+refs/*:refs/fetched/*")):
                try:
                    git.run(*_QUIET_FETCH, *options, "--", url, refs)
                    git.run("cat-file", "-e", f"{self.rev}^{{commit}}")
                except CommandFailed as error:
                    why = str(error)
                    continue
                return url
            failures.append((shown(url), why))
        raise GitFailed(
            f"cannot fetch the commit {self.rev}",
            details=tuple(failures),
            hint="is it pushed, and is its id whole? git ls-remote URL shows what a server has",
        )

    def _check_out(self, git: Git) -> None:
        """Writes the files, the same on every machine."""
        place = f"--work-tree={self.destination.absolute()}"
        try:
            git.run(*_CHECKING_OUT, place, "read-tree", self.rev, more=_SAME_EVERYWHERE)
            git.run(*_CHECKING_OUT, place, "checkout-index", "--all", "--force", more=_SAME_EVERYWHERE)
        except CommandFailed as error:
            raise GitFailed(f"cannot write the files of {self.rev}", details=(("git", str(error)),)) from error

    def _addresses(self, git: Git) -> dict[str, str]:
        """Path -> address, from ``.gitmodules``."""
        file = self.destination / ".gitmodules"
        if file.is_symlink() or not file.is_file():
            return {}
        try:
            return submodule_addresses(
                git.run("config", "--null", "--no-includes", "--file", os.fspath(file.absolute()), "--list")
            )
        except CommandFailed as error:
            raise GitFailed("the commit's .gitmodules cannot be read", details=(("git", str(error)),)) from error

    def _submodule(self, module: Submodule, parent: str, addresses: dict[str, str]) -> _Commit:
        """A submodule, with its place made; never from this machine's disk, unless its parent is."""
        if module.path not in addresses:
            raise GitFailed(f"the submodule {module.path} has no address in .gitmodules")
        try:
            address = join_address(parent, addresses[module.path])
        except HostileTree as error:
            raise GitFailed(f"a submodule of {shown(parent)}: {error}") from error
        if is_remote(parent) and not is_remote(address):
            raise GitFailed(f"a submodule of {shown(parent)} is at {address}, which is no address of a server")
        place = self.destination / module.path
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        return attrs.evolve(self, urls=(address,), rev=module.commit, destination=place, depth=self.depth + 1)


def _pointers(tree: Path) -> list[str]:
    """The files that are pointers of Git LFS."""
    found: list[str] = []
    for directory, _, names in os.walk(tree):
        for name in names:
            path = os.path.join(directory, name)  # noqa: PTH118 -- of os.walk
            if os.path.islink(path) or os.path.getsize(path) > 1024:  # noqa: PTH114, PTH202 -- of os.walk
                continue
            with open(path, "rb") as file:  # noqa: PTH123 -- of os.walk
                if file.read(len(_POINTER)) == _POINTER:
                    found.append(os.path.relpath(path, tree))
    return found
