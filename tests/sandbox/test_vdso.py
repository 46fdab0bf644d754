"""The kernel's shared code, changed: on the vDSO of this machine, and on images that no kernel makes."""

from __future__ import annotations

import platform
import struct

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.sandbox.frozen.process import vdso_image
from hermetica.sandbox.frozen.vdso import WALL_CLOCKS, Patch, UnknownVdso, patches, symbols

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="a clock is held on x86-64 only")


def changed(image: bytes, found: tuple[Patch, ...]) -> bytes:
    whole = bytearray(image)
    for patch in found:
        whole[patch.offset : patch.offset + len(patch.content)] = patch.content
    return bytes(whole)


@given(st.integers(min_value=0, max_value=2**40))
def test_only_what_tells_the_wall_clock_leads_elsewhere_and_it_says_the_clock(clock_s: int) -> None:
    image = vdso_image()
    before, after = symbols(image), symbols(changed(image, patches(image, clock_s, seeded=False)))
    moved = {name for name in before if before[name].start != after[name].start}
    assert moved == {"__vdso_clock_gettime", "clock_gettime", "__vdso_time", "time"}
    assert {name: attrs.evolve(each, start=0) for name, each in before.items()} == {
        name: attrs.evolve(each, start=0) for name, each in after.items()
    }
    whole = changed(image, patches(image, clock_s, seeded=False))
    for name in ("__vdso_gettimeofday", "__vdso_clock_gettime", "__vdso_time"):
        assert struct.pack("<q", clock_s) in whole[after[name].start :][:64]


def test_nothing_outside_the_symbol_table_and_the_code_of_gettimeofday_changes() -> None:
    image = vdso_image()
    whole = changed(image, patches(image, 2082758400, seeded=False))
    room = symbols(image)["__vdso_gettimeofday"]
    rows = [range(each.entry, each.entry + 24) for each in symbols(image).values()]
    allowed = {place for row in (*rows, range(room.start, room.start + room.size_bytes)) for place in row}
    assert {place for place in range(len(image)) if image[place] != whole[place]} <= allowed


def test_other_clocks_go_to_the_kernels_own_code() -> None:
    image = vdso_image()
    whole = changed(image, patches(image, 7, seeded=False))
    start, original = (symbols(each)["__vdso_clock_gettime"].start for each in (whole, image))
    jump = start + 5 * len(WALL_CLOCKS)
    assert whole[jump] == 0xE9
    assert jump + 5 + struct.unpack_from("<i", whole, jump + 1)[0] == original


def test_a_clock_that_runs_leaves_the_image_as_it_is() -> None:
    image = vdso_image()
    assert patches(image, None, seeded=False) == ()
    found = symbols(image).get("__vdso_getrandom")
    assert [patch.offset for patch in patches(image, None, seeded=True)] == ([found.start] if found else [])


@pytest.mark.parametrize("damage", ["empty", "text", "cut"])
def test_an_image_that_is_none_is_told(damage: str) -> None:
    image = {"empty": b"", "text": b"no image " * 100, "cut": vdso_image()[:512]}[damage]
    with pytest.raises(UnknownVdso):
        patches(image, 1, seeded=False)


def test_an_image_without_a_function_or_without_room_is_told() -> None:
    image = vdso_image()
    with pytest.raises(UnknownVdso, match="it has no time"):
        patches(image.replace(b"__vdso_time\0", b"__vdso_tame\0"), 1, seeded=False)
    small = bytearray(image)
    struct.pack_into("<Q", small, symbols(image)["__vdso_gettimeofday"].entry + 16, 64)
    with pytest.raises(UnknownVdso, match="gettimeofday has 64 bytes"):
        patches(bytes(small), 1, seeded=False)
