"""Asks git which files of a directory are part of the work: those it tracks, and those it would.

Git's own reading of its ignore rules, by running it; its environment is left alone but for what would make it write.
Source: git-ls-files(1), git-check-ignore(1).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["GitFiles", "NoGit", "ask_git", "git_files", "ignore_rules"]


class NoGit(Exception):
    """Git does not know the directory; the text says why."""


@attrs.frozen(kw_only=True)
class GitFiles:
    """What git says of a directory.

    Attributes:
        files: tracked, or untracked and not ignored, and there; relative POSIX paths.
        submodules: the directories among the tracked ones that are work trees of their own.
        is_ignored: whether the directory itself is.
    """

    files: frozenset[str]
    submodules: frozenset[str]
    is_ignored: bool


def ask_git(root: Path, *arguments: str, data: bytes | None = None, fine: tuple[int, ...] = (0,)) -> bytes:
    """What git says of a directory.

    Raises:
        NoGit: it ended with a status that is not among the ``fine`` ones, or there is no git.
    """
    import subprocess  # noqa: PLC0415 -- a source outside every work tree needs none

    environ = {key: value for key, value in os.environ.items() if key not in REPOSITORY_VARIABLES}
    environ |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        ended = subprocess.run(
            ["git", *_TRUSTING, "-C", os.fspath(root), *arguments],  # noqa: S607 -- the git on PATH is the one meant
            input=data,
            capture_output=True,
            check=False,
            env=environ,
        )
    except FileNotFoundError as error:
        raise NoGit("git is not installed") from error
    if ended.returncode not in fine:
        said = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        raise NoGit(said[0].removeprefix("fatal: ") if said else f"git ended with status {ended.returncode}")
    return ended.stdout


_TRUSTING = ("-c", "safe.directory=*", "-c", "core.fsmonitor=false")
"""Another user's work tree is read too (root builds what a user checked out), and nothing it configures is run."""
REPOSITORY_VARIABLES = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"}
)  # set while a hook runs, for another repository perhaps


def _names(listing: bytes) -> list[str]:
    return [os.fsdecode(name) for name in listing.split(b"\x00") if name]


def _is_belowask_git(root: Path) -> bool:
    """Whether git would find a repository from ``root`` up; asking git itself costs a process."""
    real = Path(os.path.realpath(root))
    return any(os.path.lexists(f"{place}/.git") for place in (real, *real.parents))


def git_files(root: Path) -> GitFiles:
    """The files of the work below ``root``.

    Raises:
        NoGit: it is in no work tree, or there is no git.
    """
    if not _is_belowask_git(root):
        raise NoGit("not a git repository (or any of the parent directories): .git")
    listing = ask_git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    staged = _names(ask_git(root, "ls-files", "-z", "--stage"))
    submodules = frozenset(entry.partition("\t")[2] for entry in staged if entry.startswith("160000 "))
    listed = frozenset(_names(listing))
    nested = frozenset(name for name in listed if name.endswith("/"))  # untracked work trees of other repositories
    submodules |= frozenset(name.rstrip("/") for name in nested)
    files = listed - nested - submodules
    is_ignored = not listed and bool(ask_git(root, "check-ignore", ".", fine=(0, 1, 128)))
    return GitFiles(files=files, submodules=submodules, is_ignored=is_ignored)


def ignore_rules(root: Path, paths: Iterable[str]) -> dict[str, str]:
    """For each ignored path the rule that does it, as ``.gitignore:4 (*.c)``.

    Raises:
        NoGit: git cannot say.
    """
    data = b"\x00".join(os.fsencode(path) for path in paths)
    if not data:
        return {}
    listing = _names_with_empty(
        ask_git(root, "check-ignore", "-z", "-v", "--stdin", "--no-index", data=data, fine=(0, 1))
    )
    rules: dict[str, str] = {}
    for source, line, pattern, path in zip(*(iter(listing),) * 4, strict=True):
        rules[path] = f"{source}:{line} ({pattern})"
    return rules


def _names_with_empty(listing: bytes) -> list[str]:
    return [os.fsdecode(name) for name in listing.split(b"\x00")[:-1]]
