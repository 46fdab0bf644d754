"""Trees for tests: descriptions drawn by Hypothesis, and their form on disk."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, TypeAlias

import attrs
from hypothesis import strategies as st

from hermetica_store.digest import ALPHABET

if TYPE_CHECKING:
    from pathlib import Path


@attrs.frozen
class File:
    data: bytes
    executable: bool = False


@attrs.frozen
class Link:
    target: str


Tree: TypeAlias = "File | Link | dict[str, Tree]"

DIGEST_TEXTS = st.text(ALPHABET, min_size=30, max_size=30).map(lambda rest: "hx" + rest)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=20).filter(
    lambda name: name not in {".", ".."} and len(name.encode()) <= 100
)
TARGETS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
LEAVES = st.one_of(st.builds(File, st.binary(max_size=200), st.booleans()), st.builds(Link, TARGETS))
TREES: st.SearchStrategy[Tree] = st.recursive(
    LEAVES, lambda inner: st.dictionaries(NAMES, inner, max_size=4), max_leaves=10
)


def write(tree: Tree, path: Path) -> Path:
    """Put a tree on disk."""
    if isinstance(tree, File):
        path.write_bytes(tree.data)
        path.chmod(0o755 if tree.executable else 0o644)
    elif isinstance(tree, Link):
        path.symlink_to(tree.target)
    else:
        path.mkdir()
        for name, entry in tree.items():
            write(entry, path / name)
    return path


def read(path: Path) -> Tree:
    """What is on disk, as a description."""
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return Link(os.readlink(path))  # noqa: PTH115 -- a Path would drop a trailing slash
    if stat.S_ISREG(status.st_mode):
        return File(path.read_bytes(), bool(status.st_mode & 0o111))
    return {entry.name: read(entry) for entry in path.iterdir()}


def replace(tree: Tree, old: str, new: str) -> Tree:
    """The tree with a text replaced everywhere."""
    if isinstance(tree, File):
        return File(tree.data.replace(old.encode(), new.encode()), tree.executable)
    if isinstance(tree, Link):
        return Link(tree.target.replace(old, new))
    return {name.replace(old, new): replace(entry, old, new) for name, entry in tree.items()}


def walk(path: Path) -> list[Path]:
    """Everything at and below a path."""
    found = [path]
    if path.is_dir() and not path.is_symlink():
        for entry in path.iterdir():
            found.extend(walk(entry))
    return found
