"""Scratch directories: on the store's file system, owned by one process, gone when it leaves them or dies.

A directory's name is the number of its lock, taken before the directory is made: what is there and not locked has a
dead owner.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.locks import SCRATCH, offset, try_lock
from hermetica_store.refusals import working_in
from hermetica_store.remove import remove_tree

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from hermetica_store.layout import Layout

_KEPT: Final = "kept-"
_NAME: Final = re.compile(r"[0-9a-f]{15}")


@attrs.define(eq=False)
class Scratch:
    """A directory of one's own.

    Attributes:
        path: where it is.
        kept: whether it will stay.
    """

    path: Path
    kept: bool = False

    def keep(self) -> Path:
        """Lets it stay, under another name, until a collection removes it; the new place."""
        if not self.kept:
            target = self.path.with_name(_KEPT + self.path.name)
            with working_in(self.path.parent.parent):
                self.path.rename(target)
            self.path, self.kept = target, True
        return self.path


@contextlib.contextmanager
def scratch(layout: Layout) -> Generator[Scratch]:
    """A fresh directory that only we may enter, removed on leaving, whatever is in it."""
    with working_in(layout.root):
        name, fd = _fresh(layout)
    try:
        made = Scratch(layout.scratch / name)
        with working_in(layout.root):
            made.path.mkdir(mode=0o700)
        try:
            yield made
        finally:
            if not made.kept:
                with working_in(layout.root):
                    remove_tree(made.path)
    finally:
        os.close(fd)


def kept(layout: Layout) -> tuple[Path, ...]:
    """The directories that were kept, ascending by name."""
    with working_in(layout.root):
        return tuple(sorted(path for path in layout.scratch.iterdir() if path.name.startswith(_KEPT)))


def reap(layout: Layout) -> int:
    """Remove the scratch directories of dead processes, and what they were deleting; how many there were."""
    reaped = 0
    with working_in(layout.root):
        for path in list(layout.scratch.iterdir()):
            if not _NAME.fullmatch(path.name):
                continue
            fd = try_lock(layout.locks, offset(SCRATCH, int(path.name, 16)))
            if fd is None:
                continue
            try:
                remove_tree(path)
            finally:
                os.close(fd)
            reaped += 1
    return reaped


def _fresh(layout: Layout) -> tuple[str, int]:
    while True:
        number = int.from_bytes(os.urandom(8), "big") >> 4
        fd = try_lock(layout.locks, offset(SCRATCH, number))
        if fd is not None:
            return f"{number:015x}", fd
