"""Adding what lies elsewhere: trees by copy, bytes, and rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica_store.errors import StoreError
from hermetica_store.path import store_path
from hermetica_store.publish import publish
from hermetica_store.refusals import working_in
from hermetica_store.rows import check_rows, write_rows
from hermetica_store.schema import OBJECTS
from hermetica_store.scratch import scratch
from hermetica_store.statcache import IndexedStatCache
from hermetica_store.trees import hash_tree

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from hermetica_store.leases import Lease
    from hermetica_store.path import StorePath
    from hermetica_store.schema import Row
    from hermetica_store.shared import Shared
    from hermetica_store.transaction import Transaction
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


def add_tree(
    shared: Shared,
    source: Path,
    name: str,
    lease: Lease,
    *,
    files: Sequence[str] | None,
    expected: StorePath | None,
) -> StorePath:
    """Copy a tree in, as an object without references; one that is there already, by the stat cache, is not copied.

    Raises:
        SourceChanged: it became something else than ``expected``; nothing is added.
    """
    if expected is None and (known := _known(shared, source, name, lease, files)) is not None:
        return known
    from hermetica_store.compose import Composed  # noqa: PLC0415 -- only adding needs it
    from hermetica_store.copy import Copied, copy_tree  # noqa: PLC0415 -- likewise
    from hermetica_store.prepare import Candidate, prepare  # noqa: PLC0415 -- likewise

    with scratch(shared.layout) as room, working_in(shared.layout.root):
        tree, copied = room.path / "tree", Copied()
        copy_tree(source, tree, files, copied)
        composed = Composed(files=copied.files)
        (prepared,) = prepare(
            [Candidate(tree=tree, name=name, discard_references=True, check_writers=False, composed=composed)]
        )
        if expected is not None and prepared.path != expected:
            raise SourceChanged(source, expected, prepared.path)
        publish(shared, [prepared], lease, ())
        IndexedStatCache(shared, writable=True).put_many(copied.sources)
    return prepared.path


def _known(shared: Shared, source: Path, name: str, lease: Lease, files: Sequence[str] | None) -> StorePath | None:
    """The object that a tree is already, now held; None where it is none, which is sure where none has that name."""
    ending = f"-{name}".encode()
    if not any(base.endswith(ending) for each in (shared, *shared.lowers) for base in each.index.read(_keys)):
        return None
    cache = IndexedStatCache(shared, writable=True)
    path = store_path(name, hash_tree(source, files, cache=cache).tree)
    return path if shared.is_there(path) and lease.hold([path]) else None


def _keys(tx: Transaction) -> set[bytes]:
    return tx.keys(OBJECTS)


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
