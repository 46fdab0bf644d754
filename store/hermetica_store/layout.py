"""Where things lie below the root of a store. Source: docs/format-store.md, "Layout"."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.faults import NotAStore
from hermetica_store.place import default_place
from hermetica_store.refusals import working_in

if TYPE_CHECKING:
    from collections.abc import Mapping

_OURS: Final = frozenset({"store", "index", "log", "tmp", "locks", "links", "quarantine", "runs"})
_DATABASE: Final = "data.mdb"


def default_root(environ: Mapping[str, str]) -> Path:
    """The place of the user's store, as ``default_place``."""
    return Path(default_place(environ))


def default_lower(environ: Mapping[str, str]) -> list[Path]:
    """The roots in ``$HERMETICA_LOWER``, which separates them by colons."""
    return [resolved(Path(each).expanduser()) for each in environ.get("HERMETICA_LOWER", "").split(":") if each]


def resolved(root: Path) -> Path:
    """A root as `Layout` wants it: absolute, links resolved."""
    return Path(os.path.realpath(root))


@attrs.frozen(slots=False)
class Layout:
    """The parts of a store on disk.

    Attributes:
        root: absolute, links resolved.
    """

    root: Path

    @cached_property
    def objects(self) -> Path:
        """The objects themselves."""
        return self.root / "store"

    @cached_property
    def index(self) -> Path:
        """The LMDB environment."""
        return self.root / "index"

    @cached_property
    def logs(self) -> Path:
        """Build logs."""
        return self.root / "log"

    @cached_property
    def scratch(self) -> Path:
        """Scratch directories, kept builds, and what is being deleted."""
        return self.root / "tmp"

    @cached_property
    def links(self) -> Path:
        """The link table; made when a first file is shared."""
        return self.root / "links"

    @cached_property
    def quarantine(self) -> Path:
        """Damaged objects that were replaced; made when there is a first one."""
        return self.root / "quarantine"

    @cached_property
    def locks(self) -> Path:
        """The one file whose bytes are locked."""
        return self.root / "locks"

    def exists(self) -> bool:
        """Whether there is an index."""
        return (self.index / _DATABASE).exists()

    def require(self) -> None:
        """Refuse a place that holds no store.

        Raises:
            NotAStore: it does not.
        """
        with working_in(self.root):
            if not self.exists():
                raise NotAStore(f"{self.root} is not a store", hint="open it for writing once to make one there")

    def create(self) -> None:
        """Make what is missing.

        Raises:
            NotAStore: something else lies there.
            StoreNotWritable: it may not be made there.
        """
        with working_in(self.root):
            if not self.exists():
                self._refuse_strangers()
            for directory in (self.root, self.objects, self.index, self.logs, self.scratch):
                directory.mkdir(mode=0o755, parents=True, exist_ok=True)  # nobody else writes, whatever the umask
            self.locks.touch(mode=0o644)

    def _refuse_strangers(self) -> None:
        if self.root.exists() and not self.root.is_dir():
            raise NotAStore(f"{self.root} is no directory", hint="name a directory with HERMETICA_STORE")
        names = {entry.name for entry in self.root.iterdir()} if self.root.is_dir() else set[str]()
        if names - _OURS:
            raise NotAStore(
                f"{self.root} is not a store, and not empty",
                details=(("it holds", ", ".join(sorted(names - _OURS)[:5])),),
                hint="name an empty directory, or one that does not exist, with HERMETICA_STORE",
            )
