"""Exchange over layered stores: what lies in a lower store is given as well, and not taken again."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from hermetica_store import ObjectStore
from hermetica_store.exchange import export_archive, export_cache, import_archive, import_cache
from tests.exchange.closures import Closure, fill, whole

if TYPE_CHECKING:
    from pathlib import Path

    from hermetica_store import StorePath


def archive(store: ObjectStore, path: StorePath) -> io.BytesIO:
    stream = io.BytesIO()
    export_archive(store, [path], stream)
    return io.BytesIO(stream.getvalue())


def test_a_closure_across_two_stores_is_exported_whole(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure, tmp_path: Path
) -> None:
    with ObjectStore.open(tmp_path / "upper", lower=[object_store.root]) as upper, upper.lease() as lease:
        text = f"needs {closure.note}".encode()
        top = upper.add_bytes(text, "top", lease=lease, references=[closure.note])
        assert set(export_cache(upper, [top], tmp_path / "cache").paths) == {*closure.paths, top}
        with other_store.lease() as other:
            assert set(import_archive(other_store, archive(upper, top), lease=other).added) == {*closure.paths, top}
    assert whole(other_store) == {*closure.paths, top}


def test_what_a_lower_store_has_is_not_taken_again(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure, tmp_path: Path
) -> None:
    with other_store.lease() as lease:
        import_archive(other_store, archive(object_store, closure.app), lease=lease)
    export_cache(object_store, [closure.note], tmp_path / "cache")
    for way in ("archive", "cache"):
        with ObjectStore.open(tmp_path / f"upper-{way}", lower=[other_store.root]) as upper:
            with upper.lease() as lease:
                if way == "archive":
                    done = import_archive(upper, archive(object_store, closure.note), lease=lease)
                else:
                    done = import_cache(upper, tmp_path / "cache", [closure.note], lease=lease)
            assert done.added == (closure.note,)
            assert not upper.verify().problems
            assert [entry.name for entry in (upper.root / "store").iterdir()] == [closure.note.base]


def test_a_store_fills_itself_from_its_own_archive_and_nothing_changes(
    object_store: ObjectStore, closure: Closure
) -> None:
    with object_store.lease() as lease:
        done = import_archive(object_store, archive(object_store, closure.note), lease=lease)
    assert (done.added, done.present) == ((), 3)
    assert fill(object_store) == closure
