"""Replacing digests by others of equal length, and digests modulo an object's own.

A file's digest modulo ``own`` is BLAKE3, in a key-derivation context of its own, over the bytes with every
``own`` zeroed, then the offset of each as a little-endian 64-bit number, then their number likewise. Names
and link targets are zeroed only: no name and no target can hold a NUL, so the places show. What does not
hold ``own`` keeps its plain digest. Source: docs/format-tree.md, "Self-references".
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Final

from blake3 import blake3

from hermetica_store.digest import PATH_DIGEST_LENGTH, Digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ZEROED: Final = bytes(PATH_DIGEST_LENGTH)
_MODULO_CONTEXT: Final = "hermetica 2026-11 file modulo own digest v1"


def substitute(text: bytes, replacements: Mapping[bytes, bytes]) -> bytes:
    """``text`` with every key replaced by its value, from left to right; what begins inside a replaced key stays."""
    if not replacements:
        return text
    return re.sub(b"|".join(map(re.escape, replacements)), lambda match: replacements[match[0]], text)


def patched(chunks: Iterable[bytes], patches: Sequence[tuple[int, bytes]]) -> Iterator[bytes]:
    """The chunks of a stream with each patch written over the bytes at its offset.

    Args:
        chunks: the stream.
        patches: (offset, bytes), ascending and disjoint; one may straddle chunks.
    """
    start, first = 0, 0
    for chunk in chunks:
        end = start + len(chunk)
        while first < len(patches) and patches[first][0] + len(patches[first][1]) <= start:
            first += 1
        if first < len(patches) and patches[first][0] < end:
            yield _overlay(chunk, start, patches, first)
        else:
            yield chunk
        start = end


def modulo_digest(chunks: Iterable[bytes], offsets: Sequence[int]) -> Digest:
    """The digest of a file modulo its object's own digest.

    Args:
        chunks: its bytes, the own digest already zeroed.
        offsets: where it stood, ascending.
    """
    hasher = blake3(derive_key_context=_MODULO_CONTEXT)
    for chunk in chunks:
        hasher.update(chunk)
    hasher.update(struct.pack(f"<{len(offsets) + 1}Q", *offsets, len(offsets)))
    return Digest(hasher.digest())


def _overlay(chunk: bytes, start: int, patches: Sequence[tuple[int, bytes]], first: int) -> bytes:
    changed = bytearray(chunk)
    for index in range(first, len(patches)):
        offset, replacement = patches[index]
        if offset >= start + len(chunk):
            break
        skipped = max(0, start - offset)
        piece = replacement[skipped : start + len(chunk) - offset]
        at = max(0, offset - start)
        changed[at : at + len(piece)] = piece
    return bytes(changed)
