"""B51, B52, B56: room is made in time, by rules that the user set, and a store outlives the version that made it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lmdb
import pytest

import hermetica as hm
from hermetica_store import StoreVersionMismatch
from hermetica_store.schema import META, SCHEMA_VERSION, VERSION_KEY
from tests.store.fixtures.make import packages, unpack

if TYPE_CHECKING:
    from pathlib import Path

    from tests.behaviours.conftest import CommandLine

pytestmark = pytest.mark.sandbox


def test_b56_a_store_of_an_earlier_schema_migrates_and_answers_as_before(
    command: CommandLine, store_root: Path
) -> None:
    expected = unpack("schema-1", store_root)
    assert command("store", "ls").stdout.split() == sorted(expected["objects"])
    ((key, text),) = expected["logs"].items()
    app = expected["outputs"]["app"]
    assert command("log", app).stdout == text
    assert key
    assert "app.conf^out" in command("query", "derivers", app).stdout
    command("store", "verify")
    with hm.evaluation(), hm.Store.open(store_root) as store:
        results = store.realize_all([each for name, each in packages().items() if name != "broken"])
        assert {str(each.outcome) for each in results.all} == {"cached"}


def test_b56_a_store_of_a_later_schema_is_refused_with_the_way_out(command: CommandLine, store_root: Path) -> None:
    hm.Store.open(store_root).close()
    with lmdb.open(str(store_root / "index"), max_dbs=40) as environment:
        meta = environment.open_db(META)
        with environment.begin(write=True) as raw:
            raw.put(VERSION_KEY, str(int(SCHEMA_VERSION) + 1).encode(), db=meta)
    ended = command("store", "ls", status=4)
    assert f"error[{StoreVersionMismatch.code}]" in ended.stderr
    assert "use the hermetica that wrote it, or one that came later" in ended.stderr
