"""Taking objects out of a binary cache: signatures first, then each object by what its content really is."""

from __future__ import annotations

import contextlib
import hashlib
import stat
from functools import partial
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from hermetica_store.exchange.cache import CacheDirectory
from hermetica_store.exchange.narinfo import InvalidNarInfo, NarFacts, NarInfo
from hermetica_store.exchange.signing import require_signature
from hermetica_store.exchange.staging import Claim, ContentMismatch, Imported, IncompleteClosure, Staging
from hermetica_store.exchange.streams import Decompressed, InvalidArchive, Part
from hermetica_store.exchange.transfer import transferring
from hermetica_store.nar_reader import restore_nar

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from pathlib import Path

    from hermetica_store.exchange.signing import PublicKey
    from hermetica_store.leases import Lease
    from hermetica_store.nar_reader import ByteStream
    from hermetica_store.path import StorePath
    from hermetica_store.store import ObjectStore


def import_cache(
    store: ObjectStore,
    directory: Path,
    paths: Iterable[StorePath] | None = None,
    *,
    lease: Lease,
    keys: Sequence[PublicKey] = (),
) -> Imported:
    """Take objects and all that they refer to from a cache; those that are there already are not even looked at.

    Args:
        store: where they go.
        directory: the cache.
        paths: what is wanted; None takes all that the cache has.
        lease: holds the objects, new or not.
        keys: where there are any, every new object has to be signed by one of them.

    Raises:
        NotACache: it is none of our store directory.
        InvalidNarInfo: something that it says makes no sense.
        SignatureRefused: an object is not signed by a trusted key.
        IncompleteClosure: it lacks an object that is needed.
        InvalidArchive: a file of it is damaged.
        InvalidNar: likewise.
        ContentMismatch: an object is not what it is said to be.
        CannotTransfer: the system refused to read it.
    """
    cache = CacheDirectory(directory)
    cache.check()
    where = str(directory)
    with store.scratch() as room, Staging(store, lease, room.path, where) as staging:
        wanted = [info.path for info in cache.narinfos()] if paths is None else list(paths)
        found, present = _closure(cache, staging, wanted)
        if keys:
            for info in found.values():
                require_signature(info.fingerprint, info.signatures, keys, str(cache.narinfo_path(info.path)))
        for info in _in_order(found, where):
            restore = partial(_restore, directory, info)
            staging.take(Claim(path=info.path, references=info.references), restore)
        prepared = staging.publish()
    return Imported(
        roots=tuple(sorted(set(wanted))),
        added=tuple(each.path for each in prepared),
        present=present,
        size_bytes=sum(each.size_bytes for each in prepared),
    )


def _closure(
    cache: CacheDirectory, staging: Staging, wanted: Iterable[StorePath]
) -> tuple[dict[StorePath, NarInfo], int]:
    """What the cache says of all that is needed and not there, and how much of the rest was met."""
    found: dict[StorePath, NarInfo] = {}
    present: set[StorePath] = set()
    needed: dict[StorePath, StorePath | None] = dict.fromkeys(wanted)
    while needed:
        present |= staging.present(needed)
        following: dict[StorePath, StorePath | None] = {}
        for path in sorted(needed.keys() - present):
            info = cache.narinfo(path)
            if info is None:
                raise IncompleteClosure(str(cache.root), path, needed[path])
            found[path] = info
            following.update((each, path) for each in info.references)
        needed = {path: by for path, by in following.items() if path not in found and path not in present}
    return found, len(present)


def _in_order(found: dict[StorePath, NarInfo], where: str) -> list[NarInfo]:
    graph = {path: [each for each in info.references if each in found and each != path] for path, info in found.items()}
    try:
        return [found[path] for path in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        raise InvalidNarInfo(
            where, f"objects refer to each other in a circle, {error.args[1][0]} among them"
        ) from error


def _restore(directory: Path, info: NarInfo, place: Path) -> None:
    restore_compressed(directory / info.url, info, place)


def restore_compressed(file: Path, info: NarInfo | NarFacts, place: Path) -> None:
    """Write out the tree of a compressed NAR that is what a cache says it is.

    Args:
        file: the compressed NAR.
        info: what the cache says of it.
        place: where nothing is yet; after a failure, some of the tree is there.

    Raises:
        InvalidArchive: it is damaged.
        InvalidNar: likewise.
        ContentMismatch: it is another.
        CannotTransfer: the system refused to read it.
    """
    with _reading(file) as raw:
        compressed = _Hashed(raw)
        source = Decompressed(compressed, info.compression, str(file))
        plain = _Hashed(source)
        part = Part(plain, info.nar_size)
        restore_nar(part, place)
        if part.left:
            raise InvalidArchive(str(file), "it is cut short")
        source.finish()
    if info.file_hash is not None and compressed.hasher.digest() != info.file_hash:
        raise InvalidArchive(str(file), "its digest is another than FileHash")
    if plain.hasher.digest() != info.nar_hash:
        details = (("expected", f"sha256 {info.nar_hash.hex()}"), ("got", f"sha256 {plain.hasher.hexdigest()}"))
        raise ContentMismatch(str(file), info.path, details)


@contextlib.contextmanager
def _reading(file: Path) -> Generator[ByteStream]:
    """An open file whose errors are not those of the store."""
    with transferring(file):
        if not stat.S_ISREG(file.stat().st_mode):  # a pipe would wait for somebody to write
            raise InvalidArchive(str(file), "it is no regular file")
        opened = file.open("rb", buffering=0)
    with opened:
        yield _Guarded(opened, file)


class _Guarded:
    def __init__(self, raw: ByteStream, file: Path) -> None:
        self._raw = raw
        self._file = file

    def read(self, size: int, /) -> bytes:
        with transferring(self._file):
            return self._raw.read(size)


class _Hashed:
    """A stream, and the SHA-256 of what was read of it."""

    def __init__(self, raw: ByteStream) -> None:
        self._raw = raw
        self.hasher = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        data = self._raw.read(size)
        self.hasher.update(data)
        return data
