"""An archive carries a closure whole, and whatever is not exactly an archive changes nothing."""

from __future__ import annotations

import errno
import io
import json
import os
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import zstandard
from blake3 import blake3
from hypothesis import given, settings

from hermetica_store import NotRegistered, ObjectStore, StorePath, nar_chunks, nar_digest
from hermetica_store.exchange import (
    CannotTransfer,
    ContentMismatch,
    IncompleteClosure,
    InvalidArchive,
    ObjectDamaged,
    export_archive,
    import_archive,
)
from hermetica_store.exchange.serialise import nar_size, serialise
from hermetica_store.nar import nar_string
from hermetica_store.nar_reader import InvalidNar
from tests.exchange.closures import Closure, fill, whole
from tests.store import trees
from tests.store.processes import finish, start
from tests.store.trees import TREES, Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def exported(store: ObjectStore, *paths: StorePath, **options: Any) -> bytes:
    stream = io.BytesIO()
    export_archive(store, paths, stream, **options)
    return stream.getvalue()


def plain(archive: bytes) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(archive).read()


def compressed(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def sealed(data: bytes) -> bytes:
    digest = blake3(data, derive_key_context="hermetica 2026-11 archive v1").digest()
    return data + bytes.fromhex("502a4d1820000000") + digest


def packed(data: bytes) -> bytes:
    """An archive of these words, all true but for them."""
    return sealed(compressed(data))


def word(value: object) -> bytes:
    data = value if isinstance(value, bytes) else json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return nar_string(data)


def archive_of(contents: Iterable[tuple[dict[str, Any], bytes]], **beginning: Any) -> bytes:
    """An archive by hand, of any headers and NARs, with a true digest."""
    listed = list(contents)
    objects = [header["path"] for header, _ in listed]
    first: dict[str, Any] = {"format": "hermetica.archive/1", "objects": objects, "roots": [], **beginning}
    data = word(b"hermetica-archive-1") + word(first)
    for header, nar in listed:
        defaults: dict[str, Any] = {"nar_size_bytes": len(nar), "references": []}
        data += word(b"object") + word({**defaults, **header}) + nar
    return packed(data + word(b"end"))


def take(store: ObjectStore, archive: bytes) -> tuple[StorePath, ...]:
    with store.lease() as lease:
        return import_archive(store, io.BytesIO(archive), lease=lease).added


def nar_of(store: ObjectStore, path: StorePath) -> bytes:
    return b"".join(nar_chunks(store.on_disk(path)))


def test_a_closure_survives_its_archive(object_store: ObjectStore, other_store: ObjectStore, closure: Closure) -> None:
    archive = exported(object_store, closure.note)
    with other_store.lease() as lease:
        imported = import_archive(other_store, io.BytesIO(archive), lease=lease)
        assert set(imported.added) == closure.paths
        assert imported.roots == (closure.note,)
        assert whole(other_store) == closure.paths
    for path in closure.paths:
        before, after = object_store.info(path), other_store.info(path)
        assert before is not None
        assert after is not None
        assert (before.tree, before.modulo, before.references) == (after.tree, after.modulo, after.references)
        assert nar_digest(object_store.on_disk(path)) == nar_digest(other_store.on_disk(path))


def test_equal_closures_give_equal_archives_and_there_is_nothing_else_in_them(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure
) -> None:
    assert fill(other_store) == closure
    archive = exported(object_store, closure.note, closure.apart)
    assert archive == exported(other_store, closure.apart, closure.note)
    with other_store.lease() as lease:
        added = import_archive(other_store, io.BytesIO(archive), lease=lease)
    assert added.added == ()
    order = export_archive(object_store, [closure.note, closure.apart], io.BytesIO()).paths
    assert order.index(closure.library) < order.index(closure.app) < order.index(closure.note)
    by_hand = archive_of(
        (
            (
                {"path": path.base, "references": [each.base for each in object_store.references(path)]},
                nar_of(object_store, path),
            )
            for path in order
        ),
        roots=sorted([closure.note.base, closure.apart.base]),
    )
    assert plain(archive) == plain(by_hand)


def test_what_is_there_already_is_skipped(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure
) -> None:
    archive = exported(object_store, closure.note)
    with other_store.lease() as lease:
        assert len(import_archive(other_store, io.BytesIO(exported(object_store, closure.app)), lease=lease).added) == 2
        imported = import_archive(other_store, io.BytesIO(archive), lease=lease)
        assert (imported.added, imported.present) == ((closure.note,), 2)
        imported = import_archive(other_store, io.BytesIO(archive), lease=lease)
        assert (imported.added, imported.present) == ((), 3)
    assert whole(other_store) == closure.paths


def test_an_object_whose_references_are_missing_is_refused_and_named(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure
) -> None:
    alone = exported(object_store, closure.note, closure=False)
    with pytest.raises(IncompleteClosure) as raised:
        take(other_store, alone)
    assert (raised.value.missing, raised.value.needed_by) == (closure.app, closure.note)
    assert whole(other_store) == set()
    take(other_store, exported(object_store, closure.app))
    assert take(other_store, alone) == (closure.note,)
    assert whole(other_store) == closure.paths


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_an_archive_that_is_cut_short_registers_nothing(
    share: float, object_store: ObjectStore, other_store: ObjectStore, closure: Closure
) -> None:
    archive = exported(object_store, closure.note)
    for cut in (archive[: int(len(archive) * share)], packed(plain(archive)[: int(len(plain(archive)) * share)])):
        with pytest.raises((InvalidArchive, InvalidNar)):
            take(other_store, cut)
    assert whole(other_store) == set()


def test_no_byte_of_an_archive_can_be_missing_at_its_end(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure
) -> None:
    archive = exported(object_store, closure.apart)
    for length in range(len(archive)):
        with pytest.raises((InvalidArchive, InvalidNar)):
            take(other_store, archive[:length])
    assert whole(other_store) == set()


@pytest.mark.parametrize("change", [0x01, 0x10, 0xFF])
def test_no_byte_of_an_archive_can_be_another(
    change: int, object_store: ObjectStore, other_store: ObjectStore, closure: Closure
) -> None:
    archive = exported(object_store, closure.apart)
    for at in range(len(archive)):
        changed = bytearray(archive)
        changed[at] ^= change
        with pytest.raises((InvalidArchive, InvalidNar, ContentMismatch)):
            take(other_store, bytes(changed))
    assert whole(other_store) == set()


def test_no_byte_below_the_compression_can_be_another(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure
) -> None:
    data = plain(exported(object_store, closure.apart))
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        with pytest.raises((InvalidArchive, InvalidNar, ContentMismatch)):
            take(other_store, packed(bytes(changed)))
    assert whole(other_store) == set()


def test_nothing_may_follow_an_archive(object_store: ObjectStore, other_store: ObjectStore, closure: Closure) -> None:
    archive = exported(object_store, closure.note)
    for more in (b"\0", b"x", b"\x28\xb5\x2f", compressed(b""), compressed(b"the end"), archive):
        with pytest.raises(InvalidArchive):
            take(other_store, archive + more)
    whole_frame = archive[:-40]
    for more in (b"\0", b"\x28\xb5\x2f", compressed(b"x"), compressed(b"the end"), whole_frame):
        with pytest.raises(InvalidArchive):
            take(other_store, sealed(whole_frame + more))
    assert whole(other_store) == set()


STRANGER = f"hx{'0' * 30}-stranger"
BAD: dict[str, Callable[[StorePath, bytes], list[tuple[dict[str, Any], bytes]]]] = {
    "the content is another": lambda path, nar: [({"path": path.base}, nar.replace(b"/usr/bin/env", b"/usr/bin/ENV"))],
    "the name is another": lambda path, nar: [({"path": f"{path.digest}-other"}, nar)],
    "a reference is invented": lambda path, nar: [
        ({"path": path.base}, nar),
        ({"path": f"hx{'1' * 30}-b", "references": [path.base]}, nar),
    ],
    "a reference has its digest": lambda path, nar: [
        ({"path": path.base}, nar),
        ({"path": f"{path.digest}-b", "references": [path.base]}, nar),
    ],
    "it is said to mention itself": lambda path, nar: [({"path": path.base, "references": [path.base]}, nar)],
    "twice": lambda path, nar: [({"path": path.base}, nar)] * 2,
    "not a path": lambda path, nar: [({"path": f"../{path.base}"}, nar)],
    "a path that is no text": lambda path, nar: [({"path": [path.base]}, nar)],
    "another field": lambda path, nar: [({"path": path.base, "more": 1}, nar)],
    "a size that is true": lambda path, nar: [({"path": path.base, "nar_size_bytes": True}, nar)],
    "a negative size": lambda path, nar: [({"path": path.base, "nar_size_bytes": -8}, nar)],
    "a smaller size": lambda path, nar: [({"path": path.base, "nar_size_bytes": 8}, nar)],
    "a larger size": lambda path, nar: [({"path": path.base, "nar_size_bytes": 1 << 40}, nar)],
    "references out of order": lambda path, nar: [({"path": path.base, "references": [path.base, path.base]}, nar)],
    "a reference that is no path": lambda path, nar: [({"path": path.base, "references": [["x"]]}, nar)],
    "no NAR": lambda path, nar: [({"path": path.base}, nar[8:])],
}


@pytest.mark.parametrize("title", BAD)
def test_what_an_archive_claims_is_not_believed(
    title: str, object_store: ObjectStore, other_store: ObjectStore, closure: Closure
) -> None:
    bad = archive_of(BAD[title](closure.apart, nar_of(object_store, closure.apart)))
    with pytest.raises((InvalidArchive, InvalidNar, ContentMismatch)):
        take(other_store, bad)
    assert whole(other_store) == set()


def test_an_archive_by_hand_is_read(object_store: ObjectStore, other_store: ObjectStore, closure: Closure) -> None:
    good = archive_of([({"path": closure.apart.base}, nar_of(object_store, closure.apart))])
    assert take(other_store, good) == (closure.apart,)


@pytest.mark.parametrize(
    "beginning",
    [
        {"objects": []},
        {"objects": [STRANGER]},
        {"objects": ["x"]},
        {"roots": [STRANGER]},
        {"roots": 1},
        {"format": "hermetica.archive/2"},
    ],
)
def test_a_beginning_that_promises_other_objects_is_refused(
    beginning: dict[str, Any], object_store: ObjectStore, other_store: ObjectStore, closure: Closure
) -> None:
    bad = archive_of([({"path": closure.apart.base}, nar_of(object_store, closure.apart))], **beginning)
    with pytest.raises(InvalidArchive):
        take(other_store, bad)
    assert whole(other_store) == set()


NONSENSE = {
    "nothing": b"",
    "no compression": word(b"hermetica-archive-1"),
    "another magic": packed(word(b"hermetica-archive-2")),
    "an endless word": packed(struct.pack("<Q", 2**63)),
    "dirty padding": packed(struct.pack("<Q", 19) + b"hermetica-archive-1\1\0\0\0\0"),
    "no JSON": packed(word(b"hermetica-archive-1") + word(b"{")),
    "JSON that is not canonical": packed(word(b"hermetica-archive-1") + word(b'{"roots": []}')),
    "deep JSON": packed(word(b"hermetica-archive-1") + word(b"[" * 100_000)),
    "a number without end": packed(word(b"hermetica-archive-1") + word(b'{"objects":' + b"9" * 9000 + b"}")),
    "a list": packed(word(b"hermetica-archive-1") + word(b"[]")),
    "text": b"#!/bin/sh\n",
}


@pytest.mark.parametrize("title", NONSENSE)
def test_what_is_no_archive_is_refused(title: str, other_store: ObjectStore) -> None:
    with pytest.raises(InvalidArchive):
        take(other_store, NONSENSE[title])


def test_a_bomb_meets_the_limit_of_what_it_promised(other_store: ObjectStore, tmp_path: Path) -> None:
    first: dict[str, Any] = {"format": "hermetica.archive/1", "objects": [STRANGER], "roots": []}
    beginning = word(b"hermetica-archive-1") + word(first)
    header = word(b"object") + word({"nar_size_bytes": 64, "path": STRANGER, "references": []})
    bomb = packed(beginning + header + word(b"nix-archive-1") + bytes(1 << 28))
    assert len(bomb) < 1 << 17
    with pytest.raises((InvalidArchive, InvalidNar)):
        take(other_store, bomb)
    assert whole(other_store) == set()


def test_a_damaged_object_is_not_exported(object_store: ObjectStore, closure: Closure) -> None:
    tool = object_store.on_disk(closure.library) / "bin" / "tool"
    tool.chmod(0o755)
    tool.write_text("#!/bin/sh\necho evil\n")
    with pytest.raises(ObjectDamaged, match="another than was registered"):
        exported(object_store, closure.note)
    tool.parent.chmod(0o755)
    tool.unlink()
    os.mkfifo(tool)
    with pytest.raises(ObjectDamaged, match="fifo"):
        exported(object_store, closure.note)


def test_what_is_not_in_the_store_cannot_be_exported(object_store: ObjectStore, closure: Closure) -> None:
    gone = StorePath(closure.app.digest, "gone")
    with pytest.raises(NotRegistered):
        exported(object_store, gone)
    with pytest.raises(NotRegistered):
        exported(object_store, gone, closure=False)


def test_a_store_that_may_only_be_read_exports(object_store: ObjectStore, closure: Closure) -> None:
    with ObjectStore.open(object_store.root, read_only=True) as reading:
        assert exported(reading, closure.note) == exported(object_store, closure.note)


def test_a_full_device_ends_typed(object_store: ObjectStore, closure: Closure) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(CannotTransfer, match="No space left"):
        export_archive(object_store, [closure.note], full)
    assert len(whole(object_store)) == 4


class Unreadable:
    def read(self, size: int, /) -> bytes:
        assert size
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_stream_that_cannot_be_read_ends_typed(other_store: ObjectStore) -> None:
    with pytest.raises(CannotTransfer, match="Input/output error"), other_store.lease() as lease:
        import_archive(other_store, Unreadable(), lease=lease)


@settings(max_examples=15, deadline=None)
@given(TREES)
def test_the_length_and_bytes_of_a_nar_are_known_beforehand_and_right(tree: Tree) -> None:
    with tempfile.TemporaryDirectory() as name, ObjectStore.open(Path(name) / "root") as store, store.lease() as lease:
        path = store.add_tree(trees.write(tree, Path(name) / "tree"), "tree", lease=lease)
        info = store.info(path)
        assert info is not None
        pieces: list[bytes] = []
        serialise(info, store.on_disk(path), pieces.append)
        assert b"".join(pieces) == nar_of(store, path)
        assert nar_size(store.on_disk(path)) == len(b"".join(pieces))
        archive = exported(store, path)
        with ObjectStore.open(Path(name) / "other") as other:
            assert take(other, archive) == (path,)
            assert whole(other) == {path}


MEASURED = """
import resource
from hermetica_store.exchange import export_archive, export_cache, import_archive, import_cache
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
place, other, paths = Path(sys.argv[2]), ObjectStore.open(Path(sys.argv[2]) / "other"), list(store.paths())
with other.lease() as lease, (place / "a").open("wb") as file:
    before = peak()
    export_archive(store, paths, file)
    export_cache(store, paths, place / "cache")
    say(peak() - before)
with other.lease() as lease, (place / "a").open("rb") as file:
    import_archive(other, file, lease=lease)
say(other.verify().size_bytes)
other.collect()
with other.lease() as lease:
    import_cache(other, place / "cache", lease=lease)
say(other.verify().size_bytes)
say(peak() - before)
other.close()
"""


def test_a_large_object_takes_no_more_memory_than_buffers(tmp_path: Path) -> None:
    size_bytes = 200 << 20
    with ObjectStore.open(tmp_path / "root") as store, store.lease() as lease:
        with (tmp_path / "large").open("wb") as file:
            file.truncate(size_bytes)
        store.add_root("large", store.add_tree(tmp_path / "large", "large", lease=lease))
    exporting, first, second, all_in_all = finish(start(tmp_path / "root", MEASURED, tmp_path)).split()
    assert int(first) == int(second) == size_bytes
    assert int(exporting) < 100_000, "KiB"
    assert int(all_in_all) < 120_000, "KiB"
