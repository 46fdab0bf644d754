"""Inputs made from the grammar of what is read, so that they get far before they are wrong."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hermetica_store.nar import nar_string
from tests.fuzz.corpus import inputs
from tests.fuzz.targets import TARGETS

NAMES = st.sampled_from([b"a", b"b", b"c", b".", b"..", b"", b"a/b", b"x\0", b"\xff", b"a" * 256])
WORDS = st.sampled_from(
    [b"(", b")", b"type", b"entry", b"name", b"node", b"regular", b"symlink", b"target", b"contents"]
)


def entry(name: bytes, inner: list[bytes]) -> list[bytes]:
    return [b"entry", b"(", b"name", name, b"node", *inner, b")"]


def directory(entries: list[list[bytes]]) -> list[bytes]:
    return [b"(", b"type", b"directory", *(word for each in entries for word in each), b")"]


def file(data: bytes) -> list[bytes]:
    return [b"(", b"type", b"regular", b"contents", data, b")"]


def link(target: bytes) -> list[bytes]:
    return [b"(", b"type", b"symlink", b"target", target, b")"]


def node(children: st.SearchStrategy[list[bytes]]) -> st.SearchStrategy[list[bytes]]:
    return st.lists(st.builds(entry, NAMES, children), max_size=4).map(directory)


def words(inner: list[bytes]) -> bytes:
    return b"".join(nar_string(word) for word in (b"nix-archive-1", *inner))


LEAF = st.one_of(st.binary(max_size=20).map(file), NAMES.map(link), st.lists(WORDS, max_size=6))
NAR = st.recursive(LEAF, node, max_leaves=12).map(words)


@settings(max_examples=150, deadline=None)
@given(data=NAR)
def test_nars_by_their_grammar(data: bytes) -> None:
    TARGETS["nar"].check(data)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
RECORDS = [json.loads(data) for name, data in inputs("record").items() if name.startswith("seed-") and len(data) < 5000]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a value: (what holds it, key)."""
    held: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- JSON
    found: list[tuple[Any, Any]] = []
    for key, inner in held:
        found += [(value, key), *places(inner)]
    return found


@st.composite
def altered(draw: st.DrawFn) -> bytes:
    """A record with something else in one of its places."""
    record: Any = json.loads(json.dumps(draw(st.sampled_from(RECORDS))))
    holder, key = draw(st.sampled_from(range(len(places(record)))).map(places(record).__getitem__))
    holder[key] = draw(JSON)
    return json.dumps(record).encode()


@settings(max_examples=250, deadline=None)
@given(data=altered())
def test_records_with_another_value_somewhere(data: bytes) -> None:
    TARGETS["record"].check(data)


COMMAND_WORDS = st.sampled_from([word.decode() for word in TARGETS["command-line"].words]) | st.text(max_size=6)


@settings(max_examples=60, deadline=None)
@given(line=st.lists(COMMAND_WORDS, max_size=6))
def test_command_lines_of_known_words(line: list[str]) -> None:
    TARGETS["command-line"].check("\n".join(line).encode("utf-8", "surrogateescape"))
