"""What two derivations declare differently: nothing more than what was changed, and nothing less."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hermetica.model as hm
from hermetica.model import Derivation, Source, derivation, evaluation
from hermetica.model.difference import Declared, Difference, FieldChange, difference
from hermetica.model.origin import Origin
from hermetica.model.placeholder import is_whole
from hermetica.model.record import declared_in, record_bytes
from hermetica_store.digest import Digest
from hermetica_store.path import store_path

NAMES = st.text("abcXYZ_", min_size=1, max_size=4)
TEXTS = st.text(max_size=12).filter(lambda text: "\0" not in text and is_whole(text, 0))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
FORMS = st.fixed_dictionaries(
    {
        "env": st.dictionaries(NAMES, TEXTS, max_size=4),
        "args": st.lists(TEXTS, max_size=4),
        "structured": st.none() | st.dictionaries(NAMES, VALUES, max_size=3),
    }
)


def make(name: str = "app", **more: Any) -> Derivation:
    return derivation(name=name, builder="/bin/sh", **more)


def compare(before: Derivation, after: Derivation) -> Difference:
    return difference(Declared.of(before), Declared.of(after))


def source(content: str, name: str = "src") -> Source:
    return Source(path=store_path(name, Digest.of(content.encode())), root="/home/me/src")


@given(FORMS)
def test_a_derivation_does_not_differ_from_itself(form: dict[str, Any]) -> None:
    with evaluation():
        assert compare(make(**form), make(**form)) == Difference(fields=(), references=())


@given(FORMS, FORMS)
def test_two_derivations_differ_exactly_where_their_ids_do(one: dict[str, Any], other: dict[str, Any]) -> None:
    with evaluation():
        before, after = make(**one), make(**other)
        there, back = compare(before, after), compare(after, before)
        assert bool(there.fields) == (before.id != after.id)
        assert all(each.before != each.after for each in there.fields)
        assert _outside_lists(there) == {(field, after, before) for field, before, after in _outside_lists(back)}


def _outside_lists(found: Difference) -> set[tuple[str, str | None, str | None]]:
    """Changes of single values; what stayed of a list can be told in several ways."""
    return {(each.field, each.before, each.after) for each in found.fields if "[" not in each.field}


@given(FORMS, NAMES, TEXTS, TEXTS)
def test_one_variable_that_changes_is_one_field(form: dict[str, Any], name: str, before: str, after: str) -> None:
    with evaluation():
        env = form.pop("env")
        found = compare(make(env={**env, name: before}, **form), make(env={**env, name: after}, **form))
    assert [each.field for each in found.fields] == ([f"env.{name}"] if before != after else [])


def test_what_is_put_into_a_list_or_taken_out_of_it_is_told_alone() -> None:
    found = compare(make(args=["a", "b", "c"]), make(args=["new", "a", "c"]))
    assert found.fields == (
        FieldChange(field="args[0]", before=None, after='"new"'),
        FieldChange(field="args[1]", before='"b"', after=None),
    )


def test_values_that_are_no_texts_and_what_lies_deep_have_a_place_of_their_own() -> None:
    before = make(structured={"a": {"b": [1, {"c": True}]}, "gone": 1})
    after = make(structured={"a": {"b": [1, {"c": 1}]}, "new": [2]})
    assert [(each.field, each.before, each.after) for each in compare(before, after).fields] == [
        ("structured.a.b[1].c", "true", "1"),
        ("structured.gone", "1", None),
        ("structured.new", None, "[2]"),
    ]


def test_an_input_that_became_another_is_a_reference_not_a_field() -> None:
    old, new = make("zlib", env={"A": "1"}), make("zlib", env={"A": "2"})
    before = make(env={"zlib": f"{old}"}, args=[f"-L{old}/lib"], structured={"inputs": [f"{old}"]})
    after = make(env={"zlib": f"{new}"}, args=[f"-L{new}/lib"], structured={"inputs": [f"{new}"]})
    found = compare(before, after)
    assert found.fields == ()
    assert [pair[0] != pair[1] for pair in found.references] == [True]


def test_a_text_that_changed_beside_its_references_gives_both() -> None:
    old, new = make("zlib", env={"A": "1"}), make("zlib", env={"A": "2"})
    found = compare(make(args=[f"cc -O2 -L{old}"]), make(args=[f"cc -O3 -L{new}"]))
    assert [each.field for each in found.fields] == ["args[0]"]
    assert len(found.references) == 1


def test_another_output_of_the_same_input_is_a_field() -> None:
    zlib = make("zlib", outputs=("out", "dev"))
    found = compare(make(env={"z": f"{zlib}"}), make(env={"z": f"{zlib:dev}"}))
    assert [each.field for each in found.fields] == ["env.z"]


def test_a_source_with_other_files_is_a_reference_and_one_of_another_name_a_field() -> None:
    found = compare(make(env={"src": f"{source('a')}"}), make(env={"src": f"{source('b')}"}))
    assert found.fields == ()
    assert len(found.references) == 1
    renamed = compare(make(env={"src": f"{source('a')}"}), make(env={"src": f"{source('a', 'other')}"}))
    assert [each.field for each in renamed.fields] == ["env.src"]


def test_an_input_in_the_place_of_a_source_is_a_field() -> None:
    path = source("a", "zlib")
    found = compare(make(env={"z": f"{path}"}), make(env={"z": f"{make('zlib')}"}))
    assert [each.field for each in found.fields] == ["env.z"]


@given(FORMS, TEXTS)
def test_what_a_kept_record_declares_is_what_the_derivation_does(form: dict[str, Any], description: str) -> None:
    with evaluation():
        made = make(meta=hm.Meta(description=description), **form)
        assert declared_in(record_bytes(made)) == Declared.of(made)


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"id":"00"}', b"\xff" * 100])
def test_what_is_no_record_is_refused(damage: bytes) -> None:
    with pytest.raises(hm.InvalidRecord):
        declared_in(damage)


def test_the_name_is_the_derivations_own_wherever_else_one_stands() -> None:
    hostile = {"name": "no", "outputs": "["}
    made = make("app", env=hostile, structured={"name": "no", "outputs": ["no"]}, args=['"name":"no","outputs":['])
    assert Declared.of(made).name == "app"


def test_a_users_own_lists_of_inputs_and_sources_are_fields_like_others() -> None:
    def made(inputs: list[str]) -> Derivation:
        return make(structured={"inputs": inputs, "sources": ["/there"], "z": 1}, env={"inputs": "/in"})

    found = compare(made(["/a", "/b"]), made(["/a", "/c"]))
    assert [each.field for each in found.fields] == ["structured.inputs[1]"]


def test_the_origin_of_a_record_is_its_own_where_texts_of_a_builder_have_places_too() -> None:
    made = make(origin=Origin("pkgs.py", 3), places={"build": Origin("pkgs.py", 4)})
    assert declared_in(record_bytes(made)).origin == "pkgs.py:3"


def test_arguments_of_a_builder_in_python_are_compared_by_their_names() -> None:
    def called(title: str) -> Derivation:
        return make(structured={"named": {"dict": [["size", 3], ["title", title]]}, "pairs": {"dict": [[1, title]]}})

    changed = [each.field for each in compare(called("a"), called("b")).fields]
    assert changed == ["structured.named.title", "structured.pairs.dict[0][1]"]
