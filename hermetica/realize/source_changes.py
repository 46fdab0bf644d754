"""Which files of a source are not what they were: what the store keeps of it, against what lies on the host."""

from __future__ import annotations

import os
from filecmp import cmp
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hermetica.model import Source
    from hermetica_store import ObjectStore, StorePath

CHANGED, ADDED, GONE = "changed", "added", "gone"


def file_changes(objects: ObjectStore, before: StorePath, source: Source) -> tuple[tuple[str, str], ...] | None:
    """(file, ``changed``, ``added`` or ``gone``), ascending; None where former or present files are not at hand.

    A source that is one file has the empty name.
    """
    if source.root is None or not objects.has(before):
        return None
    try:
        return _compare(objects.on_disk(before), Path(source.root), source)
    except OSError:  # this only says more; that it changed is known
        return None


def _compare(before: Path, after: Path, source: Source) -> tuple[tuple[str, str], ...]:
    old = _files(before)
    new = _files(after) if source.files is None else dict.fromkeys(source.files)
    found = [(name, ADDED if name not in old else GONE) for name in old.keys() ^ new.keys()]
    found += [(name, CHANGED) for name in old.keys() & new.keys() if not _is_same(before / name, after / name)]
    return tuple(sorted(found))


def _files(root: Path) -> dict[str, None]:
    """Every file and link below a directory by its relative path; the empty name where it is none itself."""
    if root.is_symlink() or not root.is_dir():
        return {"": None}
    found: dict[str, None] = {}
    for directory, directories, files in os.walk(root):
        below = os.path.relpath(directory, root)
        links = [name for name in directories if Path(directory, name).is_symlink()]
        for name in (*files, *links):
            found[name if below == "." else f"{below}/{name}"] = None
    return found


def _is_same(one: Path, other: Path) -> bool:
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    if one.is_dir() or other.is_dir():
        return one.is_dir() and other.is_dir()
    is_executable = [bool(each.stat().st_mode & 0o111) for each in (one, other)]
    return is_executable[0] == is_executable[1] and cmp(one, other, shallow=False)
