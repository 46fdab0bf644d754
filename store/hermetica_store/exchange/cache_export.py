"""Writing objects into a binary cache that stock Nix reads: several at a time, each checked as it is read."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO, Final

import attrs

from hermetica_store.exchange.archive import Exported, in_order
from hermetica_store.exchange.cache import CacheDirectory, CacheWriter, writing_to
from hermetica_store.exchange.holding import held
from hermetica_store.exchange.narinfo import InvalidNarInfo, NarInfo, fingerprint, nix_base32
from hermetica_store.exchange.serialise import nar_size, serialise
from hermetica_store.exchange.streams import LEVEL, compressor
from hermetica_store.exchange.transfer import transferring

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from hermetica_store.codec import ObjectInfo
    from hermetica_store.exchange.signing import SecretKey
    from hermetica_store.path import StorePath
    from hermetica_store.store import ObjectStore

_BATCH_BYTES: Final = 1 << 28  # of content made durable together
_BATCH: Final = 512
_LARGE_BYTES: Final = 1 << 25  # from here the threads share one NAR instead of taking one each
_THREADS: Final = os.cpu_count() or 1


def export_cache(
    store: ObjectStore,
    paths: Iterable[StorePath],
    directory: Path,
    *,
    key: SecretKey | None = None,
    level: int = LEVEL,
) -> Exported:
    """Write objects and all that they refer to into a cache; what is there already stays as it is.

    Args:
        store: where they are.
        paths: what is wanted.
        directory: the cache; made if nothing is there.
        key: signs every object, those that are there and do not bear its signature too.
        level: of the compression, 1 to 19.

    Raises:
        NotRegistered: one is not in the store.
        ObjectDamaged: one is not what was registered.
        NotACache: something else lies there.
        CannotTransfer: the system refused.
    """
    with (
        held(store, store.closure(paths)) as infos,
        writing_to(CacheDirectory(directory)) as writer,
        transferring(directory),
    ):
        ordered = in_order(infos)
        export = _Export(store, writer, key, level)
        missing = [info for info in ordered if not export.is_there(info)]
        written: list[NarInfo] = []
        writer.describe(export.signed_anew)
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="hermetica-export") as pool:
            for batch in _batches(missing):
                try:
                    placed = list(pool.map(export.write, batch))
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise
                writer.add(placed)
                written += [info for _, info in placed]
    return Exported(
        paths=tuple(info.path for info in ordered),
        skipped=len(ordered) - len(written),
        nar_bytes=sum(info.nar_size for info in written),
        written_bytes=sum(info.file_size or 0 for info in written),
    )


def _batches(infos: list[ObjectInfo]) -> Iterator[list[ObjectInfo]]:
    batch: list[ObjectInfo] = []
    size_bytes = 0
    for info in infos:
        batch.append(info)
        size_bytes += info.size_bytes
        if size_bytes >= _BATCH_BYTES or len(batch) >= _BATCH:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch


class _Export:
    """What is written where, and how much that is.

    Attributes:
        signed_anew: what was there without our signature, with it.
    """

    def __init__(self, store: ObjectStore, writer: CacheWriter, key: SecretKey | None, level: int) -> None:
        self._store = store
        self._writer = writer
        self._key = key
        self._level = level
        self.signed_anew: list[NarInfo] = []

    def is_there(self, info: ObjectInfo) -> bool:
        """Whether a cache has an object, with our signature if there is to be one."""
        try:
            there = self._writer.cache.narinfo(info.path)
        except InvalidNarInfo:
            return False
        if there is None or there.references != info.references or not self._writer.cache.has_nar(there):
            return False
        if self._key is None or any(each.startswith(f"{self._key.name}:") for each in there.signatures):
            return True
        nar = self._store.nar(info.path)
        if (nar.sha256, nar.size_bytes) != (there.nar_hash, there.nar_size):
            return False
        signature = self._key.sign(there.fingerprint)
        self.signed_anew.append(attrs.evolve(there, signatures=(*there.signatures, signature)))
        return True

    def write(self, info: ObjectInfo) -> tuple[Path, NarInfo]:
        """Compress an object into a temporary file; that, and what to say of it."""
        place = self._store.on_disk(info.path)
        size_bytes = nar_size(place)
        temporary = self._writer.temporary / f"{info.path.digest}.nar.zst"
        with temporary.open("xb") as file:
            piping = _Pipe(file, self._level, size_bytes)
            serialise(info, place, piping.put)
            piping.end()
        nar_hash = piping.nar.digest()
        signed = fingerprint(info.path, nar_hash, size_bytes, info.references)
        file_hash = piping.file.digest()
        return temporary, NarInfo(
            path=info.path,
            url=f"nar/{nix_base32(file_hash)}.nar.zst",
            compression="zstd",
            file_hash=file_hash,
            file_size=piping.file_size,
            nar_hash=nar_hash,
            nar_size=size_bytes,
            references=info.references,
            signatures=() if self._key is None else (self._key.sign(signed),),
        )


class _Pipe:
    """From a NAR to its compressed file, with the digests of both."""

    def __init__(self, target: BinaryIO, level: int, size_bytes: int) -> None:
        self._target = target
        self._compressor = compressor(
            level, threads=_THREADS if size_bytes >= _LARGE_BYTES else 0, size_bytes=size_bytes
        )
        self.nar = hashlib.sha256()
        self.file = hashlib.sha256()
        self.file_size = 0

    def put(self, data: bytes) -> None:
        self.nar.update(data)
        self._take(self._compressor.compress(data))

    def end(self) -> None:
        self._take(self._compressor.flush())

    def _take(self, data: bytes) -> None:
        self.file.update(data)
        self.file_size += len(data)
        with transferring(self._target.name):
            self._target.write(data)
