"""Build logs: one zstd file each, readable while it is written, and after a crash as far as it got.

A log belongs to the build record whose key it bears; one that is being written is locked. Source: RFC 8878.
"""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Any, Final

from hermetica_store.faults import InvalidKey
from hermetica_store.locks import is_locked, try_lock
from hermetica_store.refusals import working_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from hermetica_store.layout import Layout

_KEY: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,199}")
_SUFFIX: Final = ".zst"
_LEVEL: Final = 3
_FLUSH_PAUSE_S: Final = 0.2
_READ_BYTES: Final = 1 << 16


def log_path(layout: Layout, key: str) -> Path:
    """Where the log ``key`` lies, if it is there.

    Raises:
        InvalidKey: no log can be called that.
    """
    if not _KEY.fullmatch(key):
        raise InvalidKey(f"not a key of a log: {key!r}", hint="use letters, digits and ._-, at most 200")
    return layout.logs / (key + _SUFFIX)


class LogWriter:
    """Takes what a builder writes. An empty log makes no file. A context manager."""

    def __init__(self, layout: Layout, key: str, when_durable: Callable[[Callable[[], None]], None]) -> None:
        self._layout = layout
        self._path = log_path(layout, key)
        self._when_durable = when_durable
        self._fd = -1
        self._compressor: Any = None
        self._flushed_s = 0.0
        self._failed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, data: bytes) -> None:
        """Takes the next bytes; readers see them within a fraction of a second if more follow.

        Raises:
            StoreFull: there is no room for them.
        """
        if not data:
            return
        with working_in(self._layout.root):
            if self._fd < 0:
                self._begin()
            out = self._compressor.compress(data)
            now_s = time.monotonic()
            if now_s - self._flushed_s > _FLUSH_PAUSE_S:
                out += self._compressor.flush(1)  # COMPRESSOBJ_FLUSH_BLOCK
                self._flushed_s = now_s
            self._put(self._fd, out)

    def close(self) -> None:
        """Ends the log; a second time does nothing."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        try:
            if not self._failed:  # else the log ends where there was no room, and somebody was told
                with working_in(self._layout.root):
                    self._put(fd, self._compressor.flush())
        finally:
            self._when_durable(lambda: os.close(fd))  # until its record is in the index, no collection may take it

    def _open(self) -> int:
        """The file, locked and empty, and not one that a collection removed in between."""
        while True:
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
            try:
                fd = try_lock(self._path, 0)
            except FileNotFoundError:
                continue
            if fd is None:
                raise InvalidKey(f"the log {self._path.name} is being written already")
            try:
                if _is_at(self._path, fd):
                    os.ftruncate(fd, 0)
                    held, fd = fd, -1
                    return held
            finally:
                if fd >= 0:
                    os.close(fd)

    def _put(self, fd: int, data: bytes) -> None:
        self._failed = True
        while data:
            data = data[os.write(fd, data) :]
        self._failed = False

    def _begin(self) -> None:
        import zstandard  # noqa: PLC0415 -- a silent builder needs none

        self._fd = self._open()
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL).compressobj()


def _is_at(path: Path, fd: int) -> bool:
    """Whether an open file is the one at ``path``."""
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False


def read_log(layout: Layout, key: str) -> bytes | None:
    """The bytes of a log as far as they are there; None where there is no file."""
    path = log_path(layout, key)
    with working_in(layout.root):
        try:
            packed = path.read_bytes()
        except FileNotFoundError:
            return None
    import zstandard  # noqa: PLC0415 -- only a log that is there needs it

    unpacker = zstandard.ZstdDecompressor().decompressobj()
    read = bytearray()
    try:
        for start in range(0, len(packed), _READ_BYTES):
            read += unpacker.decompress(packed[start : start + _READ_BYTES])
    except zstandard.ZstdError:  # damaged by a crash: what came before is worth reading
        read += b"\n[the rest of this log is damaged]\n"
    return bytes(read)


def _look_at(path: Path) -> int | None:
    """A descriptor of a log that is not being written; None of one that is."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    if is_locked(fd, 0):
        os.close(fd)
        return None
    return fd


def remove_logs(layout: Layout, wanted: Callable[[str, float], bool], *, dry_run: bool) -> tuple[int, int]:
    """Remove the logs that are neither wanted nor being written; their number and bytes.

    Args:
        layout: of the store.
        wanted: says so by a log's key and the time of its last change, in seconds since the epoch.
        dry_run: only count.
    """
    count = size_bytes = 0
    with working_in(layout.root):
        for path in list(layout.logs.iterdir()):
            if not path.name.endswith(_SUFFIX):
                continue
            fd = _look_at(path) if dry_run else try_lock(path, 0)
            if fd is None:
                continue
            try:
                status = os.fstat(fd)
                if not wanted(path.name.removesuffix(_SUFFIX), status.st_mtime):
                    count, size_bytes = count + 1, size_bytes + status.st_size
                    if not dry_run:
                        path.unlink(missing_ok=True)
            finally:
                os.close(fd)
    return count, size_bytes
