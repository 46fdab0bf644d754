"""Where an object mentions another: the file and the byte offset that hold its digest."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK_BYTES: Final = 1 << 20
_AROUND_BYTES: Final = 40


@attrs.frozen(kw_only=True)
class Mention:
    """One place that holds a digest.

    Attributes:
        file: relative to the object, empty where the object is a file itself.
        kind: ``bytes``, ``link target`` or ``name``.
        offset: of the digest, in bytes from the beginning of the file, the link target or the name.
        excerpt: the text around it, what cannot be printed as dots.
    """

    file: str
    kind: str
    offset: int
    excerpt: str


def _excerpt(data: bytes, at: int, length: int) -> str:
    start, end = max(0, at - _AROUND_BYTES), at + length + _AROUND_BYTES
    before, after = data[start:at], data[at + length : end]
    before = before[max(before.rfind(b"\n"), before.rfind(b"\0")) + 1 :]
    cuts = [position for position in (after.find(b"\n"), after.find(b"\0")) if position >= 0]
    shown = before + data[at : at + length] + after[: min(cuts, default=len(after))]
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in shown)


def in_file(file: Path, digest: bytes, shown: str) -> Iterator[Mention]:
    """Every place in the bytes of a file, ascending by offset.

    Args:
        file: a regular file.
        digest: what to look for.
        shown: what to call the file.
    """
    keep = len(digest) - 1 + _AROUND_BYTES
    with file.open("rb") as stream:
        data, base, reported = b"", 0, -1
        while True:
            chunk = stream.read(_CHUNK_BYTES)
            data += chunk
            at = data.find(digest)
            while at >= 0:
                complete = at + len(digest) + _AROUND_BYTES <= len(data) or not chunk
                if complete and base + at > reported:
                    reported = base + at
                    yield Mention(file=shown, kind="bytes", offset=base + at, excerpt=_excerpt(data, at, len(digest)))
                at = data.find(digest, at + 1)
            if not chunk:
                return
            drop = max(0, len(data) - keep - _AROUND_BYTES)
            data, base = data[drop:], base + drop


def mentions(root: Path, digest: str) -> Iterator[Mention]:
    """Every place in an object that holds a digest, in the order of the names in it."""
    yield from _of(root, "", digest)
    if not root.is_dir() or root.is_symlink():
        return
    for directory, directories, files in os.walk(root):
        directories.sort()
        for name in sorted([*files, *directories]):
            path = Path(directory, name)
            shown = os.path.relpath(path, root)
            if (at := name.find(digest)) >= 0:
                yield Mention(file=shown, kind="name", offset=at, excerpt=name)
            yield from _of(path, shown, digest)


def _of(path: Path, shown: str, digest: str) -> Iterator[Mention]:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        target = str(path.readlink())
        if (at := target.find(digest)) >= 0:
            yield Mention(file=shown, kind="link target", offset=len(target[:at].encode()), excerpt=target)
    elif stat.S_ISREG(mode):
        yield from in_file(path, digest.encode(), shown)
