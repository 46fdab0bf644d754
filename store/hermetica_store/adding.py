"""Adding what lies elsewhere: trees by copy, bytes, and rows."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import attrs

from hermetica_store.errors import StoreError
from hermetica_store.leases import Lease
from hermetica_store.origins import folder_digests, keep_origin, last_made, place_of
from hermetica_store.parts import registered
from hermetica_store.path import store_path
from hermetica_store.publish import publish
from hermetica_store.refusals import working_in
from hermetica_store.rows import check_rows, write_rows
from hermetica_store.schema import OBJECTS
from hermetica_store.scratch import scratch
from hermetica_store.statcache import IndexedStatCache
from hermetica_store.trees import outline_tree

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Mapping, Sequence
    from pathlib import Path

    from hermetica_store.origins import Origin
    from hermetica_store.outline import Outline
    from hermetica_store.path import StorePath
    from hermetica_store.prepare import Prepared
    from hermetica_store.renew import Former
    from hermetica_store.schema import Row
    from hermetica_store.shared import Shared
    from hermetica_store.transaction import Transaction
    from hermetica_store.trees import Stamp
    from hermetica_store.writer import Commit


class SourceChanged(StoreError):
    """What was copied into the store is not what had been hashed before."""

    code = "HM429"

    def __init__(self, source: Path, expected: StorePath, got: StorePath) -> None:
        super().__init__(
            f"{source} changed after it was hashed",
            details=(("expected", str(expected)), ("got", str(got))),
            hint="evaluate again when nothing writes there",
        )
        self.expected = expected
        self.got = got


@attrs.frozen
class _Made:
    """A tree in scratch, ready to be published.

    Attributes:
        prepared: it.
        sources: what was learnt of its source, for the stat cache.
        folders: the digests of its directories, by path.
    """

    prepared: Prepared
    sources: Sequence[tuple[Stamp, bytes]]
    folders: Mapping[bytes, bytes]


def add_tree(
    shared: Shared,
    source: Path,
    name: str,
    lease: Lease,
    *,
    files: Sequence[str] | None,
    expected: StorePath | None,
) -> StorePath:
    """Bring a tree in, as an object without references.

    One that is there already, by the stat cache, is left alone. Where a former state of it is there, what did not
    change is linked. Everything else is copied; a name that the store has never heard is copied at once.

    Raises:
        SourceChanged: it became something else than ``expected``; nothing is added.
    """
    same_name = _same_name(shared, name)
    place = place_of(source, name)
    origin = None if place is None else last_made(shared, place, same_name)
    cache, seen = IndexedStatCache(shared, writable=True), None
    if origin is not None or (
        expected is None and (same_name or any(_same_name(each, name) for each in shared.lowers))
    ):
        found, seen = outline_tree(source, files, cache=cache)
        path = store_path(name, found.tree)
        if (expected is None or path == expected) and shared.is_there(path) and lease.hold([path]):
            return path
    with scratch(shared.layout) as room, working_in(shared.layout.root):
        tree, made = room.path / "tree", None
        if origin is not None and seen is not None:
            made = _renewed(shared, source, name, files, seen, origin, tree)
        if made is None:
            made = _copied(source, name, files, tree)
        path = made.prepared.path
        if expected is not None and path != expected:
            raise SourceChanged(source, expected, path)
        publish(shared, [made.prepared], lease, ())
        cache.put_many(made.sources)
        if place is not None:
            keep_origin(shared, place, path, made.folders)
    return path


def _same_name(shared: Shared, name: str) -> list[bytes]:
    """The objects of that name in one store."""
    ending = f"-{name}".encode()
    return [base for base in shared.index.read(_keys) if base.endswith(ending)]


def _keys(tx: Transaction) -> set[bytes]:
    return tx.keys(OBJECTS)


def _copied(source: Path, name: str, files: Sequence[str] | None, tree: Path) -> _Made:
    from hermetica_store.compose import Composed  # noqa: PLC0415 -- only adding needs it
    from hermetica_store.copy import Copied, copy_tree  # noqa: PLC0415 -- only adding needs it
    from hermetica_store.prepare import Candidate, prepare  # noqa: PLC0415 -- only adding needs it

    copied = Copied()
    copy_tree(source, tree, files, copied)
    composed = Composed(files=copied.files)
    candidate = Candidate(tree=tree, name=name, discard_references=True, check_writers=False, composed=composed)
    (prepared,) = prepare([candidate])
    return _Made(prepared, copied.sources, folder_digests(prepared.content))


def _renewed(
    shared: Shared,
    source: Path,
    name: str,
    files: Sequence[str] | None,
    seen: Outline,
    origin: Origin,
    tree: Path,
) -> _Made | None:
    """A tree with what a former object has of it; None where there is no such object any longer."""
    from hermetica_store.prepare import Prepared  # noqa: PLC0415 -- only adding needs it
    from hermetica_store.renew import renew  # noqa: PLC0415 -- only where a source changed

    with _held(shared, origin.path):
        former = _former(shared, origin)
        if former is None:
            return None
        renewed = renew(source, files, seen, former, tree, IndexedStatCache(shared, writable=True))
    prepared = Prepared(
        output="out",
        path=store_path(name, renewed.tree),
        tree=renewed.tree,
        modulo=renewed.tree,
        size_bytes=renewed.size_bytes,
        references=(),
        tree_on_disk=tree,
        file_count=renewed.file_count,
        content=renewed.content,
        manifest=renewed.manifest,
    )
    return _Made(prepared, renewed.sources, renewed.folders)


@contextlib.contextmanager
def _held(shared: Shared, path: StorePath) -> Generator[None]:
    """Keep an object from collection, if it is there."""
    lease = Lease(shared.layout.locks, shared.writer)
    shared.leases.add(lease)
    try:
        lease.hold([path])
        yield
    finally:
        lease.end()


def _former(shared: Shared, origin: Origin) -> Former | None:
    """The object that a source was, as what its present state can be made of; None where it is of no use."""
    found = shared.overlay.object(origin.path) or registered(shared, origin.path)
    root = shared.layout.objects / origin.path.base
    if found is None or root.is_symlink() or not os.access(root, os.R_OK | os.X_OK) or not root.is_dir():
        return None
    from hermetica_store.manifest import split_manifest  # noqa: PLC0415 -- only where a source changed
    from hermetica_store.renew import Former  # noqa: PLC0415 -- only where a source changed

    try:
        return Former(root=root, entries=split_manifest(found[1]), folders=origin.folders)
    except ValueError:  # verification says so; a copy needs no manifest
        return None


def add_bytes(
    shared: Shared,
    data: bytes,
    name: str,
    lease: Lease,
    *,
    references: Collection[StorePath],
    executable: bool,
    rows: Sequence[Row],
) -> StorePath:
    """Add a file with these bytes, with those of ``references`` that they mention."""
    from hermetica_store.prepare import Candidate, prepare  # noqa: PLC0415 -- only adding needs it

    with scratch(shared.layout) as room, working_in(shared.layout.root):
        tree = room.path / "file"
        tree.write_bytes(data)
        if executable:
            tree.chmod(0o755)
        (prepared,) = prepare([Candidate(tree=tree, name=name, check_writers=False)], references)
        publish(shared, [prepared], lease, rows)
    return prepared.path


def put(shared: Shared, rows: Sequence[Row]) -> Commit:
    """Put rows, to be seen by this process at once.

    Raises:
        InvalidKey: a key is empty or too long.
    """
    check_rows(rows)
    kept, token = list(rows), object()
    shared.overlay.add((), kept, token)
    try:
        return shared.writer.submit(
            lambda tx: write_rows(tx, kept), ended=lambda _: shared.overlay.remove((), kept, token)
        )
    except BaseException:
        shared.overlay.remove((), kept, token)
        raise
