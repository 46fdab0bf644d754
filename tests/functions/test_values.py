"""Values travel: what a builder gets is what its caller gave, types and order included."""

from __future__ import annotations

import json
import math
import re
from types import MappingProxyType
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hermetica as hm
from hermetica.functions import inside
from hermetica.functions.values import NoPlainData, encode
from hermetica.model.canonical import text_of_normalised

LIBRARY = "/hermetica/store/hx111111111111111111111111111111-library"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
keys = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts | st.binary(max_size=5)
hashable = st.recursive(keys, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=5)
values = st.recursive(
    hashable,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner, inner),
        st.dictionaries(hashable, inner, max_size=4),
        st.sets(hashable, max_size=4),
        st.dictionaries(keys, inner, max_size=2).map(MappingProxyType),
    ),
    max_leaves=12,
)


def there_and_back(value: object) -> Any:
    return inside.decode(json.loads(text_of_normalised(encode(value, "value"))))


def shape(value: object) -> object:
    """A value with the types of all that is in it, and dictionaries in their order."""
    kind, items = type(value), cast("Any", value)
    if kind in {dict, MappingProxyType}:
        return kind, [(shape(key), shape(item)) for key, item in items.items()]
    if kind in {list, tuple}:
        return kind, [shape(item) for item in items]
    if kind in {set, frozenset}:
        return kind, sorted(repr(shape(item)) for item in items)
    return kind, repr(value)


@given(values)
def test_every_plain_value_arrives_as_it_was(value: object) -> None:
    assert shape(there_and_back(value)) == shape(value)


def test_what_json_has_no_words_for_arrives_too() -> None:
    assert math.isnan(there_and_back(math.nan))
    assert shape(there_and_back([-0.0, math.inf, 2**70, -(2**53) - 1])) == shape([-0.0, math.inf, 2**70, -(2**53) - 1])
    assert there_and_back(re.compile(rb"a+", re.IGNORECASE)) == re.compile(rb"a+", re.IGNORECASE)
    assert there_and_back(re.compile("ä|b", re.VERBOSE)) == re.compile("ä|b", re.VERBOSE)


@given(st.sets(hashable, max_size=6), st.randoms(use_true_random=False))
def test_the_order_in_which_a_set_was_filled_does_not_matter(members: set[Any], random: Any) -> None:
    order = list(members)
    random.shuffle(order)
    assert encode(set(order), "value") == encode(members, "value")


def test_a_source_arrives_as_a_path_wherever_it_stands() -> None:
    library = hm.store_path(LIBRARY)
    arrived = there_and_back({"deep": [(library,), f"{library}/lib"]})
    assert str(arrived["deep"][0][0].path) == LIBRARY
    assert arrived["deep"][1] == f"{LIBRARY}/lib"


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "where", "what"),
    [
        ({"rows": [object()]}, "value['rows'][0]", "an object"),
        ((1, Text("a")), "value[1]", "a Text"),
        (range(3), "value", "a range"),
        (bytearray(b"x"), "value", "a bytearray"),
        ({1: {Ellipsis}}, "value[1], member Ellipsis", "an ellipsis"),
    ],
)
def test_anything_else_is_refused_where_it_stands(value: object, where: str, what: str) -> None:
    with pytest.raises(NoPlainData) as caught:
        encode(value, "value")
    assert (caught.value.where, caught.value.what) == (where, what)


def test_a_value_in_itself_is_refused_and_not_followed_for_ever() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(NoPlainData, match=r"nested"):
        encode(value, "value")


CHANGING: list[Any] = [[1], {"a": 1}, {1}, (1, [2]), MappingProxyType({"a": [1]}), hm.store_path(LIBRARY)]


@pytest.mark.parametrize("value", CHANGING, ids=str)
def test_a_constant_of_a_module_must_not_change(value: object) -> None:
    encode(value, "LIMITS")
    with pytest.raises(NoPlainData):
        encode(value, "LIMITS", changeable=False)
