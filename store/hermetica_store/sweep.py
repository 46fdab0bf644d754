"""Removing the files of what is not registered: of objects that a collection forgot, and what a crash left.

Each goes under the claim of its path, for somebody may be publishing that very object. A file or link goes by one
call; a directory is renamed away first, so that no part of an object ever lies in ``store/``.
"""

from __future__ import annotations

import contextlib
import os
from itertools import islice
from typing import TYPE_CHECKING, Final

from hermetica_store.descent import DIRECTORY_FLAGS
from hermetica_store.errors import StoreError
from hermetica_store.move import move, path_key
from hermetica_store.path import StorePath
from hermetica_store.refusals import working_in
from hermetica_store.schema import OBJECTS
from hermetica_store.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from hermetica_store.shared import Shared

_TOGETHER: Final = 256  # claims held at once: the kernel looks through all of them for each


def remove_files(shared: Shared, bases: Iterable[bytes]) -> int:
    """Remove the files of objects that are not registered, but for those that somebody is publishing; how many."""
    removed, waiting = 0, iter(bases)
    while some := list(islice(waiting, _TOGETHER)):
        with scratch(shared.layout) as trash, working_in(shared.layout.root):
            keys = {path_key(base): base for base in some}
            with shared.claims.claim_free(keys) as claimed:
                free = [keys[key] for key in claimed]
                removed += _take_away(shared, _unregistered(shared, free), trash.path)
    return removed


def _unregistered(shared: Shared, bases: Sequence[bytes]) -> list[bytes]:
    pending = {
        info.path.base.encode() for info in shared.overlay.pending()
    }  # asked first: what leaves it is registered
    known = shared.index.read(lambda tx: tx.registered(bases))
    return [base for base in bases if base not in known and base not in pending]


def _take_away(shared: Shared, bases: Iterable[bytes], trash: Path) -> int:
    """Take objects out of ``store/``; what is to be emptied yet goes to ``trash``."""
    taken = 0
    objects = os.open(shared.layout.objects, DIRECTORY_FLAGS)
    try:
        for base in bases:
            try:
                os.unlink(base, dir_fd=objects)
            except FileNotFoundError:
                continue
            except (IsADirectoryError, PermissionError):
                with contextlib.suppress(FileNotFoundError):
                    move(shared.layout.objects / os.fsdecode(base), trash / str(taken))
            taken += 1
    finally:
        os.close(objects)
    return taken


def sweep(shared: Shared) -> int:
    """Remove what a crash left unregistered in ``store/``; how many."""
    return remove_files(shared, [path.base.encode() for path in leftovers(shared)[0]])


def leftovers(shared: Shared) -> tuple[list[StorePath], list[str]]:
    """What lies in ``store/`` unregistered: by the names of objects, and other names."""
    with working_in(shared.layout.root):
        names = os.listdir(shared.layout.objects)  # noqa: PTH208 -- names, and thousands of them
    pending = {info.path.base for info in shared.overlay.pending()}
    known = {os.fsdecode(base) for base in shared.index.read(lambda tx: tx.keys(OBJECTS))} | pending
    unregistered: list[StorePath] = []
    strangers: list[str] = []
    for name in sorted(set(names) - known):
        try:
            unregistered.append(StorePath.parse_base(name))
        except StoreError:
            strangers.append(name)
    return unregistered, strangers
