"""Archives made up and archives mutated: nothing leaves the destination, every refusal is one of ours."""

from __future__ import annotations

import stat

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hermetica.fetch import (
    ArchiveError,
    unpack,
)
from tests.fetch.archives import (
    SMALL,
    header,
    member,
    padded,
    pax,
    pax_record,
    sealed,
    tar,
    tree,
    written,
    zip_of,
)

PART = st.sampled_from([b"a", b"b", b"c", b"..", b".", b"", b"l"])
PATH = st.lists(PART, min_size=1, max_size=4).map(b"/".join)
ABSOLUTE = st.one_of(PATH, PATH.map(lambda path: b"/" + path))


def renamed(path: bytes, entry: bytes) -> bytes:
    """The entry under a name that pax gives it."""
    return pax({b"path": path or b"x"}) + entry


ENTRY = st.one_of(
    st.builds(member, ABSOLUTE, st.binary(max_size=20)),
    st.builds(header, ABSOLUTE, kind=st.sampled_from([b"1", b"2"]), target=ABSOLUTE),
    st.builds(header, ABSOLUTE, kind=st.sampled_from([b"5", b"3", b"6", b"7", b"D", b"Z"])),
    st.builds(renamed, ABSOLUTE, st.builds(member, PATH)),
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(entries=[header(b"l", kind=b"2", target=b".."), header(b"l", kind=b"5"), member(b"l/a")], strip=0)
@example(entries=[header(b"l", kind=b"2", target=b"a"), header(b"a", kind=b"2", target=b".."), member(b"l/b")], strip=0)
@given(entries=st.lists(ENTRY, max_size=8), strip=st.integers(0, 2))
def test_nothing_leaves_the_destination(
    entries: list[bytes], strip: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    where = tmp_path_factory.mktemp("case")
    (where / "deep").mkdir()
    (where / "deep" / "a").write_bytes(b"untouched")
    archive = written(where / "archive.tar", tar(*entries))
    before = {**tree(where)}
    try:
        unpack(archive, where / "deep" / "out", strip_components=strip)
    except ArchiveError as error:
        assert "archive.tar" in error.message  # noqa: PT017 -- it need not fail
    after = tree(where)
    outside = {name: value for name, value in after.items() if not name.startswith(b"deep/out")}
    assert outside == before
    for path in (where / "deep" / "out").rglob("*"):
        mode = path.lstat().st_mode
        assert stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
        assert not mode & 0o7000


SEED = tar(
    pax({b"path": b"p", b"size": b"5"}),
    member(b"f", b"hello"),
    pax({b"GNU.sparse.size": b"10", b"GNU.sparse.map": b"0,2,5,2"}) + member(b"s", b"abcd"),
    pax({b"GNU.sparse.major": b"1", b"GNU.sparse.minor": b"0", b"GNU.sparse.realsize": b"9"})
    + member(b"t", padded(b"1\n0\n4\n") + b"data"),
    member(b"L", b"long\x00", kind=b"L") + member(b"x", b"x"),
    header(b"d", kind=b"5"),
    header(b"d/l", kind=b"2", target=b"../f"),
    header(b"d/h", kind=b"1", target=b"p"),
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, len(SEED) - 1), st.integers(0, 255)), max_size=6),
    length=st.integers(0, len(SEED)),
    reseal=st.booleans(),
)
def test_a_mutated_tar_unpacks_or_gets_an_error_of_ours(
    changes: list[tuple[int, int]], length: int, *, reseal: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(SEED)
    for position, value in changes:
        data[position] = value
        start = position // 512 * 512
        if reseal and data[start + 257 : start + 262].startswith(b"ustar"):
            data[start : start + 512] = sealed(data[start : start + 512])
    where = tmp_path_factory.mktemp("case")
    try:
        unpack(written(where / "a.tar", bytes(data[: len(data) - length // 8])), where / "out", limits=SMALL)
    except ArchiveError as error:
        assert "a.tar" in error.message  # noqa: PT017 -- it need not fail


ZIP_SEED = zip_of(("f", b"hello" * 50, 0o100644), ("d/", b"", 0o040755), ("d/l", b"../f", stat.S_IFLNK | 0o777))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(4, len(ZIP_SEED) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_mutated_zip_unpacks_or_gets_an_error_of_ours(
    changes: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(ZIP_SEED)
    for position, value in changes:
        data[position] = value
    where = tmp_path_factory.mktemp("case")
    try:
        unpack(written(where / "a.zip", bytes(data)), where / "out", limits=SMALL)
    except ArchiveError as error:
        assert "a.zip" in error.message  # noqa: PT017 -- it need not fail


@pytest.mark.parametrize("key", [b"path", b"linkpath", b"GNU.sparse.name"])
def test_records_are_as_long_as_they_say(key: bytes) -> None:
    record = pax_record(key, b"x" * 93)
    assert int(record.split(b" ")[0]) == len(record)
