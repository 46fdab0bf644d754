"""Debian versions: ordered as dpkg orders them."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hermetica.fetch.debian_version import DebianVersion, InvalidDebianVersion, Relation

PIECES = st.sampled_from(
    ["0", "00", "1", "9", "10", "a", "z", "A", "Z", "~", "~~", "+", ".", "-", "~rc", "+deb12u1", "+b1"]
)
TEXTS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "0:", "1:", "2:"]),
    st.sampled_from(["0", "1", "12"]),
    st.lists(PIECES, max_size=6).map("".join),
).filter(lambda text: not text.endswith("-"))

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg") is None, reason="not installed: dpkg")


def dpkg_says(first: str, relation: str, second: str) -> bool:
    ended = subprocess.run(["dpkg", "--compare-versions", first, relation, second], check=False, capture_output=True)
    return ended.returncode == 0


@needs_dpkg
@settings(max_examples=150, deadline=None)
@given(TEXTS, TEXTS)
def test_any_two_versions_stand_as_dpkg_says(first: str, second: str) -> None:
    left, right = DebianVersion.parse(first), DebianVersion.parse(second)
    for relation in (Relation.EARLIER, Relation.EXACTLY):
        assert left.stands(relation, right) is dpkg_says(first, relation.value, second)


@given(TEXTS, TEXTS)
def test_exactly_one_of_earlier_equal_and_later_holds(first: str, second: str) -> None:
    left, right = DebianVersion.parse(first), DebianVersion.parse(second)
    held = [left.stands(relation, right) for relation in (Relation.EARLIER, Relation.EXACTLY, Relation.LATER)]
    assert held.count(True) == 1
    assert left.stands(Relation.AT_MOST, right) is (held[0] or held[1])
    assert left.stands(Relation.AT_LEAST, right) is (held[2] or held[1])


@given(st.lists(TEXTS, min_size=3, max_size=3))
def test_order_is_transitive(texts: list[str]) -> None:
    first, second, third = sorted(map(DebianVersion.parse, texts))
    assert first <= second <= third
    assert first <= third


@pytest.mark.parametrize(
    "ascending",
    [
        ["1.0~~", "1.0~~a", "1.0~", "1.0", "1.0a", "1.0+", "1.0.1"],
        ["2.36-9+deb12u9", "2.36-9+deb12u14", "1:1.0-1"],
        ["1.0-0.1", "1.0-1~bpo12+1", "1.0-1", "1.0-1+b1", "1.0-1.1"],
        ["9", "10", "0010.1"],
    ],
)
def test_versions_ascend(ascending: list[str]) -> None:
    versions = [DebianVersion.parse(text) for text in ascending]
    assert sorted(versions) == versions
    assert len(set(versions)) == len(versions)


def test_a_missing_revision_equals_revision_0_and_so_does_the_hash() -> None:
    assert DebianVersion.parse("1.0") == DebianVersion.parse("0:1.0-0")
    assert hash(DebianVersion.parse("1.0")) == hash(DebianVersion.parse("1.0-0"))
    assert str(DebianVersion.parse("1.0-0")) == "1.0-0"


@pytest.mark.parametrize("text", ["", " ", "1 2", "1.0/2", "1_0", "\uff11", "-"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(InvalidDebianVersion) as caught:
        DebianVersion.parse(text)
    assert repr(text) in caught.value.message
