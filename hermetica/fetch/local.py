"""Local sources: some files of the host, chosen when a derivation is evaluated, named by their content."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hermetica.fetch.select import UnreadableSource, select
from hermetica.model.evaluation import current_evaluation
from hermetica.model.origin import caller
from hermetica.model.source import Source, store_path_source
from hermetica.readings import reading_ourselves, tell_of_source
from hermetica_store import ObjectStore, StoreError, hash_tree
from hermetica_store.layout import Layout, default_root
from hermetica_store.path import StorePath
from hermetica_store.path import store_path as path_of_content

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermetica_store import SourceDigest


def _digest(root: Path, files: tuple[str, ...] | None) -> SourceDigest:
    """The digest of a tree, through the stat cache of the user's store where there is one; none is made for it."""
    try:
        if not Layout(default_root(os.environ)).exists():
            return hash_tree(root, files)
        with ObjectStore.open() as store:
            return store.hash_source(root, files)
    except (StoreError, OSError):
        return hash_tree(root, files)


def source(
    path: str | Path = ".",
    *,
    include: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    name: str | None = None,
) -> Source:
    """Files of this machine as an input, by their content.

    Inside a git work tree these are the files that git tracks, or would track. ``hermetica source ls`` says why a
    file is out.

    Args:
        path: a directory or a file, relative to the file that calls this.
        include: patterns of what to take, such as ``src/**``; everything where none are given.
        exclude: patterns of what to leave out all the same.
        name: of the object; the last part of the path where none is given.

    Raises:
        SourceNotFound: the path does not exist.
        NothingSelected: a pattern matches nothing, or nothing is chosen.
    """
    origin = caller()
    base = Path(origin.file).parent if origin is not None and not origin.file.startswith("<") else Path.cwd()
    root = (base / path).resolve()
    files: tuple[str, ...] | None = ()
    try:
        with reading_ourselves():
            files = None if root.is_file() else select(root, include=include, exclude=exclude).files
            digest = _digest(root, files)
    except OSError as error:
        raise UnreadableSource(f"{root} cannot be read: {error.strerror}") from error
    finally:
        tell_of_source(str(root), files)  # what is not there was looked for, too
    store_path = path_of_content(name or root.name, digest.tree)
    known = current_evaluation().sources.get(store_path.digest)
    if known is not None and known.files == files:
        files = known.files  # a long list is in memory once, however often a module declares it
    return Source(path=store_path, root=str(root), files=files, size_bytes=digest.size_bytes, origin=origin)


def store_path(path: str | StorePath) -> Source:
    """An object that is in the store already, as an input, by its path.

    Raises:
        InvalidStorePath: the text is no store path.
    """
    return store_path_source(path)
