"""Looking into binary caches, and changing what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica_store.exchange import CacheDirectory, NarInfo, PublicKey, import_cache

if TYPE_CHECKING:
    from pathlib import Path

    from hermetica_store import ObjectStore, StorePath


def take(store: ObjectStore, cache: Path, *paths: StorePath, keys: tuple[PublicKey, ...] = ()) -> tuple[StorePath, ...]:
    with store.lease() as lease:
        return import_cache(store, cache, paths or None, lease=lease, keys=keys).added


def said(cache: Path, path: StorePath) -> NarInfo:
    info = CacheDirectory(cache).narinfo(path)
    assert info is not None
    return info


def say(cache: Path, info: NarInfo, path: StorePath | None = None) -> None:
    CacheDirectory(cache).narinfo_path(path or info.path).write_text(str(info))


def files(cache: Path) -> dict[str, bytes]:
    return {
        path.relative_to(cache).as_posix(): path.read_bytes()
        for path in cache.rglob("*")
        if path.is_file() and path.name != ".lock"
    }
