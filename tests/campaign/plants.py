"""Bugs to plant, to see whether the campaign finds them. Each changes hermetica in the running process only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.campaign.points import put_in

if TYPE_CHECKING:
    from collections.abc import Callable


def skip_fsync() -> None:
    """Once there are objects, nothing is flushed before the commit."""
    from hermetica_store import writer

    flush = vars(writer)["sync_file_system"]

    def first_only(fd: int) -> None:
        if not any(Path(f"/proc/self/fd/{fd}/store").iterdir()):
            flush(fd)

    put_in(writer, "sync_file_system", first_only)


def lease_not_rechecked() -> None:
    """A collection believes the leases of its snapshot when it decides."""
    from hermetica_store import collect

    known: list[Any] = []
    look, snapshot = vars(collect)["live_leases"], vars(collect)["_snapshot"]

    def look_anew(*args: Any, **more: Any) -> Any:
        known.clear()
        return snapshot(*args, **more)

    def believe(tx: Any, locks: Path) -> Any:
        if not known:
            known.append(look(tx, locks))
        return known[0]

    put_in(collect, "live_leases", believe)
    put_in(collect, "_snapshot", look_anew)


def commit_before_rename() -> None:
    """Objects are registered first and renamed into place when that is durable."""
    from hermetica_store import move as moving
    from hermetica_store import publish, writer

    later: list[tuple[Path, Path]] = []
    move, submit = moving.move, writer.Writer.submit

    def postpone(source: Path, target: Path) -> None:
        if target.parent.name == "store":
            later.append((source, target))
        else:
            move(source, target)

    def first(self: Any, *args: Any, **more: Any) -> Any:
        commit = submit(self, *args, **more)
        if later and more.get("flush"):
            commit.wait()
            while later:
                move(*later.pop())
        return commit

    put_in(publish, "move", postpone)
    put_in(writer.Writer, "submit", first)


PLANTS: Final[dict[str, Callable[[], None]]] = {
    "skip-fsync": skip_fsync,
    "lease-not-rechecked": lease_not_rechecked,
    "commit-before-rename": commit_before_rename,
}
