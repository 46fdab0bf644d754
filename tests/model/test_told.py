"""Derivations that another process told of: the same as they are there, read when asked, refused where they lie."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given

import hermetica.model as hm
from hermetica.model import Derivation, Source, derivation, evaluation
from hermetica.model.canonical import NotCanonical
from hermetica.model.difference import Declared
from hermetica.model.identity import derivation_id
from hermetica.model.record import declared_in, record_bytes
from hermetica.model.told import Told
from hermetica_store.digest import Digest
from hermetica_store.path import store_path
from tests.model.test_difference import FORMS, make

DEEP = 5_000


def told(*made: Derivation) -> list[Told]:
    """What another evaluation knows after these were told to it."""
    found: list[Told] = []
    for each in hm.closure(made):
        for source in each.sources:
            str(source)
        found.append(Told.of(record_bytes(each, with_sources=False), {}))
        found[-1].placeholder()
    return found


def is_read(each: Told) -> bool:
    return "args" in vars(each)


def edited(made: Derivation, before: bytes, after: bytes) -> bytes:
    """Its record with another form, and the id of that."""
    record = record_bytes(made).replace(before, after)
    form = made.canonical.replace(before, after)
    assert form != made.canonical
    return record.replace(made.id.hex.encode(), derivation_id(form).hex.encode())


@given(FORMS)
def test_what_was_told_is_what_it_was(form: dict[str, Any]) -> None:
    with evaluation():
        source = Source(path=store_path("src", Digest.of(b"")), root="/home/me/src")
        made = make(system=f"{make('tool')} {source}", meta=hm.Meta(description="d"), **form)
    with evaluation():
        there = told(made)[-1]
        for field in attrs.fields(Derivation):
            if not field.name.startswith("_"):
                assert getattr(there, field.name) == getattr(made, field.name), field.name


def test_questions_about_a_graph_read_no_derivation() -> None:
    low = make("low", outputs=["out", "dev"])
    top = make("top", env={"low": f"{low:dev}"})
    with evaluation():
        found = told(top)
        assert [(each.name, each.outputs, str(each.origin)) for each in hm.closure(found)] == [
            (each.name, each.outputs, str(each.origin)) for each in (low, top)
        ]
        assert not any(map(is_read, found))


@given(FORMS)
def test_what_a_derivation_resolves_to_is_told_without_reading_it(form: dict[str, Any]) -> None:
    content = store_path("tool", Digest.of(b""))
    with evaluation():
        made = make(system=f"{make('tool')}", meta=hm.Meta(description="d"), **form)
        resolved = hm.resolve(made, lambda _: content)
    with evaluation():
        there = told(made)[-1]
        found = hm.resolved_form(there, lambda _: content)
        assert found.id == resolved.id
        assert record_bytes(there) == record_bytes(made)
        assert is_read(there) == bool(made.checks or made.features or made.fixed or made.structured is not None)
        assert found.read() == resolved
        assert is_read(there)


@pytest.mark.parametrize("field", ["builder", "system"])
@pytest.mark.parametrize("text", ['"', "\\", '\\"', '","env":{', '},"', '"system":"', '],"builder":"x', "ü", "\n", ""])
def test_no_text_of_the_users_is_taken_for_the_form(field: str, text: str) -> None:
    builder, system = (f"a{text}", "any") if field == "builder" else ("/bin/sh", f"a{text}")
    made = derivation(
        name="app",
        builder=builder,
        system=system,
        args=[text, f'],"builder":"x{text}'],
        env={"A}": text, "builder": text},
    )
    with evaluation():
        (there,) = told(made)
        assert (there.builder, there.system, there.env) == (made.builder, made.system, made.env)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b',"name":"app"', b',"more":[],"name":"app"'),
        (b',"name":"app"', b',"inputs":[],"name":"app"'),
        (b',"outputs":["out"]', b',"outputs":["out"],"sources":["/a"],"b":["]'),
    ],
    ids=["another member", "an empty list", "a list that goes on"],
)
def test_a_form_is_not_found_by_what_it_would_be_without_what_it_says_of_its_inputs(
    before: bytes, after: bytes
) -> None:
    with evaluation():
        there = Told.of(edited(make(), before, after), {})
        with pytest.raises((NotCanonical, hm.InvalidRecord)):
            hm.resolved_form(there, lambda token: pytest.fail(f"it has no input {token}"))


def test_what_is_said_for_people_matters_to_who_asks_for_it() -> None:
    made = make()
    record = record_bytes(made).replace(b'"maintainers":[]', b'"maintainers":[],"no":1')
    assert declared_in(record) == Declared.of(made)
    with evaluation(), pytest.raises(hm.InvalidRecord, match="for people"):
        _ = Told.of(record, {}).meta


def test_a_fixed_output_is_known_by_its_contract() -> None:
    fetched = hm.fetchurl(url="mirror://pypi/a", sha256="0" * 64)
    user = make(env={"a": f"{fetched}"})
    with evaluation():
        found = told(user)
        assert [each.input_id for each in found] == [fetched.input_id, user.input_id]
        assert found[1].inputs.derivations[0][1] == fetched


def test_a_deep_chain_is_read_from_its_end() -> None:
    last = make("d0")
    for index in range(1, DEEP):
        last = make(f"d{index}", args=[f"{last}"])
    with evaluation():
        top = told(last)[-1]
    assert top.args == last.args
    assert is_read(top)
    assert len(hm.closure([top])) == DEEP


def test_a_record_of_another_id_is_refused() -> None:
    made = make()
    record = record_bytes(made).replace(b'"builder":"/bin/sh"', b'"builder":"/bin/no"')
    with evaluation(), pytest.raises(hm.InvalidRecord, match="not its own"):
        Told.of(record, {})


def test_what_makes_no_form_is_refused() -> None:
    with evaluation(), pytest.raises(hm.InvalidRecord, match="no form"):
        Told.of(edited(make(), b'"outputs":["out"]', b'"outputs":[]'), {})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"args":[]', b'"args": []'),
        (b'"name":"app"', b'"name":"../app"'),
        (b'"system":', b'"rootfs":null,"system":'),
        (b'"format":"hermetica.derivation/1"', b'"format":"hermetica.derivation/1","inputs":["/no"]'),
    ],
    ids=["white space", "a bad name", "what says nothing", "an input that nothing mentions"],
)
def test_a_form_that_no_derivation_has_is_refused_when_it_is_read(before: bytes, after: bytes) -> None:
    with evaluation():
        there = Told.of(edited(make(), before, after), {})
        with pytest.raises(hm.InvalidRecord):
            _ = there.args
        with pytest.raises(hm.InvalidRecord):
            there.ensure_read()
        with pytest.raises(AttributeError):
            _ = there.nothing_of_the_kind


@pytest.mark.parametrize("inputs", [b"/no", b"/" + b"1" * 64, str(hm.Token("0" * 32, "out")).encode()])
def test_inputs_that_are_none_are_refused(inputs: bytes) -> None:
    form = b'"format":"hermetica.derivation/1"'
    with evaluation():
        there = Told.of(edited(make(), form, form + b',"inputs":["' + inputs + b'"]'), {})
        with pytest.raises(hm.InvalidRecord, match="not the inputs"):
            _ = there.inputs


def test_a_derivation_that_was_told_can_be_changed() -> None:
    made = derivation(name="app", builder="/bin/sh", env={"A": "1"})
    with evaluation():
        changed = told(made)[0].override_attrs({"env": {"A": "2"}})
        assert changed == derivation(name="app", builder="/bin/sh", env={"A": "2"})
