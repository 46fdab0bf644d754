"""The hashed bytes are put together as text; they are what the plain encoding of the fields would be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.model import Derivation, derivation
from hermetica.model.canonical import encode

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
names = st.text(st.characters(exclude_characters="\0=", exclude_categories=["Cs"]), min_size=1, max_size=4).filter(
    lambda name: name != "out"
)
forms = st.fixed_dictionaries(
    {
        "builder": texts.filter(bool),
        "args": st.lists(texts, max_size=4),
        "env": st.dictionaries(names, texts, max_size=5),
    },
    optional={
        "structured": st.dictionaries(texts, texts | st.integers(-9, 9) | st.lists(texts, max_size=2), max_size=3)
    },
)


@given(forms)
def test_the_canonical_bytes_are_the_encoding_of_the_fields(fields: dict[str, Any]) -> None:
    made = derivation(name="app", **fields)
    plain = {"name": "app", "outputs": ["out"], "system": "x86_64-linux", "format": "hermetica.derivation/1"}
    assert made.canonical == encode({**plain, **fields})


@given(forms)
def test_what_is_read_back_is_what_was_written(fields: dict[str, Any]) -> None:
    read = json.loads(derivation(name="app", **fields).canonical)
    assert {name: read[name] for name in fields} == fields


@pytest.mark.parametrize("text", ["\x0730159264817", "\x0171846295103\x017"])
def test_digits_that_only_the_escaping_completes_are_no_piece_of_a_placeholder(text: str) -> None:
    library = derivation(name="zlib", builder="/bin/sh")
    made = derivation(name="app", builder="/bin/sh", args=[text, f"{library}/lib"])
    assert made.inputs.texts == (str(library),)


def _uses(count: int) -> Derivation:
    inputs = [derivation(name=f"l{number}", builder="/bin/sh") for number in range(count)]
    return derivation(name="app", builder="/bin/sh", env={f"i{n}": f"{each}:{each}" for n, each in enumerate(inputs)})


def test_inputs_ascend_and_stand_once() -> None:
    made = _uses(12)
    assert list(made.inputs.texts) == sorted(set(made.inputs.texts)) == json.loads(made.canonical)["inputs"]
    assert [str(derivation) for _, derivation in made.inputs.derivations] == list(made.inputs.texts)
