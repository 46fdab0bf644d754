"""Records: derivations as JSON that come back as they were, or not at all."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hermetica.model as hm
from hermetica.model import InvalidRecord, UnknownPlaceholder, evaluation, from_record, from_records, to_records

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
structured = st.none() | st.dictionaries(
    texts, st.lists(st.integers(-9, 9) | texts | st.none(), max_size=3), max_size=3
)


def sample() -> hm.Derivation:
    source = hm.Source(
        path=hm.store_path_source(f"/hermetica/store/hx{'b' * 30}-src").path, root="/r", files=("a", "b")
    )
    library = hm.derivation(name="zlib", builder=f"{source}/make", outputs=("out", "dev"))
    archive = hm.fetchurl("https://example.org/a.tar.gz", sha256="0" * 64)
    return hm.derivation(
        name="app",
        builder="/bin/sh",
        args=[f"-I{library:dev}", str(archive)],
        rootfs=library,
        env={"A": "é"},
        pass_as_file=["A"],
        structured={"b": [1, None, True], "a": {"x": str(library)}},
        export_references={"graph": str(library)},
        checks=hm.OutputChecks(allowed_references=(), max_size_bytes=5),
        features=["clock:frozen"],
        meta=hm.Meta(description="an app", maintainers=("me",)),
    )


def stored(root: hm.Derivation) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads(json.dumps(to_records([root])))
    return records


def test_records_read_in_another_evaluation_are_the_same_derivations() -> None:
    app = sample()
    records = stored(app)
    with evaluation():
        again = from_records(records)
        assert stored(again) == records
    assert (again.id, again.canonical, again.meta, again.origin) == (app.id, app.canonical, app.meta, app.origin)
    assert [each.id for _, each in again.inputs.derivations] == [each.id for _, each in app.inputs.derivations]


@given(
    st.lists(texts, max_size=3),
    st.dictionaries(texts.filter(lambda key: key and "=" not in key and key != "out"), texts),
    structured,
)
def test_any_derivation_comes_back_with_its_id(args: list[str], env: dict[str, str], attributes: Any) -> None:
    with evaluation():
        app = hm.derivation(name="app", builder="/bin/sh", args=args, env=env, structured=attributes)
        assert from_records(stored(app)).canonical == app.canonical


def test_a_record_may_have_been_written_out_with_its_keys_in_any_order() -> None:
    (record,) = stored(hm.text("a", "b"))
    record["derivation"] = dict(reversed(record["derivation"].items()))
    assert from_record(record) == hm.text("a", "b")


def tampered(change: Any) -> dict[str, Any]:
    record = copy.deepcopy(stored(sample())[-1])
    change(record)
    return record


def drop(*path: str) -> Any:
    def change(record: dict[str, Any]) -> None:
        for key in path[:-1]:
            record = record[key]
        del record[path[-1]]

    return change


def put(value: Any, *path: str) -> Any:
    def change(record: dict[str, Any]) -> None:
        for key in path[:-1]:
            record = record[key]
        record[path[-1]] = value

    return change


TAMPERED = {
    "another id": put("0" * 64, "id"),
    "another name": put("evil", "derivation", "name"),
    "another variable": put("x", "derivation", "env", "A"),
    "one more variable": put("x", "derivation", "env", "B"),
    "a check less": drop("derivation", "checks"),
    "another system": put("aarch64-linux", "derivation", "system"),
    "another format": put("hermetica.derivation/2", "derivation", "format"),
    "no inputs": drop("derivation", "inputs"),
    "other inputs": put([], "derivation", "inputs"),
    "other sources": put(["/hermetica/store/x"], "derivation", "sources"),
    "what may be left out, said": put({}, "derivation", "sources"),
    "no name": drop("derivation", "name"),
    "no derivation": drop("derivation"),
    "no id": drop("id"),
    "a field that is none": put(1, "derivation", "evil"),
    "a float": put(1.5, "derivation", "structured", "a"),
    "a lone surrogate": put("\ud800", "derivation", "env", "A"),
    "a mangled placeholder": put("/730159264817", "derivation", "builder"),
    "a list for a mapping": put([1], "derivation", "env"),
    "a check that is none": put({"out": {"evil": 1}}, "derivation", "checks"),
    "a check on no output": put({"dev": {"max_size_bytes": 1}}, "derivation", "checks"),
    "a hash that is none": put({"algorithm": "md5", "digest": "", "method": "flat"}, "derivation", "fixed"),
    "sources that are none": put([{"path": "/etc"}], "sources"),
    "meta that is none": put({"evil": 1}, "meta"),
    "a list for a form": put([], "derivation"),
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED.keys())
def test_a_record_that_is_not_what_its_id_says_is_refused(change: Any) -> None:
    with pytest.raises(InvalidRecord) as caught:
        from_record(tampered(change))
    assert caught.value.code == "HM209"


@pytest.mark.parametrize("record", [None, [], "x", 5, {}])
def test_what_is_no_record_is_refused(record: Any) -> None:
    with pytest.raises(InvalidRecord):
        from_record(record)


def test_no_records_are_no_derivation() -> None:
    with pytest.raises(InvalidRecord, match="no records"):
        from_records([])


def test_a_record_whose_inputs_were_not_read_is_refused() -> None:
    last = stored(sample())[-1]
    with evaluation(), pytest.raises(UnknownPlaceholder):
        from_record({**last, "sources": []})


def test_records_of_a_closure_hold_each_derivation_once_and_inputs_first() -> None:
    records = stored(sample())
    ids = [record["id"] for record in records]
    assert len(set(ids)) == len(ids) == 3
    assert records[-1]["derivation"]["name"] == "app"
