"""Finding the digests of store paths in any bytes: one pass, nothing missed.

A digest is the marker ``hx`` and 30 characters of nix-base32. It counts wherever its 32 bytes stand: bare,
cut by a chunk border, inside a longer run of the alphabet, or overlapping another candidate. A few known
digests are searched one by one, which skips most bytes; more of them by the marker, which costs the same
for any number. In long data every eighth byte is looked at first: a digest covers four of those, all in the alphabet,
and only where four such bytes follow each other is the marker searched. Blocks where that is so too often, as in
text, are searched whole, and so are the next few, which are likely of the same kind.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hermetica_store.digest import ALPHABET, MARKER, PATH_DIGEST_LENGTH

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_CANDIDATE: Final = re.compile(rf"{MARKER}(?=[{ALPHABET}]{{{PATH_DIGEST_LENGTH - len(MARKER)}}})".encode())
_CARRIED: Final = PATH_DIGEST_LENGTH - 1
_STRIDE: Final = 8
_RUN: Final = b"\1" * (PATH_DIGEST_LENGTH // _STRIDE)
_IN_ALPHABET: Final = bytes(chr(byte) in ALPHABET for byte in range(256))
_BLOCK_BYTES: Final = 1 << 16  # with its sample it stays in a core's own cache
_SAMPLED_BYTES: Final = 1 << 13  # below, sampling does not pay
_RUNS_MAX: Final = 8  # in a block; beyond, as in text, searching all of it is faster
_UNSAMPLED_BLOCKS: Final = 4  # after a block that was searched whole
_NEEDLES_MAX: Final = 3  # three searches that skip cost as much as one by the marker


def find_digests(data: bytes | bytearray) -> set[str]:
    """Every text in ``data`` that has the form of a path digest."""
    return {data[at : at + PATH_DIGEST_LENGTH].decode("ascii") for at in _marked(data)}


class Scanner:
    """Looks for digests in streams of chunks.

    Attributes:
        found: the digests met so far, in all streams.
    """

    def __init__(self, known: Collection[str] | None, tracked: Collection[str] = ()) -> None:
        """Prepare a search.

        Args:
            known: digests to report; None reports whatever has the form of one.
            tracked: digests to report with their places, because they will be rewritten.
        """
        self.found: set[bytes] = set()
        self._tracked = frozenset(digest.encode() for digest in tracked)
        self._known = None if known is None else self._tracked.union(digest.encode() for digest in known)
        self._idle = self._known is not None and not self._known
        self._needles = tuple(self._known) if self._known and len(self._known) <= _NEEDLES_MAX else ()
        self._tail: bytes | bytearray = b""
        self._position = 0
        self._free_from = 0
        self._places: list[tuple[int, bytes]] = []

    @property
    def is_idle(self) -> bool:
        """Whether nothing at all is looked for."""
        return self._idle

    def feed(self, chunk: bytes | bytearray) -> None:
        """Search the next chunk of the current stream; nothing of it is kept by reference."""
        if self._idle:
            return
        tail = self._tail
        if tail:
            self._search(tail + chunk[:_CARRIED], self._position - len(tail))
        self._search(chunk, self._position)
        self._position += len(chunk)
        self._tail = chunk[-_CARRIED:] if len(chunk) >= _CARRIED else (tail + chunk)[-_CARRIED:]

    def end(self) -> tuple[tuple[int, bytes], ...]:
        """End the stream: the (offset, digest) of its tracked digests, ascending; none begins in another."""
        places = tuple(self._places)
        self._tail, self._position, self._free_from = b"", 0, 0
        if places:
            self._places = []
        return places

    def scan(self, data: bytes) -> tuple[tuple[int, bytes], ...]:
        """Search one whole stream."""
        if self._idle or len(data) < PATH_DIGEST_LENGTH:
            return ()
        self._search(data, 0)
        return self.end()

    def _search(self, data: bytes | bytearray, base: int) -> None:
        places = self._by_needle(data) if self._needles else _marked(data)
        for at in places:
            digest = bytes(data[at : at + PATH_DIGEST_LENGTH])
            if self._known is None or digest in self._known:
                self.found.add(digest)
                if digest in self._tracked and base + at >= self._free_from:
                    self._free_from = base + at + PATH_DIGEST_LENGTH
                    self._places.append((base + at, digest))

    def _by_needle(self, data: bytes | bytearray) -> list[int]:
        places: list[int] = []
        for needle in self._needles:
            at = data.find(needle)
            while at >= 0:
                places.append(at)
                at = data.find(needle, at + 1)
        places.sort()
        return places


def _marked(data: bytes | bytearray) -> Iterator[int]:
    """Where digests begin, ascending."""
    if len(data) < _SAMPLED_BYTES:
        return (match.start() for match in _CANDIDATE.finditer(data))
    return (match.start() for start, stop in _promising(data) for match in _CANDIDATE.finditer(data, start, stop))


def _promising(data: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """The parts of long data that can hold digests, by where digests begin; no digest ends beyond its part."""
    unsampled = 0
    for block in range(0, len(data), _BLOCK_BYTES):
        stop = min(block + _BLOCK_BYTES + _CARRIED, len(data))
        runs = [] if unsampled else _runs(data[block:stop:_STRIDE].translate(_IN_ALPHABET))
        if unsampled or len(runs) > _RUNS_MAX:
            unsampled = unsampled - 1 if unsampled else _UNSAMPLED_BLOCKS
            yield block, stop
            continue
        for first, end in runs:
            yield max(block, block + _STRIDE * (first - 1) + 1), min(block + _STRIDE * end, stop)


def _runs(sample: bytes | bytearray) -> list[tuple[int, int]]:
    """From where to where sampled bytes of the alphabet follow each other, ascending; at most one more than allowed."""
    runs: list[tuple[int, int]] = []
    at = sample.find(_RUN)
    while at >= 0 and len(runs) <= _RUNS_MAX:
        end = sample.find(b"\0", at)
        if end < 0:
            end = len(sample)
        runs.append((at, end))
        at = sample.find(_RUN, end)
    return runs
