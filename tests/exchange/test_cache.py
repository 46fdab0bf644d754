"""A binary cache in a directory grows, is never half there, and is believed no further than its content goes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import attrs
import pytest

from hermetica_store import NotRegistered, ObjectStore, StorePath, nar_chunks
from hermetica_store.exchange import (
    CacheDirectory,
    CannotTransfer,
    ContentMismatch,
    IncompleteClosure,
    InvalidArchive,
    InvalidNarInfo,
    NarInfo,
    NotACache,
    ObjectDamaged,
    PublicKey,
    SecretKey,
    SignatureRefused,
    export_cache,
    import_cache,
)
from hermetica_store.nar_reader import InvalidNar
from tests.exchange.caches import files, said, say, take
from tests.exchange.closures import Closure, whole

if TYPE_CHECKING:
    from pathlib import Path


def test_a_closure_survives_its_cache(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure, cache: Path
) -> None:
    exported = export_cache(object_store, [closure.note], cache)
    assert set(exported.paths) == closure.paths
    assert {path.name for path in cache.iterdir()} == {
        *(".lock", "nix-cache-info", "nar"),
        *(f"{path.digest}.narinfo" for path in closure.paths),
    }
    info = said(cache, closure.app)
    assert hashlib.sha256((cache / info.url).read_bytes()).digest() == info.file_hash
    assert (info.nar_hash, info.nar_size) == attrs.astuple(object_store.nar(closure.app))
    assert set(take(other_store, cache, closure.note)) == closure.paths
    assert whole(other_store) == closure.paths


def test_an_export_adds_what_is_missing_and_touches_nothing_else(
    object_store: ObjectStore, closure: Closure, cache: Path
) -> None:
    export_cache(object_store, [closure.app], cache)
    before = files(cache)
    stamps = {path: path.stat().st_mtime_ns for path in cache.rglob("*.nar*") if path.is_file()}
    again = export_cache(object_store, [closure.note, closure.apart], cache)
    assert (len(again.paths), again.skipped) == (4, 2)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert before.items() <= files(cache).items()
    (cache / said(cache, closure.app).url).write_bytes(b"short")
    assert export_cache(object_store, [closure.note, closure.apart], cache).skipped == 3
    CacheDirectory(cache).narinfo_path(closure.library).write_text("nonsense")
    assert export_cache(object_store, [closure.note, closure.apart], cache).skipped == 3
    assert export_cache(object_store, [closure.note, closure.apart], cache).skipped == 4


def test_what_is_there_already_is_neither_taken_nor_looked_at(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure, cache: Path
) -> None:
    export_cache(object_store, [closure.note], cache)
    with other_store.lease() as lease:
        assert len(import_cache(other_store, cache, [closure.app], lease=lease).added) == 2
        for path in (closure.app, closure.library):
            (cache / said(cache, path).url).unlink()
            CacheDirectory(cache).narinfo_path(path).unlink()
        imported = import_cache(other_store, cache, [closure.note], lease=lease)
        assert (imported.added, imported.present) == ((closure.note,), 1)


def test_a_whole_cache_is_taken_where_nothing_is_named(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure, cache: Path
) -> None:
    export_cache(object_store, [closure.note, closure.apart], cache)
    assert set(take(other_store, cache)) == {*closure.paths, closure.apart}


def test_an_incomplete_cache_gives_nothing(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure, cache: Path
) -> None:
    export_cache(object_store, [closure.note], cache)
    with pytest.raises(IncompleteClosure, match=closure.apart.digest):
        take(other_store, cache, closure.apart)
    (cache / said(cache, closure.library).url).unlink()
    with pytest.raises(CannotTransfer, match="No such file"):
        take(other_store, cache, closure.note)
    CacheDirectory(cache).narinfo_path(closure.library).unlink()
    with pytest.raises(IncompleteClosure) as raised:
        take(other_store, cache, closure.note)
    assert (raised.value.missing, raised.value.needed_by) == (closure.library, closure.app)
    assert whole(other_store) == set()


def test_no_byte_of_a_nar_can_be_another(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure, cache: Path
) -> None:
    export_cache(object_store, [closure.apart], cache)
    info = said(cache, closure.apart)
    place = cache / info.url
    data = place.read_bytes()
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x10
        place.write_bytes(changed)
        with pytest.raises((InvalidArchive, InvalidNar, ContentMismatch)):
            take(other_store, cache)
    for at in range(len(data)):
        place.write_bytes(data[:at])
        with pytest.raises((InvalidArchive, InvalidNar)):
            take(other_store, cache)
    place.write_bytes(data + b"\0")
    with pytest.raises(InvalidArchive):
        take(other_store, cache)
    assert whole(other_store) == set()
    place.write_bytes(data)
    assert take(other_store, cache) == (closure.apart,)


def test_other_content_is_refused_even_where_all_hashes_agree_with_it(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure, cache: Path, key: SecretKey
) -> None:
    export_cache(object_store, [closure.apart], cache)
    nar = b"".join(nar_chunks(object_store.on_disk(closure.apart))).replace(b"/usr/bin/env", b"/usr/bin/ENV")
    (cache / "nar" / "0.nar").write_bytes(nar)
    forged = NarInfo(
        path=closure.apart,
        url="nar/0.nar",
        compression="none",
        file_hash=hashlib.sha256(nar).digest(),
        file_size=len(nar),
        nar_hash=hashlib.sha256(nar).digest(),
        nar_size=len(nar),
        references=(),
    )
    forged = attrs.evolve(forged, signatures=(key.sign(forged.fingerprint),))
    say(cache, forged)
    with pytest.raises(ContentMismatch, match="its content makes it"):
        take(other_store, cache, keys=(key.public,))
    say(cache, attrs.evolve(forged, nar_hash=bytes(32)))
    with pytest.raises(ContentMismatch, match="sha256"):
        take(other_store, cache)
    say(cache, attrs.evolve(forged, nar_size=len(nar) + 8))
    with pytest.raises((InvalidArchive, InvalidNar)):
        take(other_store, cache)
    say(cache, attrs.evolve(forged, nar_size=len(nar) - 8))
    with pytest.raises((InvalidArchive, InvalidNar)):
        take(other_store, cache)
    assert whole(other_store) == set()


def test_objects_that_claim_to_need_each_other_are_refused(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure, cache: Path
) -> None:
    export_cache(object_store, [closure.app], cache)
    say(cache, attrs.evolve(said(cache, closure.library), references=(closure.app,)))
    with pytest.raises(InvalidNarInfo, match="circle"):
        take(other_store, cache)


def test_a_narinfo_about_something_else_is_refused(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure, cache: Path
) -> None:
    export_cache(object_store, [closure.app], cache)
    say(cache, said(cache, closure.app), closure.library)
    for paths in ((closure.app,), ()):
        with pytest.raises(InvalidNarInfo, match="it is about"):
            take(other_store, cache, *paths)
    CacheDirectory(cache).narinfo_path(closure.library).write_bytes(b"StorePath: \xff\n")
    with pytest.raises(InvalidNarInfo, match="ASCII"):
        take(other_store, cache, closure.app)


def test_only_what_a_trusted_key_has_signed_is_taken(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure, cache: Path, key: SecretKey
) -> None:
    export_cache(object_store, [closure.app], cache)
    with pytest.raises(SignatureRefused, match="not signed"):
        take(other_store, cache, keys=(key.public,))
    assert export_cache(object_store, [closure.app], cache, key=key).skipped == 2
    wrong = SecretKey.of_seed("test-1", bytes([1]) * 32).public
    with pytest.raises(SignatureRefused, match="signature of test-1 is wrong"):
        take(other_store, cache, keys=(wrong,))
    with pytest.raises(SignatureRefused, match="signed by test-1"):
        take(other_store, cache, keys=(PublicKey("test-2", key.public.raw),))
    info = said(cache, closure.app)
    say(cache, attrs.evolve(info, nar_size=info.nar_size + 8))
    with pytest.raises(SignatureRefused, match="signature of test-1 is wrong"):
        take(other_store, cache, keys=(key.public,))
    assert whole(other_store) == set()
    say(cache, info)
    assert len(take(other_store, cache, keys=(wrong, key.public))) == 2


def test_a_second_signature_joins_the_first_unless_the_content_is_another(
    object_store: ObjectStore, closure: Closure, cache: Path, key: SecretKey
) -> None:
    second = SecretKey.of_seed("second", bytes([2]) * 32)
    export_cache(object_store, [closure.app], cache, key=key)
    before = files(cache)
    export_cache(object_store, [closure.app], cache, key=second)
    assert [each.partition(":")[0] for each in said(cache, closure.app).signatures] == ["test-1", "second"]
    assert {name for name, data in files(cache).items() if before[name] != data} == {
        f"{path.digest}.narinfo" for path in (closure.app, closure.library)
    }
    info = said(cache, closure.library)
    say(cache, attrs.evolve(info, nar_hash=bytes(32), signatures=()))
    assert export_cache(object_store, [closure.app], cache, key=key).skipped == 1
    assert said(cache, closure.library).nar_hash == info.nar_hash


def test_what_is_no_cache_is_refused_and_left_alone(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure, cache: Path
) -> None:
    with pytest.raises(NotACache, match="no nix-cache-info"):
        take(other_store, cache)
    cache.mkdir()
    (cache / "nix-cache-info").write_text("StoreDir: /nix/store\nWantMassQuery: 1\n")
    for act in (lambda: take(other_store, cache), lambda: export_cache(object_store, [closure.app], cache)):
        with pytest.raises(NotACache, match="StoreDir /nix/store"):
            act()
    (cache / "nix-cache-info").write_text("WantMassQuery: 1\n")
    with pytest.raises(InvalidNarInfo, match="lacks StoreDir"):
        take(other_store, cache)
    assert not list(cache.glob("*.narinfo"))


def test_a_place_that_cannot_be_written_ends_typed(object_store: ObjectStore, closure: Closure, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotTransfer):
        export_cache(object_store, [closure.app], tmp_path / "file" / "cache")
    with pytest.raises(NotRegistered):
        export_cache(object_store, [StorePath(closure.app.digest, "gone")], tmp_path / "cache")


def test_a_damaged_object_does_not_get_into_a_cache(object_store: ObjectStore, closure: Closure, cache: Path) -> None:
    data = object_store.on_disk(closure.library) / "data"
    data.chmod(0o644)
    data.write_bytes(b"x")
    with pytest.raises(ObjectDamaged):
        export_cache(object_store, [closure.note], cache)
    assert set(files(cache)) == {"nix-cache-info"}
