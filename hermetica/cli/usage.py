"""``hermetica store du``: how much room objects take, and how much of it is theirs alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hermetica.cli.collecting import plain
from hermetica.cli.objects import chosen
from hermetica.cli.views.words import many, size

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from hermetica.cli.session import Session
    from hermetica_store.usage import ObjectUsage

ACTIONS: Final = {"du": "print how much room objects take, and how much of it is theirs alone"}


def add_arguments(made: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declares the options."""
    du = made["du"]
    du.add_argument("targets", nargs="*", metavar="OBJECT", help="all objects by default")
    du.add_argument("-c", "--closure", action="store_true", help="and all that they refer to")
    du.epilog = (
        "Columns: bytes of the files; bytes on disk that no other object shares; bytes on disk that others share; "
        "the object. The total counts what is shared once."
    )


def run_du(session: Session) -> int:
    """Prints the objects, largest first, and the sums."""
    objects, paths = session.objects, chosen(session)
    if session.options.closure and paths is not None:
        paths = list(objects.closure(paths))
    usage = objects.usage(paths)
    document = {"format": "hermetica.usage/1", **plain(usage)}
    session.console.result(document, map(_line, usage.objects))
    session.console.say(
        f"{size(usage.size_bytes)} in {many(len(usage.objects), 'object')}: {size(usage.disk_bytes)} on disk, "
        f"of which {size(usage.exclusive_bytes)} would be freed with them"
    )
    return 0


def _line(each: ObjectUsage) -> str:
    return f"{each.size_bytes:>14,}  {each.exclusive_bytes:>14,}  {each.shared_bytes:>14,}  {each.path}"
