"""Control data: stanzas, fields, relations, releases."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.fetch.debian_control import MalformedControl, parse_relations, parse_stanza, split_stanzas
from hermetica.fetch.debian_release import Release, UntrustedIndex
from hermetica.fetch.debian_version import DebianVersion

NAMES = st.from_regex(re.compile(r"[A-Z][a-z]{1,8}(-[A-Z][a-z]{1,5})?"), fullmatch=True)
VALUES = st.from_regex(re.compile(r"[!-~]([ -~]{0,20}[!-~])?(\n [!-~][ -~]{0,10}[!-~])*"), fullmatch=True)
STANZAS = st.dictionaries(NAMES, VALUES, min_size=1, max_size=6)


def written(fields: dict[str, str]) -> str:
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


@given(st.lists(STANZAS, max_size=4))
def test_what_is_written_is_read(stanzas: list[dict[str, str]]) -> None:
    read = [dict(parse_stanza(text)) for text in split_stanzas("\n".join(map(written, stanzas)))]
    assert read == [{name.lower(): value for name, value in fields.items()} for fields in stanzas]


def test_comments_are_no_part_of_a_value() -> None:
    assert parse_stanza("A: 1\n# B: 2\n x\nC:\n") == {"a": "1\n x", "c": ""}


@pytest.mark.parametrize(
    ("text", "what"), [("no colon", "no colon"), (" leading: 1", "leading"), ("A: 1\na: 2", "twice")]
)
def test_what_is_no_stanza_is_refused(text: str, what: str) -> None:
    with pytest.raises(MalformedControl, match=what):
        parse_stanza(text)


def test_relations_are_groups_of_alternatives() -> None:
    groups = parse_relations("libc6 (>= 2.36), debconf (>= 0.5) | debconf-2.0, perl:any,\n python3:amd64 (<< 4)")
    assert [[str(wanted) for wanted in group] for group in groups] == [
        ["libc6 (>= 2.36)"],
        ["debconf (>= 0.5)", "debconf-2.0"],
        ["perl:any"],
        ["python3:amd64 (<< 4)"],
    ]
    assert groups[0][0].takes(DebianVersion.parse("2.36-9"))
    assert not groups[0][0].takes(DebianVersion.parse("2.35"))
    assert not groups[0][0].takes(None)
    assert groups[2][0].takes(None)


@pytest.mark.parametrize("text", ["libc6 (2.36)", "libc6 (>= )", "a b", "a |", "a (>= 1_2)", "(>= 1)"])
def test_a_relation_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(MalformedControl, match="relation"):
        parse_relations(text)


RELEASE = f"""Origin: Debian
Suite: oldstable
Codename: bookworm
Acquire-By-Hash: yes
Valid-Until: Sat, 18 Jul 2026 10:16:37 UTC
SHA256:
 {"a" * 64} 120 main/binary-amd64/Packages
 {"b" * 64} 30 main/binary-amd64/Packages.gz
 {"c" * 64} 20 main/binary-amd64/Packages.xz
"""
EARLY, LATE = datetime(2026, 7, 12, tzinfo=UTC), datetime(2026, 7, 19, tzinfo=UTC)


def test_a_release_offers_the_best_compression_first() -> None:
    release = Release.parse(RELEASE)
    forms = release.find("main/binary-amd64/Packages")
    assert [form.path.rpartition("Packages")[2] for form in forms] == [".xz", ".gz", ""]
    assert forms[0].path_by_hash == f"main/binary-amd64/by-hash/SHA256/{'c' * 64}"
    assert forms[0].size_bytes == 20
    release.check("bookworm", EARLY)
    release.check("oldstable", EARLY)


def test_a_release_that_is_not_what_was_asked_for_is_refused() -> None:
    release = Release.parse(RELEASE)
    with pytest.raises(UntrustedIndex, match="calls itself bookworm, oldstable"):
        release.check("trixie", EARLY)
    with pytest.raises(UntrustedIndex, match="valid until 2026-07-18"):
        release.check("bookworm", LATE)
    with pytest.raises(UntrustedIndex, match="lists no contrib"):
        release.find("contrib/binary-amd64/Packages")


@pytest.mark.parametrize("text", ["SHA256:\n short 1 main/x", "Valid-Until: soon", "nothing"])
def test_a_damaged_release_is_refused(text: str) -> None:
    with pytest.raises(MalformedControl):
        Release.parse(text)
