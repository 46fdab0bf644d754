"""``hermetica size``: how much targets and objects weigh with all that they need, and what of it is theirs alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from hermetica.cli.closures import needed_alone
from hermetica.cli.objects import objects_of
from hermetica.cli.views.words import many, size
from hermetica.model import evaluation

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from hermetica.cli.session import Session
    from hermetica_store import StorePath


@attrs.frozen(kw_only=True)
class _Weight:
    """One object and what it needs.

    Attributes:
        path: which.
        own_bytes: of its files.
        objects: (object of its closure, bytes, whether nothing else needs it), largest first.
    """

    path: StorePath
    own_bytes: int
    objects: Sequence[tuple[StorePath, int, bool]]

    @property
    def closure_bytes(self) -> int:
        return sum(count for _, count, _ in self.objects)

    @property
    def unique_bytes(self) -> int:
        return sum(count for _, count, is_unique in self.objects if is_unique)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("targets", nargs="+", metavar="TARGET", help="targets and objects")
    parser.add_argument("--objects", action="store_true", help="each object of the closures too, largest first")
    parser.epilog = (
        "Columns: bytes of the closure; bytes of the object alone; bytes of what nothing else in the store needs; the "
        "object. Equal files that objects share are counted for each: hermetica store du tells what is on disk."
    )


def run(session: Session) -> int:
    """Prints the weights, and together what the targets need."""
    with evaluation():
        paths = list(dict.fromkeys(path for text in session.options.targets for path in objects_of(session, text)))
    weights = [_weigh(session, path) for path in paths]
    together = {path: count for each in weights for path, count, _ in each.objects}
    document = {
        "format": "hermetica.size/1",
        "targets": [_json(each) for each in weights],
        "closure_bytes": sum(together.values()),
        "objects": len(together),
    }
    session.console.result(document, (line for each in weights for line in _lines(each, session)))
    if not session.console.json:
        whole = f"{size(sum(together.values()))} in {many(len(together), 'object')}"
        session.console.say(f"bytes of the closure, of itself, of what only it needs; together {whole}")
    return 0


def _weigh(session: Session, path: StorePath) -> _Weight:
    objects = session.objects
    found = {each: objects.info(each) for each in objects.closure([path])}
    sizes = {each: 0 if info is None else info.size_bytes for each, info in found.items()}
    alone = needed_alone(path, frozenset(sizes), objects.referrers)
    rows = [(each, count, each in alone) for each, count in sizes.items()]
    return _Weight(path=path, own_bytes=sizes[path], objects=sorted(rows, key=lambda row: (-row[1], row[0].base)))


def _json(weight: _Weight) -> dict[str, Any]:
    return {
        "path": str(weight.path),
        "size_bytes": weight.own_bytes,
        "closure_bytes": weight.closure_bytes,
        "unique_bytes": weight.unique_bytes,
        "objects": [
            {"path": str(path), "size_bytes": count, "unique": is_unique} for path, count, is_unique in weight.objects
        ],
    }


def _lines(weight: _Weight, session: Session) -> Iterator[str]:
    yield f"{weight.closure_bytes:>14,}  {weight.own_bytes:>14,}  {weight.unique_bytes:>14,}  {weight.path}"
    if session.options.objects:
        for path, count, is_unique in weight.objects:
            yield f"{'':>14}  {count:>14,}  {'alone' if is_unique else '':>14}  {path}"
