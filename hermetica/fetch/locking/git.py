"""Pins of commits: which one is meant is asked of the server, and its files are fetched once to learn their digest."""

from __future__ import annotations

import posixpath
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from hermetica.fetch.clone import fetch_git, resolve_ref
from hermetica.fetch.lock_pin import LockError, Pin
from hermetica_store import hash_tree

if TYPE_CHECKING:
    from hermetica.fetch.lock_debian import Resolver

_SHORT: Final = 12
_REVISION_DIGITS: Final = (40, 64)  # of SHA-1, of SHA-256


def git_pin(url: str, *, ref: str, rev: str, submodules: bool, mirrors: Resolver) -> Pin:
    """A pin of the files of a commit.

    Args:
        url: of the repository, plain or logical.
        ref: the branch or tag that the commit is at; of no account where ``rev`` is given.
        rev: the whole id of the commit; empty to ask what ``ref`` is at now.
        submodules: whether their files belong to it.
        mirrors: resolve logical addresses.

    Raises:
        LockError: the address or the id is none.
        GitFailed: the commit cannot be had.
        LargeFileStorage: some of its files are not in git.
    """
    name = _name(url)
    if rev and (len(rev) not in _REVISION_DIGITS or set(rev) - set("0123456789abcdef")):
        raise LockError(f"not the whole id of a commit: {rev!r}", hint="--ref takes branches and tags")
    addresses = mirrors.resolve(url)
    commit = rev or resolve_ref(addresses, ref)
    with tempfile.TemporaryDirectory(prefix="hermetica-lock-") as directory:
        tree = Path(directory, "tree")
        fetch_git(addresses, commit, tree, submodules=submodules)
        digest = hash_tree(tree).tree
    return Pin(
        kind="git",
        name=name,
        version=commit[:_SHORT],
        method="tree",
        algorithm="blake3",
        hash=digest.hex,
        facts={"rev": commit, **({"submodules": "1"} if submodules else {})},
        addresses=(url,),
    )


def _name(url: str) -> str:
    """What the repository is called: the last part of its address."""
    try:
        parts = urlsplit(url)
        name = posixpath.basename(unquote(parts.path).rstrip("/")).removesuffix(".git")
    except ValueError:
        parts, name = None, ""
    if parts is None or not parts.scheme or "://" not in url or name in {"", ".", ".."}:
        raise LockError(
            f"no address of a repository: {url!r}",
            hint="such as https://example.org/name.git; host:path is written ssh://host/path",
        )
    return name
