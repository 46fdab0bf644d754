"""Digests and store paths as texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica_store.digest import ALPHABET, Digest, path_digest_text
from hermetica_store.errors import InvalidDigest, InvalidStorePath
from hermetica_store.path import StorePath, is_valid_name, store_path

DIGESTS = st.binary(min_size=32, max_size=32).map(Digest)
NAMES = st.from_regex(r"[0-9A-Za-z+\-_?=][0-9A-Za-z+\-._?=]{0,40}", fullmatch=True)
PATHS = st.builds(store_path, NAMES, DIGESTS)


@given(DIGESTS)
def test_a_digest_is_read_back_from_its_text(digest: Digest) -> None:
    assert Digest.parse(digest.hex) == digest
    assert str(digest) == digest.hex


@pytest.mark.parametrize("text", ["", "00", "g" * 64, "A" * 64, "0" * 63, "0" * 65, " " + "0" * 63])
def test_a_text_that_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(InvalidDigest):
        Digest.parse(text)


def test_a_digest_has_32_bytes() -> None:
    with pytest.raises(InvalidDigest, match="32 bytes, not 3"):
        Digest(b"abc")


def test_contexts_keep_equal_bytes_apart() -> None:
    assert len({Digest.of(b"x"), Digest.derive("one", b"x"), Digest.derive("two", b"x")}) == 3


@given(DIGESTS)
def test_a_path_digest_is_the_marker_and_150_bits(digest: Digest) -> None:
    text = path_digest_text(digest)
    assert len(text) == 32
    assert text.startswith("hx")
    number = 0
    for character in text[2:]:
        number = number * 32 + ALPHABET.index(character)
    assert number == int.from_bytes(digest.raw, "big") >> 106


@given(PATHS)
def test_a_store_path_is_read_back_from_its_text(path: StorePath) -> None:
    assert StorePath.parse(str(path)) == path
    assert StorePath.parse_base(path.base) == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/hermetica/store/",
        "/hermetica/store/hx" + "0" * 30,
        "/hermetica/store/hx" + "0" * 30 + "-",
        "/hermetica/store/hx" + "e" * 30 + "-x",
        "/hermetica/store/ab" + "0" * 30 + "-x",
        "/hermetica/store/hx" + "0" * 30 + "-.x",
        "/hermetica/store/hx" + "0" * 30 + "-a b",
        "/hermetica/store/hx" + "0" * 30 + "-x/y",
        "/nix/store/hx" + "0" * 30 + "-x",
        "hx" + "0" * 30 + "-x",
    ],
)
def test_a_text_that_is_no_store_path_is_refused(text: str) -> None:
    with pytest.raises(InvalidStorePath):
        StorePath.parse(text)


@given(NAMES, DIGESTS, st.lists(PATHS, max_size=4))
def test_a_path_covers_name_tree_and_references_in_no_order(
    name: str, tree: Digest, references: list[StorePath]
) -> None:
    path = store_path(name, tree, references)
    assert store_path(name, tree, reversed(references)) == path
    assert store_path(name, tree, references, refers_to_itself=True) != path
    assert store_path(name + "x", tree, references).digest != path.digest
    assert store_path(name, Digest.of(tree.raw), references).digest != path.digest
    assert store_path(name, tree, [*references, store_path("another", tree)]).digest != path.digest


@given(st.text(max_size=8))
def test_a_name_that_is_refused_makes_no_path(name: str) -> None:
    if not is_valid_name(name):
        with pytest.raises(InvalidStorePath):
            store_path(name, Digest.of(b""))


def test_a_name_is_at_most_211_characters() -> None:
    assert is_valid_name("x" * 211)
    assert not is_valid_name("x" * 212)
