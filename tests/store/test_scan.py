"""A reference is never missed, wherever its bytes stand."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hermetica_store.digest import ALPHABET, Digest
from hermetica_store.reading import LARGE_BYTES, WINDOW_BYTES, TreeError, scan_and_hash
from hermetica_store.scan import Scanner, find_digests
from tests.store.trees import DIGEST_TEXTS

if TYPE_CHECKING:
    from pathlib import Path

_ALPHABET = ALPHABET.encode()


def _oracle(data: bytes) -> set[str]:
    """Every digest, by looking at every offset."""
    return {
        data[at : at + 32].decode()
        for at in range(len(data) - 31)
        if data[at : at + 2] == b"hx" and all(byte in _ALPHABET for byte in data[at : at + 32])
    }


# Bytes made of what makes candidates likely: markers, digests, pieces of them, the alphabet, and anything.
PIECES = st.one_of(
    st.sampled_from([b"hx", b"h", b"x", b"hxhx" * 9, b"e", b"/hermetica/store/"]),
    DIGEST_TEXTS.map(str.encode),
    st.tuples(DIGEST_TEXTS, st.integers(0, 32)).map(lambda pair: pair[0][: pair[1]].encode()),
    st.text(ALPHABET, max_size=40).map(str.encode),
    st.binary(max_size=10),
)
STREAMS = st.lists(PIECES, max_size=12).map(b"".join)


@given(STREAMS)
@example(b"hx" * 17)
def test_finding_agrees_with_a_look_at_every_offset(data: bytes) -> None:
    assert find_digests(data) == _oracle(data)


@given(
    st.sampled_from([b"\0", b"\x90E", b"the quick brown fox, ", b"hx", b"0" * 31 + b"e"]),
    st.lists(st.tuples(st.integers(0, (1 << 17) + 300), STREAMS), max_size=6),
    st.integers(-40, 40),
)
@settings(max_examples=60)
def test_in_long_data_nothing_is_missed_either(filler: bytes, planted: list[tuple[int, bytes]], cut: int) -> None:
    size = (1 << 17) + 400  # longer than what is sampled at once
    data = bytearray((filler * size)[:size])
    for at, piece in planted:
        data[at : at + len(piece)] = piece
    border = (1 << 17) + cut
    data[border : border + 32] = b"hx" + _ALPHABET[2:]
    marked = {bytes(data[found : found + 32]) for found in range(len(data) - 31) if data.startswith(b"hx", found)}
    alphabet = set(_ALPHABET)
    assert find_digests(bytes(data)) == {each.decode() for each in marked if alphabet.issuperset(each)}


@given(STREAMS, st.lists(st.integers(0, 300), max_size=8))
def test_a_digest_may_straddle_any_chunk_borders(data: bytes, cuts: list[int]) -> None:
    scanner = Scanner(None)
    borders = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for start, end in itertools.pairwise(borders):
        scanner.feed(data[start:end])
    scanner.end()
    assert {found.decode() for found in scanner.found} == _oracle(data)


@given(STREAMS, st.sets(DIGEST_TEXTS, max_size=3), st.integers(0, 5), st.integers(1, 7))
def test_known_digests_are_all_found_and_nothing_else(
    data: bytes, strangers: set[str], known_count: int, step: int
) -> None:
    present = sorted(_oracle(data))
    known = {*present[:known_count], *strangers}
    whole, by_pieces = Scanner(known), Scanner(known)
    whole.scan(data)
    for at in range(0, len(data), step):
        by_pieces.feed(data[at : at + step])
    by_pieces.end()
    expected = {digest.encode() for digest in known & set(present)}
    assert whole.found == by_pieces.found == expected


@given(STREAMS, st.sets(DIGEST_TEXTS, min_size=1, max_size=5), st.integers(1, 40))
def test_places_of_tracked_digests_are_the_leftmost_disjoint_ones(data: bytes, tracked: set[str], step: int) -> None:
    data = b"a".join([data, *(digest.encode() * 2 for digest in tracked), data])
    expected: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data):
        if (token := data[at : at + 32]) in {digest.encode() for digest in tracked}:
            expected.append((at, token))
            at += 32
        else:
            at += 1
    scanner = Scanner((), tracked)
    assert scanner.scan(data) == tuple(expected)
    for at in range(0, len(data), step):
        scanner.feed(data[at : at + step])
    assert scanner.end() == tuple(expected)


def test_one_scanner_searches_many_streams_without_joining_them() -> None:
    digest = "hx" + "0" * 30
    scanner = Scanner([digest])
    scanner.feed(digest[:16].encode())
    scanner.end()
    scanner.feed(digest[16:].encode())
    scanner.end()
    assert not scanner.found


@pytest.mark.parametrize("position", [0, (1 << 20) - 7, LARGE_BYTES + 11])
def test_a_large_file_is_hashed_and_scanned_in_one_call(tmp_path: Path, position: int) -> None:
    token = "hx" + "z" * 30
    data = bytearray(LARGE_BYTES + 4096)
    data[position : position + 32] = token.encode()
    file = tmp_path / "large"
    file.write_bytes(data)
    assert scan_and_hash(file) == (Digest.of(bytes(data)), frozenset([token]))
    assert scan_and_hash(file, [token, "hx" + "y" * 30]) == (Digest.of(bytes(data)), frozenset([token]))


@pytest.mark.parametrize("core_count", [1, 2])
@pytest.mark.parametrize("size_bytes", [WINDOW_BYTES + 1, 3 * WINDOW_BYTES, LARGE_BYTES, LARGE_BYTES + 77])
def test_digests_over_the_borders_of_what_is_read_at_once_are_found_on_any_number_of_cores(
    core_count: int, size_bytes: int, tmp_path: Path
) -> None:
    data = bytearray(size_bytes)
    tokens = {
        f"hx{name * 30}": at
        for name, at in zip("0abc", (0, WINDOW_BYTES - 1, WINDOW_BYTES - 31, size_bytes - 32), strict=True)
    }
    for token, at in tokens.items():
        data[at : at + 32] = token.encode()
    (tmp_path / "file").write_bytes(data)
    expected = frozenset(token for token, at in tokens.items() if data.startswith(token.encode(), at))
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cores)[:core_count])
    try:
        assert scan_and_hash(tmp_path / "file") == (Digest.of(bytes(data)), expected)
    finally:
        os.sched_setaffinity(0, cores)
    assert len(expected) >= 2


def test_a_file_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(TreeError, match="missing") as caught:
        scan_and_hash(tmp_path / "missing")
    assert caught.value.details == (("cause", "No such file or directory"),)
