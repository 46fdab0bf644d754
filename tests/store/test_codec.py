"""What the index keeps survives being written down, and what nobody wrote is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica_store import Digest, IndexDamaged, NarDigest, ObjectInfo, StorePath, store_path
from hermetica_store.codec import (
    Listing,
    RootValue,
    decode_listing,
    decode_nar,
    decode_object,
    decode_root,
    encode_listing,
    encode_nar,
    encode_object,
    encode_root,
    encode_stamp,
    match_stamp,
    object_facts,
    read_varint,
    row_head,
    row_owner,
    row_value,
    row_written_ms,
    stamp_day,
    varint,
)
from hermetica_store.content import Content, File, Folder, Link
from hermetica_store.manifest import decode_manifest, differences, encode_manifest, entries_of

if TYPE_CHECKING:
    from hermetica_store.trees import Stamp

digests = st.binary(min_size=32, max_size=32).map(Digest)
names = st.from_regex(r"[0-9A-Za-z+_?=-][0-9A-Za-z+._?=-]{0,210}", fullmatch=True)
paths = st.builds(store_path, names, digests)
times_ms = st.integers(0, 2**47)


@st.composite
def infos(draw: st.DrawFn) -> ObjectInfo:
    tree = draw(digests)
    return ObjectInfo(
        path=draw(paths),
        tree=tree,
        modulo=draw(st.one_of(st.just(tree), digests)),
        size_bytes=draw(st.integers(0, 2**60)),
        references=tuple(sorted(draw(st.sets(paths, max_size=5)))),
        registered_at=draw(st.integers(0, 2**45)) / 1_000_000,
    )


@given(infos())
def test_an_object_survives_being_written_down(info: ObjectInfo) -> None:
    base, value = info.path.base.encode(), encode_object(info)
    assert decode_object(base, value) == info
    assert object_facts(base, value) == (info.size_bytes, tuple(each.base.encode() for each in info.references))


@given(infos(), st.data())
def test_a_shortened_object_row_is_refused_or_another_object(info: ObjectInfo, data: st.DataObject) -> None:
    base, value = info.path.base.encode(), encode_object(info)
    short = value[: data.draw(st.integers(0, len(value) - 1))]
    try:
        assert decode_object(base, short) != info
    except IndexDamaged as error:
        assert info.path.base in error.message  # noqa: PT017 -- either is right


def test_an_object_row_of_another_version_is_refused() -> None:
    tree = Digest.of(b"")
    path = store_path("x", tree)
    info = ObjectInfo(path=path, tree=tree, modulo=tree, size_bytes=0, references=(), registered_at=0.0)
    value = b"\x02" + encode_object(info)[1:]
    for decode in (decode_object, object_facts):
        with pytest.raises(IndexDamaged):
            decode(path.base.encode(), value)


@given(paths, st.none() | st.binary(), times_ms)
def test_a_root_survives_being_written_down(path: StorePath, link: bytes | None, added_ms: int) -> None:
    root = RootValue(path=path, link=link, added_ms=added_ms)
    assert decode_root(b"name", encode_root(root)) == root


def test_a_damaged_root_is_refused() -> None:
    with pytest.raises(IndexDamaged, match="mine"):
        decode_root(b"mine", b"\x01\x03abc")


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**63))
def test_a_nar_digest_survives_being_written_down(sha256: bytes, size_bytes: int) -> None:
    nar = NarDigest(sha256, size_bytes)
    assert NarDigest(*decode_nar(b"base", encode_nar(nar))) == nar


@given(st.none() | paths, times_ms, st.binary())
def test_a_row_keeps_its_owner_its_age_and_its_value(owner: StorePath | None, written_ms: int, value: bytes) -> None:
    base = b"" if owner is None else owner.base.encode()
    stored = row_head(base, written_ms) + value
    assert (row_owner(stored), row_written_ms(stored), row_value(stored)) == (base, written_ms, value)


@given(st.integers(0, 2**70 - 1), st.binary())
def test_numbers_end_where_they_end(number: int, rest: bytes) -> None:
    data = varint(number) + rest
    assert read_varint(data, 0) == (number, len(data) - len(rest))


@given(
    st.tuples(*[st.integers(0, 2**62)] * 5),
    st.integers(2, 4),
    st.binary(min_size=32, max_size=32),
)
def test_a_stamp_matches_itself_alone(stamp: Stamp, changed: int, digest: bytes) -> None:
    value = encode_stamp(stamp, digest, 20_000)
    other = list(stamp)
    other[changed] += 1
    assert match_stamp(stamp, value) == digest
    assert match_stamp((other[0], other[1], other[2], other[3], other[4]), value) is None
    assert match_stamp(stamp, value[:-1]) is None


listings = st.builds(
    Listing,
    **dict.fromkeys(("facts", "below", "digest"), st.binary(min_size=32, max_size=32)),
    **dict.fromkeys(("message_bytes", "size_bytes", "file_count"), st.integers(0, 2**63)),
    settled_ns=st.integers(-(2**63), 2**63 - 1),
)


@given(listings, st.integers(1, 2**32 - 1))
def test_what_is_kept_of_a_directory_survives_being_written_down(listing: Listing, day: int) -> None:
    value = encode_listing(listing, day)
    assert decode_listing(value) == listing
    assert stamp_day(value) == day
    assert match_stamp((0, 0, 0, 0, 0), value) is None
    assert decode_listing(encode_stamp((0, 0, 0, 0, 0), bytes(32), day)) is None


components = st.binary(min_size=1, max_size=8).filter(lambda name: b"/" not in name and b"\0" not in name)
files = st.builds(File, digests, st.integers(0, 2**40), st.booleans())
links = st.builds(Link, st.text(min_size=1, max_size=9).map(lambda text: text.encode("utf-8", "replace")))


@st.composite
def contents(draw: st.DrawFn) -> Content:
    top = Folder()
    folders = [top]
    for _ in range(draw(st.integers(0, 4))):
        child = Folder()
        draw(st.sampled_from(folders)).folders[draw(components)] = child
        folders.append(child)
    for folder in folders:
        free = draw(st.dictionaries(components, files | links, max_size=4))
        for name, leaf in free.items():
            if name not in folder.folders:
                (folder.files if isinstance(leaf, File) else folder.links)[name] = leaf  # type: ignore[assignment]  # by kind
    return Content(top, folders)


@given(contents())
def test_a_manifest_survives_being_written_down(content: Content) -> None:
    entries = entries_of(content)
    assert decode_manifest(encode_manifest(content)) == entries
    assert differences(entries, entries) == []


def test_a_long_manifest_is_kept_small_and_whole() -> None:
    folder = Folder(files={b"file-%05d" % number: File(Digest.of(b""), 0, executable=False) for number in range(2000)})
    value = encode_manifest(Content(folder, [folder]))
    assert len(value) < 20_000
    assert len(decode_manifest(value)) == 2001


@given(st.binary(min_size=1))
def test_bytes_that_are_no_manifest_are_refused_or_read(value: bytes) -> None:
    try:
        entries = decode_manifest(value)
    except ValueError:
        return
    assert all(isinstance(path, bytes) for path in entries)


def test_differences_name_what_is_missing_added_and_changed_and_not_all_that_is_below() -> None:
    was = {b"": ("a directory", ""), b"d": ("a directory", ""), b"d/a": ("a file", "1"), b"f": ("a file", "2")}
    now = {b"": ("a directory", ""), b"e": ("a directory", ""), b"e/a": ("a file", "1"), b"f": ("a file", "3")}
    assert [(path, kind) for path, kind, _ in differences(was, now)] == [
        (b"d", "missing"),
        (b"e", "added"),
        (b"f", "changed"),
    ]


def test_the_values_in_the_index_are_pinned() -> None:
    tree = Digest(bytes(range(32)))
    path = store_path("x-1", tree)
    info = ObjectInfo(
        path=path, tree=tree, modulo=tree, size_bytes=300, references=(path,), registered_at=1_700_000_000.000001
    )
    assert encode_object(info).hex() == (
        "0100" + bytes(range(32)).hex() + "ac02" + varint(1_700_000_000_000_001).hex() + "24" + path.base.encode().hex()
    )
    assert row_head(b"", 5).hex() == "0100000000000005"
    assert attrs.asdict(decode_root(b"r", encode_root(RootValue(path=path, link=b"/l", added_ms=7))))["link"] == b"/l"
