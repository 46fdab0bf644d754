"""What a fuzz target is, and the promises that every one of them keeps.

For any bytes at all: an answer or an error of ours, soon, in bounded memory, and nothing written but below the
destination. A target raises only where its reader breaks a promise.
"""

from __future__ import annotations

import contextlib
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.errors import HermeticaError
from hermetica_store.remove import remove_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

SECONDS_MAX: Final = 5.0
MEMORY_MAX_BYTES: Final = 1 << 30
"""How much larger the process may ever have been than when it began: most of that is the window of a zstd frame."""


class BrokenPromise(AssertionError):
    """A reader did what no input may make it do."""


@attrs.frozen
class Target:
    """One reader to be fed.

    Attributes:
        name: as on the command line; its corpus lies in a directory of that name.
        feed: takes one input; raises `HermeticaError` where it refuses it, anything else only where it is wrong.
        words: what a mutation may put in, beside what the corpus holds.
    """

    name: str
    feed: Callable[[bytes], None]
    words: tuple[bytes, ...] = ()

    def check(self, data: bytes) -> bool:
        """Feed one input, and hold the promises; whether it was taken.

        Raises:
            BrokenPromise: it took too long, too much memory, or did what its target forbids.
            Exception: it raised what is no error of ours.
        """
        started_s, before = time.monotonic(), peak_bytes()
        taken = True
        try:
            self.feed(data)
        except HermeticaError as error:
            taken = False
            _check_text(error)
        if (spent_s := time.monotonic() - started_s) > SECONDS_MAX:
            raise BrokenPromise(f"{self.name}: {len(data)} bytes took {spent_s:.1f} s")
        if (grown := peak_bytes() - before) > MEMORY_MAX_BYTES:
            raise BrokenPromise(f"{self.name}: {len(data)} bytes took {grown >> 20} MiB of memory")
        return taken


def _check_text(error: HermeticaError) -> None:
    for text in (error.message, error.hint or "", *(part for detail in error.details for part in detail)):
        text.encode("utf-8", "surrogateescape")
    if not error.message:
        raise BrokenPromise(f"{type(error).__name__} says nothing")


def peak_bytes() -> int:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def expect(holds: bool, what: str) -> None:  # noqa: FBT001 -- reads as a sentence
    """Refuse to go on where a law does not hold."""
    if not holds:
        raise BrokenPromise(what)


@contextlib.contextmanager
def destination() -> Generator[Path]:
    """A place to unpack to, ``deep/out`` in a fresh directory; nothing may appear beside it."""
    shared_memory = Path("/dev/shm")  # noqa: S108 -- faster than a disk, and removed below
    base = shared_memory if os.access(shared_memory, os.W_OK) else None
    where = Path(tempfile.mkdtemp(prefix="hermetica-fuzz-", dir=base))
    try:
        (where / "deep").mkdir()
        (where / "deep" / "victim").write_bytes(b"untouched")
        yield where / "deep" / "out"
        found = sorted(path.name for path in (*where.iterdir(), *(where / "deep").iterdir()) if path.name != "out")
        expect(found == ["deep", "victim"], f"something was written outside the destination: {found}")
        expect((where / "deep" / "victim").read_bytes() == b"untouched", "a file outside the destination was changed")
    finally:
        remove_tree(where)
