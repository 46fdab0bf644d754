"""Replacing digests in streams, and links into the store."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hermetica_store.links import relative_target
from hermetica_store.rewrite import modulo_digest, patched, substitute

DIGEST = "hx" + "1" * 30


def _chunks(data: bytes, step: int) -> list[bytes]:
    return [data[at : at + step] for at in range(0, len(data), step)]


@given(
    st.binary(max_size=300),
    st.lists(st.tuples(st.integers(0, 40), st.binary(min_size=32, max_size=32))),
    st.integers(1, 90),
)
def test_patches_land_whatever_the_chunks(data: bytes, gaps: list[tuple[int, bytes]], step: int) -> None:
    patches: list[tuple[int, bytes]] = []
    expected = bytearray(data)
    at = 0
    for gap, patch in gaps:
        at += gap
        if at + 32 > len(data):
            break
        patches.append((at, patch))
        expected[at : at + 32] = patch
        at += 32
    assert b"".join(patched(_chunks(data, step), patches)) == bytes(expected)


@given(st.lists(st.sampled_from([b"A" * 32, b"B" * 32, b"x", b"A", b"yy"])).map(b"".join))
def test_substitution_swaps_without_replacing_twice(text: bytes) -> None:
    swap = {b"A" * 32: b"B" * 32, b"B" * 32: b"A" * 32}
    assert len(substitute(text, swap)) == len(text)
    assert substitute(b"A" * 32 + b"-" + b"B" * 32, swap) == b"B" * 32 + b"-" + b"A" * 32


def test_a_digest_modulo_tells_the_places_apart() -> None:
    zeros = bytes(100)
    digests = {modulo_digest([zeros], offsets) for offsets in ([], [0], [1], [0, 32], [0, 64], [32])}
    assert len(digests) == 6


def test_links_into_objects_become_relative_to_the_objects_place() -> None:
    assert (
        relative_target(f"/hermetica/store/{DIGEST}-zlib/lib/z".encode(), 3) == f"../../../{DIGEST}-zlib/lib/z".encode()
    )
    assert relative_target(f"/hermetica/store/{DIGEST}-zlib".encode(), 0) == f"{DIGEST}-zlib".encode()
    assert relative_target(f"//hermetica/store//{DIGEST}-zlib".encode(), 1) == f"../{DIGEST}-zlib".encode()


def test_other_links_stay() -> None:
    for target in (
        b"../x",
        b"/usr/bin/env",
        b"/hermetica/store",
        b"/hermetica/store/readme",
        f"x/hermetica/store/{DIGEST}-a".encode(),
    ):
        assert relative_target(target, 2) == target
