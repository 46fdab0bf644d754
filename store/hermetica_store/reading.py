"""Reading and hashing the bytes of open files, and the errors of working on trees.

Files are read, never mapped: one that shrinks meanwhile gives a short read, not a dead process.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from typing import TYPE_CHECKING, Final

from blake3 import blake3

from hermetica_store.digest import Digest
from hermetica_store.errors import StoreError
from hermetica_store.scan import Scanner

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator
    from types import TracebackType
    from typing import Self

CHUNK_BYTES: Final = 1 << 20
WINDOW_BYTES: Final = 1 << 17  # it stays in a core's own cache
LARGE_BYTES: Final = (
    4 << 20
)  # from here a second thread hashes: starting one costs as much as hashing a few hundred KiB
FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
_KINDS: Final = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a fifo",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


class TreeError(StoreError):
    """The system refused work on a tree: something in it cannot be read, written or found."""

    code = "HM412"

    def __init__(self, path: bytes, error: OSError) -> None:
        super().__init__(f"cannot work on {os.fsdecode(path)}", details=(("cause", error.strerror or str(error)),))
        self.path = path
        self.errno = error.errno


class SpecialFile(StoreError):
    """A socket, fifo or device where only files, directories and links may be."""

    code = "HM413"

    def __init__(self, path: bytes, mode: int) -> None:
        kind = _KINDS.get(stat.S_IFMT(mode), "a special file")
        super().__init__(
            f"{os.fsdecode(path)} is {kind}",
            hint="objects hold regular files, directories and symbolic links only; remove it",
        )
        self.path = path


class TreeChanged(StoreError):
    """A tree was written to while it was read."""

    code = "HM414"

    def __init__(self, path: bytes) -> None:
        super().__init__(f"{os.fsdecode(path)} changed while it was read", hint="try again when nothing writes there")
        self.path = path


@contextlib.contextmanager
def working_on(root: str | bytes | os.PathLike[str]) -> Generator[None]:
    """Turn what the system refuses below ``root`` into a `TreeError`."""
    try:
        yield
    except OSError as error:
        below = error.filename
        path = os.fsencode(root)
        if isinstance(below, (str, bytes)) and os.fsencode(below) not in {path, b".."}:
            name = os.fsencode(below)
            path = name if name.startswith(b"/") else path + b"/\xe2\x80\xa6/" + name
        raise TreeError(path, error) from error


def chunks_of(fd: int) -> Iterator[bytes]:
    """The bytes of an open file from where it stands to its end."""
    while chunk := os.read(fd, CHUNK_BYTES):
        yield chunk


def read_small(fd: int, size_bytes: int) -> bytes:
    """The bytes of a file whose size is known; the result is longer or shorter if the size was wrong."""
    data = os.read(fd, size_bytes + 1)
    if len(data) == size_bytes:
        return data
    return b"".join([data, *chunks_of(fd)]) if data else data


def hash_file(fd: int, size_bytes: int) -> tuple[Digest, int]:
    """The digest of an open file, and how many bytes it really had.

    Args:
        fd: the file, at its beginning.
        size_bytes: the expected size; it only chooses the way.
    """
    if size_bytes <= CHUNK_BYTES:
        data = read_small(fd, size_bytes)
        return Digest(blake3(data).digest()), len(data)
    hasher = blake3(max_threads=blake3.AUTO if size_bytes > LARGE_BYTES else 1)
    total = 0
    while chunk := os.read(fd, LARGE_BYTES):
        hasher.update(chunk)
        total += len(chunk)
    return Digest(hasher.digest()), total


def hash_and_scan(fd: int, size_bytes: int, scanner: Scanner) -> tuple[Digest, int, tuple[tuple[int, bytes], ...]]:
    """The digest of an open file, its size, and the places of the scanner's tracked digests, in one read."""
    if scanner.is_idle:
        return (*hash_file(fd, size_bytes), ())
    if size_bytes <= WINDOW_BYTES:
        data = read_small(fd, size_bytes)
        return Digest(blake3(data).digest()), len(data), scanner.scan(data)
    if size_bytes <= LARGE_BYTES or len(os.sched_getaffinity(0)) == 1:
        hasher = blake3()
        total = _scan(fd, scanner, hasher)
        return Digest(hasher.digest()), total, scanner.end()
    with _BackgroundHasher(fd) as background:
        total = _scan(fd, scanner, None)
    return background.result(), total, scanner.end()


def _scan(fd: int, scanner: Scanner, hasher: blake3 | None) -> int:
    """Search an open file, and hash what is searched while it is in the cache; gives its size."""
    total = 0
    window = bytearray(WINDOW_BYTES)  # one that stays in the cache, not a new one for every read
    while size_bytes := os.readv(fd, [window]):
        piece = window if size_bytes == WINDOW_BYTES else window[:size_bytes]
        if hasher is not None:
            hasher.update(piece)
        scanner.feed(piece)
        total += size_bytes
    return total


def scan_and_hash(path: str | os.PathLike[str], known: Collection[str] | None = None) -> tuple[Digest, frozenset[str]]:
    """The digest of a regular file, and the digests of store paths that it mentions, in one read.

    Args:
        path: the file.
        known: what may be mentioned; None takes whatever has the form of a path digest.

    Raises:
        TreeError: it cannot be read.
    """
    scanner = Scanner(known)
    with working_on(path):
        fd = os.open(path, FILE_FLAGS)
        try:
            digest, _, _ = hash_and_scan(fd, os.fstat(fd).st_size, scanner)
        finally:
            os.close(fd)
    return digest, frozenset(found.decode() for found in scanner.found)


class _BackgroundHasher(threading.Thread):
    """Hashes an open file in a thread of its own.

    BLAKE3 releases the interpreter and searching does not, so the two share no chunks: waiting for each other
    would cost more than the second copy out of the page cache.
    """

    def __init__(self, fd: int) -> None:
        super().__init__(name="hermetica-hash", daemon=True)
        self._fd = fd
        self._hasher = blake3()
        self._error: OSError | None = None
        self._stopped = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = kind is not None
        self.join()

    def run(self) -> None:
        """Hash the file from its beginning to its end."""
        buffer = memoryview(bytearray(LARGE_BYTES))
        offset = 0
        try:
            while not self._stopped and (size_bytes := os.preadv(self._fd, [buffer], offset)):
                self._hasher.update(buffer[:size_bytes])
                offset += size_bytes
        except OSError as error:
            self._error = error

    def result(self) -> Digest:
        """The digest, once the thread has ended."""
        if self._error is not None:
            raise self._error
        return Digest(self._hasher.digest())
