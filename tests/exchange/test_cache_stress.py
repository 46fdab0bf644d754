"""Binary caches in other compressions, in parts, cut off and at work: what is read and written under stress."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import signal
import struct
import subprocess
import sys
import threading
import zlib
from typing import TYPE_CHECKING

import attrs
import pytest
import zstandard

from hermetica_store import ObjectStore, nar_chunks
from hermetica_store.exchange import (
    ContentMismatch,
    InvalidArchive,
    export_cache,
)
from hermetica_store.nar_reader import InvalidNar
from tests.exchange.caches import said, say, take
from tests.exchange.closures import Closure, whole
from tests.measuring import unmeasured

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "xz": lzma.compress,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "zstd": zstandard.compress,
    "none": lambda data: data,
    "xz in parts": lambda data: lzma.compress(data[:1000]) + lzma.compress(data[1000:]),
    "zstd in parts": lambda data: zstandard.compress(data[:1000]) + zstandard.compress(data[1000:]),
}


@pytest.mark.parametrize("method", COMPRESSIONS)
def test_caches_that_others_compressed_are_read_and_their_damage_is_found(
    method: str, object_store: ObjectStore, other_store: ObjectStore, closure: Closure, cache: Path
) -> None:
    export_cache(object_store, [closure.library], cache)
    data = COMPRESSIONS[method](b"".join(nar_chunks(object_store.on_disk(closure.library))))
    place = cache / "nar" / "0.nar"
    info = attrs.evolve(
        said(cache, closure.library),
        url="nar/0.nar",
        compression=method.partition(" ")[0],
        file_hash=None,
        file_size=None,
    )
    say(cache, info)
    middle = len(data) // 2
    for bad in (data[:-1], data[:middle], data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :], b""):
        place.write_bytes(bad)
        with pytest.raises((InvalidArchive, InvalidNar, ContentMismatch)):
            take(other_store, cache)
    assert whole(other_store) == set()
    place.write_bytes(data)
    assert take(other_store, cache) == (closure.library,)


def test_a_pipe_is_no_nar_and_nobody_waits_for_it(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure, cache: Path
) -> None:
    export_cache(object_store, [closure.library], cache)
    place = cache / said(cache, closure.library).url
    place.unlink()
    os.mkfifo(place)
    with pytest.raises(InvalidArchive, match="no regular file"):
        take(other_store, cache)


def test_a_stream_that_wants_too_much_memory_is_refused(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure, cache: Path
) -> None:
    export_cache(object_store, [closure.library], cache)
    block = bytes.fromhex("0200210128000000")  # LZMA2 with a window of 4 GiB
    window = lzma.compress(b"", check=lzma.CHECK_CRC32)[:12] + block + struct.pack("<I", zlib.crc32(block)) + bytes(64)
    for method, data in (("xz", window), ("zstd", bytes.fromhex("28b52ffd00b8") + bytes(16))):
        (cache / "nar" / "0.nar").write_bytes(data)
        say(cache, attrs.evolve(said(cache, closure.library), url="nar/0.nar", compression=method, file_hash=None))
        with pytest.raises(InvalidArchive, match="cannot be decompressed"):
            take(other_store, cache)


KILLED = """
import os, signal, sys
from pathlib import Path
from hermetica_store import ObjectStore, StorePath
from hermetica_store.exchange import cache, export_cache
steps = int(sys.argv[4])
real = cache.CacheWriter._sync
def stop(writer):
    global steps
    if steps == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    steps -= 1
    real(writer)
cache.CacheWriter._sync = stop
with ObjectStore.open(Path(sys.argv[1])) as store:
    export_cache(store, [StorePath.parse(sys.argv[2])], Path(sys.argv[3]))
"""


@pytest.mark.parametrize("steps", range(3))
def test_an_export_that_is_killed_leaves_a_cache_that_is_whole_as_far_as_it_goes(
    steps: int, object_store: ObjectStore, other_store: ObjectStore, closure: Closure, cache: Path
) -> None:
    command = [sys.executable, "-c", KILLED, str(object_store.root), str(closure.note), str(cache), str(steps)]
    assert subprocess.run(command, env=unmeasured(), check=False).returncode == -signal.SIGKILL
    added = take(other_store, cache)
    assert len(added) == (3 if steps == 2 else 0)
    export_cache(object_store, [closure.note], cache)
    assert not (cache / ".tmp").exists()
    assert len(take(other_store, cache, closure.note)) in {0, 3}
    assert whole(other_store) == closure.paths


def test_two_exports_at_once_write_everything_once(
    object_store: ObjectStore, other_store: ObjectStore, closure: Closure, cache: Path
) -> None:
    skipped: list[int] = []
    threads = [
        threading.Thread(target=lambda: skipped.append(export_cache(object_store, [closure.note], cache).skipped))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(skipped) == [0, 3]
    assert set(take(other_store, cache)) == closure.paths
