"""Repair of the index: rows that follow from others, or from the files that they are about."""

from __future__ import annotations

import attrs

from hermetica_store import ObjectStore, Row, StorePath, Table
from hermetica_store.prepare import Candidate
from hermetica_store.schema import LEASES, MANIFESTS, NARS, OBJECTS, OWNED, REFERRERS, STATS
from tests.store.processes import add
from tests.store.test_dedup import damage
from tests.store.test_verify import ABSENT, write


def test_rows_that_follow_from_others_are_put_right(object_store: ObjectStore) -> None:
    store = object_store
    with store.lease() as lease:
        library = add(store, lease, "library")
        app = add(store, lease, "app", "app", library)
        store.put([Row(Table.TRACE, b"k", b"v", app), Row(Table.TRACE, b"gone", b"v", library)]).wait()
        before = store.verify().problems
        assert before == ()
        base, other = app.base.encode(), library.base.encode()
        write(store, lambda tx: tx.delete(REFERRERS, other, base))
        write(store, lambda tx: tx.put(REFERRERS, base, other))
        write(store, lambda tx: tx.delete(OWNED, base))
        write(store, lambda tx: tx.put(OWNED, other, b"tnothing"))
        write(store, lambda tx: tx.put(LEASES, bytes(8) + ABSENT, b"1"))
        write(store, lambda tx: tx.put(MANIFESTS, base, b"\x09nonsense"))
        write(store, lambda tx: tx.delete(MANIFESTS, other))
        write(store, lambda tx: tx.put(NARS, base, b"\x09"))
        write(store, lambda tx: tx.put(STATS, bytes(16), b"short"))
        report = store.repair()
        assert report.unrepaired == ()
        assert len(report.rows) >= 8
        assert store.verify().problems == ()
        assert store.referrers(library) == (app,)


def garble(store: ObjectStore, path: StorePath) -> None:
    write(store, lambda tx: tx.put(OBJECTS, path.base.encode(), b"\x09"))


def test_the_row_of_an_object_follows_from_its_files_for_its_path_certifies_them(object_store: ObjectStore) -> None:
    store = object_store
    with store.lease() as lease:
        library = add(store, lease, "library")
        app = add(store, lease, "app", "app", library)
        alone = store.add_tree(store.on_disk(app), "alone", lease=lease)  # mentions library, and does not refer to it
        with store.scratch() as scratch:
            tree = scratch.path / "tree"
            own = "hx" + "1" * 30
            tree.write_text(f"/hermetica/store/{own}-itself and {library}")
            (prepared,) = store.prepare([Candidate(tree=tree, name="itself", scratch_digest=own)], [library])
            store.publish([prepared], lease=lease).wait()
        paths = (library, app, alone, prepared.path)
        before = [store.info(path) for path in paths]
        for path in paths:
            garble(store, path)
        report = store.repair()
        assert report.unrepaired == ()
        assert len([row for row in report.rows if "damaged object row" in row.detail]) == len(paths)
        for path, info in zip(paths, before, strict=True):
            now = store.info(path)
            assert now is not None
            assert info is not None
            assert attrs.evolve(now, registered_at=info.registered_at) == info
        assert store.verify().problems == ()
        damage(store.on_disk(app), b"APP")
        garble(store, app)
        assert [each.path for each in store.repair().unrepaired] == [app]


def test_what_follows_from_nothing_is_named_with_what_to_do(object_store: ObjectStore) -> None:
    store = object_store
    with store.lease() as lease:
        library = add(store, lease, "library")
        app = add(store, lease, "app", "app", library)
        store.add_root("r", app)
        write(store, lambda tx: tx.delete(OBJECTS, app.base.encode()))
        left = store.repair().unrepaired
    assert ["root rm" in each.hint for each in left] == [True]
