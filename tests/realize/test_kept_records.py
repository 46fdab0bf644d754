"""Kept derivations name a long list of files, which is kept once, and are read as if they held it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.model import InvalidRecord, from_record, to_record
from hermetica.realize.kept_records import KeptRecords
from hermetica.realize.realized import declared_by_id
from hermetica.realize.trace import derivation_rows
from hermetica_store import IndexDamaged, ObjectStore, Row, Table
from tests.campaign import checker
from tests.store.fixtures import listed
from tests.store.fixtures.make import lay_out
from tests.store.test_verify import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    listed.make_tree(tmp_path / "tree")
    return tmp_path / "tree"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[hm.Store]:
    with hm.evaluation(), hm.Store.open(tmp_path / "root") as opened:
        yield opened


def project(tree: Path) -> hm.Source:
    return hm.source(tree, include=["package/**"], name="project")


def many(source: hm.Source, count: int) -> list[hm.Derivation]:
    return [hm.derivation(name=f"part-{number}", builder=f"{source}/build") for number in range(count)]


def kept(store: hm.Store, derivation: hm.Derivation) -> bytes:
    value = store.objects.get(Table.DERIVATIONS, derivation.id.raw)
    assert value is not None
    return value


def lists(store: hm.Store) -> int:
    return sum(1 for _ in store.objects.items(Table.SELECTIONS))


def test_derivations_that_use_one_source_keep_its_list_once(store: hm.Store, tree: Path) -> None:
    made = many(project(tree), 50)
    store.add_derivations(made)
    values = [kept(store, each) for each in made]
    assert max(map(len, values)) < 1000 < len(json.dumps(listed.FILES))
    assert lists(store) == 1
    reading = KeptRecords(store.objects)
    for each, value in zip(made, values, strict=True):
        record = reading.read(value)
        assert json.dumps(record) == json.dumps(to_record(each))
        assert from_record(record).id == each.id
    assert declared_by_id(store.objects, [each.id for each in made])[made[0].id].canonical == made[0].canonical.decode()


def test_records_that_name_one_list_share_it_in_memory(store: hm.Store, tree: Path) -> None:
    made = many(project(tree), 2)
    store.add_derivations(made)
    reading = KeptRecords(store.objects)
    first, second = (reading.read(kept(store, each))["sources"][0]["files"] for each in made)
    assert first is second
    assert first == listed.FILES


def test_few_files_and_all_files_stay_in_the_record(store: hm.Store, tree: Path) -> None:
    few = hm.source(tree, include=["package/module_00?.py"], name="few")
    whole = hm.store_path(few.path)
    made = [*many(few, 1), hm.derivation(name="of-a-path", builder=f"{whole}/build")]
    store.add_derivations(made)
    assert lists(store) == 0
    for each in made:
        assert json.dumps(KeptRecords(store.objects).read(kept(store, each))) == json.dumps(to_record(each))


def test_a_record_that_only_names_its_files_is_not_taken_for_a_whole_one(store: hm.Store, tree: Path) -> None:
    (made,) = many(project(tree), 1)
    store.add_derivations([made])
    with hm.evaluation(), pytest.raises(InvalidRecord, match="only names a list"):
        from_record(json.loads(kept(store, made)))


def test_a_list_that_is_gone_is_said_to_be_and_not_taken_for_everything(store: hm.Store, tree: Path) -> None:
    (made,) = many(project(tree), 1)
    store.add_derivations([made])
    (key, _), *_ = store.objects.items(Table.SELECTIONS)
    write(store.objects, lambda tx: tx.delete(Table.SELECTIONS.value, key))
    with pytest.raises(IndexDamaged, match="lacks the list of files") as caught:
        KeptRecords(store.objects).read(kept(store, made))
    assert caught.value.hint is not None
    assert declared_by_id(store.objects, [made.id])[made.id].id == made.id.hex
    store.add_derivations([made])
    assert KeptRecords(store.objects).read(kept(store, made))["sources"][0]["files"] == listed.FILES


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b'{"sources":[{"selection":"x"}]}', b'{"sources":[1]}'])
def test_a_damaged_record_is_refused(store: hm.Store, value: bytes) -> None:
    with pytest.raises(IndexDamaged, match="damaged derivation"):
        KeptRecords(store.objects).read(value)


def test_a_source_is_copied_and_its_user_built_again_from_the_list(store: hm.Store, tree: Path) -> None:
    source = project(tree)
    made = hm.text("of.conf", f"of {source}\n")
    realized = store.realize(made)
    file = store.on_disk(source.path) / listed.FILES[0]
    file.chmod(0o644)
    file.write_text("damaged\n")
    assert [(each.path, each.how) for each in store.repair([source.path]).repaired] == [(source.path, "supplied")]
    assert not (store.on_disk(source.path) / "package" / "notes.txt").exists()
    store.objects.add_root("of", realized.out)
    store.on_disk(realized.out).unlink()
    assert [each.how for each in store.repair().repaired] == ["supplied"]
    assert store.objects.verify().problems == ()


def old_rows(derivations: list[hm.Derivation]) -> list[Row]:
    """The rows of a version that kept lists in records."""
    return [Row(Table.DERIVATIONS, each.id.raw, json.dumps(to_record(each)).encode()) for each in derivations]


def test_records_of_earlier_versions_are_read_and_replaced(store: hm.Store, tree: Path) -> None:
    made = many(project(tree), 2)
    store.objects.put(old_rows(made)).wait()
    reading = KeptRecords(store.objects)
    assert [reading.read(kept(store, each))["sources"][0]["files"] for each in made] == [listed.FILES] * 2
    store.objects.put(derivation_rows(made[:1])).wait()
    assert [len(kept(store, each)) < 1000 for each in made] == [True, False]
    assert [reading.read(kept(store, each))["sources"][0]["files"] for each in made] == [listed.FILES] * 2


def test_a_store_that_an_earlier_version_wrote_is_read_used_and_collected(tmp_path: Path, tree: Path) -> None:
    root = tmp_path / "old"
    lay_out(listed.PLACE, root)
    with ObjectStore.open(root, read_only=True) as objects:
        records = {key: KeptRecords(objects).read(value) for key, value in objects.items(Table.DERIVATIONS)}
        assert objects.verify().problems == ()
    with hm.evaluation(), hm.Store.open(root) as store:
        made = listed.derivations(tree)
        assert {each.id.raw for each in made.values()} == records.keys()
        lists_of = {
            record["derivation"]["name"]: [row["files"] for row in record["sources"]] for record in records.values()
        }
        assert lists_of == {
            "left.conf": [listed.FILES],
            "right.conf": [listed.FILES],
            "free.conf": [listed.FILES],
            "app.conf": [],
        }
        assert store.realize(made["app"]).outcome == hm.Outcome.CACHED
        store.realize(hm.text("new.conf", f"new {made['left'].sources[0]}\n"))
        assert lists(store) == 1
        assert store.objects.verify().problems == ()
        store.objects.collect()
        assert [sum(1 for _ in store.objects.items(table)) for table in (Table.DERIVATIONS, Table.SELECTIONS)] == [3, 0]
        store.objects.remove_root("app")
        store.objects.collect()
        assert [sum(1 for _ in store.objects.items(table)) for table in (Table.DERIVATIONS, Table.SELECTIONS)] == [0, 0]
    assert checker.check(root, collected=True)[1] == []
    shutil.rmtree(root)


def test_a_source_that_is_declared_again_shares_its_list(store: hm.Store, tree: Path) -> None:
    first = project(tree)
    store.add_derivations(many(first, 1))
    again = project(tree)
    assert again == first
    assert again.files is first.files
