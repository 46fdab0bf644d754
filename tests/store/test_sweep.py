"""What is not registered leaves ``store/``, and nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hermetica_store import ObjectStore, hash_tree, store_path
from hermetica_store.faults import IndexDamaged
from hermetica_store.move import path_key
from hermetica_store.schema import OBJECTS
from tests.store.processes import add, names, settle

if TYPE_CHECKING:
    from hermetica_store.transaction import Transaction


def test_what_somebody_is_publishing_is_not_swept(object_store: ObjectStore) -> None:
    places = [
        object_store.root / "store" / store_path(name, hash_tree(object_store.root / "locks").tree).base
        for name in ("file", "directory", "free")
    ]
    places[0].write_text("x")
    places[1].mkdir()
    (places[2] / "deep").mkdir(parents=True)
    (places[2] / "deep" / "file").write_text("x")
    places[2].chmod(0o555)
    claims = object_store._shared.claims  # pyright: ignore[reportPrivateUsage] -- as a publication takes it
    with claims.claim(path_key(places[0].name.encode())), claims.claim(path_key(places[1].name.encode())):
        object_store.collect()
        assert names(object_store.root / "store") == sorted(place.name for place in places[:2])
    object_store.collect()
    assert names(object_store.root / "store") == names(object_store.root / "tmp") == []


def test_a_damaged_row_is_never_taken_for_the_name_of_a_file(object_store: ObjectStore) -> None:
    shared = object_store._shared  # pyright: ignore[reportPrivateUsage] -- a damaged row, which nothing writes
    with object_store.lease() as lease:
        path = add(object_store, lease, "x")
    settle(object_store)
    precious = object_store.root / "precious"
    precious.touch()

    def damage(tx: Transaction) -> None:
        tx.put(OBJECTS, b"../precious", tx.get(OBJECTS, path.base.encode()) or b"")

    shared.index.write(damage)
    with pytest.raises(IndexDamaged, match=r"\.\./precious"):
        object_store.collect()
    assert precious.exists()
