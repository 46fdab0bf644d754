"""Canonical JSON: one byte form for each value, and none for what has no portable one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.model import NotCanonical, UnhashableValue
from hermetica.model.canonical import INTEGER_MAX, NESTING_MAX, decode, encode

texts = st.text(st.characters(exclude_categories=["Cs"]))
leaves = st.none() | st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | texts
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20)
mappings = st.dictionaries(texts, values, max_size=8)


def same(first: Any, second: Any) -> bool:
    """Equality that tells True from 1, which Python calls equal."""
    return json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)


@given(values)
def test_what_is_encoded_decodes_to_itself(value: Any) -> None:
    assert same(decode(encode(value)), value)


@given(values, values)
def test_different_values_have_different_bytes(first: Any, second: Any) -> None:
    assert (encode(first) == encode(second)) == same(first, second)


@given(mappings, st.randoms(use_true_random=False))
def test_the_order_in_which_keys_were_written_does_not_matter(value: dict[str, Any], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert encode(dict(items)) == encode(value)


@given(mappings)
def test_any_reader_of_json_reads_the_same_value(value: dict[str, Any]) -> None:
    assert same(json.loads(encode(value)), value)


@given(st.dictionaries(texts, st.none(), min_size=2))
def test_keys_stand_in_the_order_of_their_utf16_code_units(value: dict[str, None]) -> None:
    keys = list(json.loads(encode(value)))
    assert keys == sorted(keys, key=lambda key: key.encode("utf-16-be"))


def test_an_astral_key_sorts_before_one_of_the_last_plane_as_rfc_8785_says() -> None:
    assert encode({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'.encode()


def test_the_sorting_example_of_rfc_8785_comes_out_in_its_order() -> None:
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    expected = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(json.loads(encode(dict.fromkeys(keys)))) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("\x00\x1f\x7f", b'"\\u0000\\u001f\x7f"'),
        ('"\\/\b\f\n\r\t', b'"\\"\\\\/\\b\\f\\n\\r\\t"'),
        ("é\u2028", b'"\xc3\xa9\xe2\x80\xa8"'),
        ([True, False, None, -0, 2**53], b"[true,false,null,0,9007199254740992]"),
        ({"b": [], "a": {}}, b'{"a":{},"b":[]}'),
        (("a", 1), b'["a",1]'),
    ],
)
def test_the_bytes_are_those_of_rfc_8785(value: object, expected: bytes) -> None:
    assert encode(value) == expected


def test_text_is_not_normalised() -> None:
    assert encode("e\u0301") != encode("\u00e9")


class Text(str):
    __slots__ = ()


itself: list[Any] = []
itself.append(itself)

REFUSED = {
    "a float": 1.0,
    "not a number": math.nan,
    "a set": {"a"},
    "a frozen set": frozenset("a"),
    "bytes": b"a",
    "a path": Path("a"),
    "an object": object(),
    "a subclass of str": Text("a"),
    "an integer beyond 2**53": 2**53 + 1,
    "its negative": -(2**53) - 1,
    "an integer of a thousand digits": 10**1000,
    "a lone surrogate": "\ud800",
    "a key that is no string": {1: "a"},
    "a key that is a lone surrogate": {"\udfff": "a"},
    "a key that is None": {None: 1},
    "a list in itself": itself,
}


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED.keys())
def test_what_has_no_portable_form_is_refused_by_the_name_of_its_place(value: object) -> None:
    with pytest.raises(UnhashableValue) as caught:
        encode({"a": ["b", {"c": value}]}, "structured")
    assert caught.value.where.startswith("structured.a[1].c")
    assert "cannot be part of a derivation" in str(caught.value)


@given(values, st.sampled_from([1.5, {1}, b"x", "\udc00", 2**60]))
def test_one_bad_leaf_beside_any_good_value_is_found(good: Any, bad: Any) -> None:
    with pytest.raises(UnhashableValue) as caught:
        encode([good, [good, bad]])
    assert caught.value.where == "value[1][1]"


def nested(depth: int) -> Any:
    value: Any = "leaf"
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def test_values_nest_as_deep_as_is_portable_and_no_deeper() -> None:
    assert decode(encode(nested(NESTING_MAX + 1))) == nested(NESTING_MAX + 1)
    with pytest.raises(UnhashableValue, match="nested so deep"):
        encode(nested(NESTING_MAX + 2))
    with pytest.raises(UnhashableValue, match="nested so deep"):
        encode(nested(10_000))


@pytest.mark.parametrize(
    "data",
    [
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b"[1,2]\n",
        b"1.0",
        b"1e3",
        b"-0",
        b"01",
        b"NaN",
        b"Infinity",
        b'"\\u0061"',
        b'"\\/"',
        b'"\\u000A"',
        b'"\\ud800"',
        b'"\xff"',
        b"\xef\xbb\xbf1",
        '"a"'.encode("utf-16"),
        b"9007199254740993",
        b"1" * 5000,
        b"",
        b"{",
        b"[" * 100_000,
    ],
)
def test_another_spelling_of_a_value_is_not_canonical(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        decode(data)


@given(st.binary(max_size=20))
def test_bytes_that_decode_are_the_bytes_of_their_value(data: bytes) -> None:
    try:
        value = decode(data)
    except NotCanonical:
        return
    assert encode(value) == data
