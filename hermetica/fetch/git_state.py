"""What git's answer about a directory depends on besides the directory itself: its index, ignore rules and settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.fetch.git import ask_git

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["GitState", "git_state"]

_EXCLUDES: Final = "core.excludesfile"


@attrs.frozen(kw_only=True)
class GitState:
    """What else counts.

    Attributes:
        files: that git reads, or would if they were there.
        ignored: directories below the root that it leaves out whole; relative POSIX paths.
    """

    files: tuple[str, ...]
    ignored: tuple[str, ...]


def git_state(root: Path, environ: Mapping[str, str]) -> GitState:
    """The state of git around ``root``.

    Raises:
        NoGit: git does not know the directory, or is too old to say.
    """
    names = ("--show-toplevel", "--absolute-git-dir", "--git-path", "index", "--git-path", "info/exclude")
    found = ask_git(root, "rev-parse", "--path-format=absolute", *names).decode(errors="surrogateescape").split("\n")
    top, directory, index, exclude = found[:4]
    parents = [place / ".gitignore" for place in (root, *root.parents) if place.is_relative_to(top)]
    own = (index, exclude, f"{directory}/HEAD", f"{directory}/config", f"{directory}/config.worktree")
    listed = ask_git(root, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
    ignored = [os.fsdecode(name)[:-1] for name in listed.split(b"\0") if name.endswith(b"/")]
    files = (*own, *map(str, parents), *_settings(root, environ))
    return GitState(files=tuple(dict.fromkeys(files)), ignored=tuple(name for name in ignored if name not in {"", "."}))


def _settings(root: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """Files of settings and of everybody's ignore rules: those in use, and the usual ones that are not there."""
    home = environ.get("HOME", "")
    base = environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
    yield from ("/etc/gitconfig", f"{home}/.gitconfig", f"{base}/git/config", f"{base}/git/ignore")
    fields = iter(ask_git(root, "config", "--list", "--show-origin", "-z").split(b"\0"))
    for origin, setting in zip(fields, fields, strict=False):
        kind, _, file = os.fsdecode(origin).partition(":")
        name, _, value = os.fsdecode(setting).partition("\n")
        place = root / file
        if kind == "file":
            yield str(place)
        if name == _EXCLUDES or (name.startswith("include") and name.endswith(".path")):
            expanded = Path(value).expanduser()
            yield str(root / expanded if name == _EXCLUDES else place.parent / expanded)
