"""Fuzz targets of exchange: archives as bytes and below their compression, what caches say, and keys."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING

import zstandard
from blake3 import blake3

from hermetica_store import ObjectStore
from hermetica_store.exchange import (
    CacheDirectory,
    InvalidNarInfo,
    NarInfo,
    PublicKey,
    SecretKey,
    export_archive,
    export_cache,
    import_archive,
)
from hermetica_store.exchange.narinfo import cache_store_dir
from tests.exchange.closures import fill
from tests.fuzz.target import Target, destination, expect

if TYPE_CHECKING:
    from collections.abc import Iterator


def packed(data: bytes) -> bytes:
    """An archive that is good but for these words."""
    frame = zstandard.ZstdCompressor(write_checksum=True).compress(data)
    digest = blake3(frame, derive_key_context="hermetica 2026-11 archive v1").digest()
    return frame + bytes.fromhex("502a4d1820000000") + digest


def _archive(data: bytes) -> None:
    """Whatever an archive says, the store is whole, and holds what it says or nothing of it."""
    with destination() as out, ObjectStore.open(out) as store:
        added = 0
        try:
            with store.lease() as lease:
                added = len(import_archive(store, io.BytesIO(data), lease=lease).added)
        finally:
            expect(not store.verify().problems, "an import left a store that is not whole")
            expect(len(list(store.paths())) == added, "an import that failed left objects")


def _words(data: bytes) -> None:
    _archive(packed(data))


def _narinfo(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(InvalidNarInfo):
        cache_store_dir(text, "x")
    info = NarInfo.parse(text, "x")
    expect(NarInfo.parse(str(info), "x") == info, "a narinfo is not what it writes")


def _key(data: bytes) -> None:
    key = PublicKey.parse(data.decode("utf-8", "replace"))
    expect(PublicKey.parse(str(key)) == key, "a key is not what it writes")


def seeds() -> Iterator[tuple[str, str, bytes]]:
    """(target, name, content) of what mutations begin with."""
    with destination() as out, ObjectStore.open(out) as store:
        closure = fill(store)
        for name, path, whole in (("link", closure.apart, True), ("half", closure.note, False)):
            stream = io.BytesIO()
            export_archive(store, [path], stream, closure=whole)
            yield "exchange", name, stream.getvalue()
            words = zstandard.ZstdDecompressor().stream_reader(stream.getvalue()).read()
            yield "exchange-words", name, words
        yield "exchange-words", "deep", words[:32] + (60_000).to_bytes(8, "little") + b"[" * 60_000
        key = SecretKey.of_seed("k-1", bytes(32))
        yield "key", "public", str(key.public).encode()
        cache = out / "tmp" / "cache"
        export_cache(store, [closure.app], cache, key=key)
        yield "narinfo", "signed", CacheDirectory(cache).narinfo_path(closure.app).read_bytes()
        yield "narinfo", "info", (cache / "nix-cache-info").read_bytes()


_FIELDS = (b"StorePath: /hermetica/store/hx", b"URL: nar/", b"Compression: ", b"NarHash: sha256:", b"References: ")
TARGETS = (
    Target("exchange", _archive, (b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18", b"\xff" * 8)),
    Target("exchange-words", _words, (b"object", b"end", b'"path":', b'"references":[', b"nar_size_bytes", b"[" * 99)),
    Target("narinfo", _narinfo, (*_FIELDS, b"NarSize: ", b"Sig: ", b"\n")),
    Target("key", _key, (b":", b"=", b"AAAA")),
)
