"""Two trees compared: equal exactly if their digests are, the same from both sides, and exact about the first byte."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import example, given, settings
from hypothesis import strategies as st

from hermetica_store.compare_trees import compare_contents, compare_trees, first_difference
from hermetica_store.comparison import Kind, compare
from hermetica_store.content import Content, Folder, tree_digest
from hermetica_store.content import File as ContentFile
from hermetica_store.content import Link as ContentLink
from hermetica_store.digest import Digest
from hermetica_store.reading import CHUNK_BYTES
from tests.store.trees import TREES, File, Link, Tree, write

if TYPE_CHECKING:
    from hermetica_store.comparison import Difference

SWAPPED = {Kind.FIRST_ONLY: Kind.SECOND_ONLY, Kind.SECOND_ONLY: Kind.FIRST_ONLY}


def content_of(tree: Tree) -> Content:
    """The content of a described tree, no disk involved."""
    folders: list[Folder] = []

    def entry(tree: Tree) -> ContentFile | ContentLink | Folder:
        if isinstance(tree, File):
            return ContentFile(Digest.of(tree.data), len(tree.data), tree.executable)
        if isinstance(tree, Link):
            return ContentLink(tree.target.encode())
        folder = Folder()
        folders.append(folder)
        for name, below in tree.items():
            made = entry(below)
            group = {ContentFile: folder.files, ContentLink: folder.links, Folder: folder.folders}[type(made)]
            group[name.encode()] = made  # type: ignore[index]  # pyright: ignore[reportArgumentType] -- by its type
        return folder

    return Content(entry(tree), folders)


def variants(tree: Tree) -> st.SearchStrategy[Tree]:
    """A tree that shares much with ``tree``."""
    if isinstance(tree, File):
        return st.builds(File, st.sampled_from([tree.data, tree.data + b"x"]), st.booleans())
    if isinstance(tree, Link):
        return st.sampled_from([tree, Link(f"{tree.target}x"), File(b"")])
    return st.fixed_dictionaries({}, optional={name: variants(below) for name, below in tree.items()})


PAIRS = TREES.flatmap(lambda tree: st.tuples(st.just(tree), st.one_of(st.just(tree), variants(tree), TREES)))


@given(PAIRS)
def test_two_trees_differ_in_something_exactly_if_their_digests_differ(pair: tuple[Tree, Tree]) -> None:
    first, second = map(content_of, pair)
    found = compare(first, second)
    assert found.is_same == (tree_digest(first) == tree_digest(second))
    assert found.is_same == (found.summary == "nothing differs")


@given(PAIRS)
def test_a_comparison_is_the_same_from_both_sides(pair: tuple[Tree, Tree]) -> None:
    def key(each: Difference) -> tuple[str, str]:
        return each.path, str(each.kind)

    first, second = map(content_of, pair)
    one, other = compare(first, second), compare(second, first)
    turned = [(each.path, SWAPPED.get(each.kind, each.kind), each.second, each.first) for each in other.differences]
    assert sorted(turned) == sorted((each.path, each.kind, each.first, each.second) for each in one.differences)
    assert one.entries == other.entries
    assert [each.path for each in one.differences] == sorted(
        (each.path for each in one.differences), key=lambda path: path.encode()
    )
    assert len({key(each) for each in one.differences}) == len(one.differences)


@settings(max_examples=60)
@given(st.binary(max_size=300), st.binary(max_size=40), st.binary(max_size=40), st.sampled_from([0, CHUNK_BYTES - 150]))
@example(b"", b"", b"", 0)
def test_the_first_difference_is_the_first(common: bytes, left: bytes, right: bytes, padding: int) -> None:
    one, other = bytes(padding) + common + left, bytes(padding) + common + right
    naive = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    with TemporaryDirectory() as place:
        first, second = Path(place, "first"), Path(place, "second")
        first.write_bytes(one)
        second.write_bytes(other)
        found = first_difference(first, second)
    if one == other:
        assert found is None
        return
    assert found is not None
    assert found.offset == naive
    assert one[naive:].startswith(found.first)
    assert other[naive:].startswith(found.second)
    assert found.first != found.second


def test_every_kind_of_difference_is_named_in_words(tmp_path: Path) -> None:
    first = write(
        {
            "bin": {"tool": File(b"\x7fELF one", executable=True)},
            "gone": {"below": File(b"")},
            "kind": Link("x"),
            "link": Link("there"),
            "log": File(b"built at 10:15:00"),
            "mode": File(b"same"),
            "short": File(b"abc"),
        },
        tmp_path / "first",
    )
    second = write(
        {
            "added\n": File(b"12345"),
            "bin": {"tool": File(b"\x7fELF two", executable=True)},
            "kind": {},
            "link": Link("elsewhere"),
            "log": File(b"built at 10:16:42"),
            "mode": File(b"same", executable=True),
            "short": File(b"abcd"),
        },
        tmp_path / "second",
    )
    found = compare_trees(first, second)
    assert [str(each) for each in found.differences] == [
        r"'added\n': nothing, then 5 bytes",
        "bin/tool: byte 5 is 'one', then 'two' (8 bytes, then 8 bytes)",
        "gone: a directory, then nothing",
        "kind: a link to x, then a directory",
        "link: a link to there, then a link to elsewhere",
        "log: byte 13 is '5:00', then '6:42' (17 bytes, then 17 bytes)",
        "mode: not executable, then executable",
        "short: byte 3 is the end, then 'd' (3 bytes, then 4 bytes)",
    ]
    assert found.summary == (
        "8 of 11 entries differ: 3 in content, 1 in the executable bit, 1 in a link's target, 1 in what it is, "
        "1 missing in the second, 1 added in the second"
    )
    document = json.loads(json.dumps([each.to_json() for each in found.differences]))
    assert document[5]["place"] == {"offset": 13, "first": b"5:00".hex(), "second": b"6:42".hex()}


def test_a_file_that_cannot_be_read_any_more_still_differs(tmp_path: Path) -> None:
    one, other = File(b"one"), File(b"two")
    second = write(other, tmp_path / "second")
    (found,) = compare_contents(tmp_path / "gone", content_of(one), second, content_of(other)).differences
    assert found.place is None
    assert str(found) == "the object itself: other content (3 bytes, then 3 bytes)"
