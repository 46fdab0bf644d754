"""Damaged trees that were replaced: kept with a note of what, when and why, until somebody deletes them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import time
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica_store.consistency import Problem
from hermetica_store.errors import StoreError
from hermetica_store.move import move
from hermetica_store.path import StorePath
from hermetica_store.refusals import working_in
from hermetica_store.remove import remove_tree

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from hermetica_store.layout import Layout

FORMAT: Final = "hermetica.quarantine/1"
_NAME: Final = re.compile(r"\d{13}-[0-9a-z]{32}")
_NOTE: Final = "note.json"
_TREE: Final = "tree"


class NotQuarantined(StoreError, LookupError):
    """Something that is to be deleted from the quarantine and is not in it."""

    code = "HM440"

    def __init__(self, name: str) -> None:
        super().__init__(f"nothing in quarantine is called {name}", hint="hermetica store quarantine lists what is")
        self.name = name


@attrs.frozen(kw_only=True)
class Quarantined:
    """A damaged tree that was replaced.

    Attributes:
        name: of its directory in ``quarantine/``: milliseconds since the epoch, and the digest of its path.
        path: the object it was.
        since: seconds since the epoch.
        why: what was wrong with it.
        size_bytes: of its regular files.
        tree: where it lies.
    """

    name: str
    path: StorePath
    since: float
    why: tuple[Problem, ...]
    size_bytes: int
    tree: Path


def put(layout: Layout, tree: Path, path: StorePath, why: Iterable[Problem]) -> str:
    """Move a damaged tree into the quarantine; the name it has there. The note is written first."""
    with working_in(layout.root):
        place = _fresh(layout, path)
        note = {
            "format": FORMAT,
            "path": str(path),
            "since_s": time.time(),
            "why": [{"kind": each.kind, "file": each.file, "detail": each.detail} for each in why],
        }
        (place / _NOTE).write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
        move(tree, place / _TREE)
    return place.name


def quarantined(layout: Layout) -> tuple[Quarantined, ...]:
    """Everything in quarantine, oldest first."""
    with working_in(layout.root):
        names = sorted(each.name for each in layout.quarantine.iterdir()) if layout.quarantine.is_dir() else []
        found = [_read(layout.quarantine / name) for name in names if _NAME.fullmatch(name)]
    return tuple(each for each in found if each is not None)


def purge(layout: Layout, names: Collection[str] | None, *, older_than_s: float = 0.0) -> tuple[Quarantined, ...]:
    """Delete what is in quarantine; what went.

    Args:
        layout: of the store.
        names: what to delete, by name or store path; None for all of it.
        older_than_s: spare what has not been there for so long.

    Raises:
        NotQuarantined: there is no such thing.
    """
    before = time.time() - older_than_s
    found = quarantined(layout)
    for name in names or ():
        if not any(name in {each.name, str(each.path)} for each in found):
            raise NotQuarantined(name)
    wanted = [
        each
        for each in found
        if each.since <= before and (names is None or each.name in names or str(each.path) in names)
    ]
    with working_in(layout.root):
        for each in wanted:
            remove_tree(layout.quarantine / each.name)
    return tuple(wanted)


def _fresh(layout: Layout, path: StorePath) -> Path:
    layout.quarantine.mkdir(mode=0o755, exist_ok=True)
    now_ms = time.time_ns() // 1_000_000
    while True:
        place = layout.quarantine / f"{now_ms:013}-{path.digest}"
        try:
            place.mkdir(mode=0o700)
        except FileExistsError:
            now_ms += 1
        else:
            return place


def _read(place: Path) -> Quarantined | None:
    """What a directory of the quarantine holds; None where its tree never came."""
    if not os.path.lexists(place / _TREE):
        return None
    note = _note(place)
    path = StorePath.parse(note["path"])
    why = tuple(Problem(path=path, **each) for each in note["why"])
    return Quarantined(
        name=place.name,
        path=path,
        since=float(note["since_s"]),
        why=why,
        size_bytes=_size_bytes(place / _TREE),
        tree=place / _TREE,
    )


def _note(place: Path) -> dict[str, Any]:
    """The note, or as much as the name tells where it did not reach the disk."""
    try:
        note: dict[str, Any] = json.loads((place / _NOTE).read_text(encoding="utf-8"))
        if note["format"] == FORMAT:
            return note
    except (OSError, ValueError, KeyError):
        pass
    milliseconds, _, digest = place.name.partition("-")
    return {"path": f"/hermetica/store/{digest}-unknown", "since_s": int(milliseconds) / 1000, "why": []}


def _size_bytes(tree: Path) -> int:
    """As far as it can be read: it is damaged."""
    total = 0
    pending = [os.fspath(tree)]
    while pending:
        place = pending.pop()
        with contextlib.suppress(OSError):
            status = os.lstat(place)
            if stat.S_ISDIR(status.st_mode):
                with os.scandir(place) as entries:
                    pending += [entry.path for entry in entries]
            else:
                total += status.st_size
    return total
