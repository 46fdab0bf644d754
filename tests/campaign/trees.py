"""Objects as they lie on disk, digested anew from docs/format-tree.md and docs/format.md alone.

Shares no code with the store: what both get wrong the same way, both had to misread the same way.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

import attrs
from blake3 import blake3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ALPHABET: Final = "0123456789abcdfghijklmnpqrsvwxyz"
FILE_CONTEXT: Final = "hermetica 2026-11 file modulo own digest v1"
PATH_CONTEXT: Final = "hermetica 2026-11 store path v1"
ZEROS: Final = bytes(32)


@attrs.frozen
class Entry:
    """A file, link or directory.

    Attributes:
        kind: ``file``, ``executable``, ``link`` or ``directory``.
        data: the bytes of a file, the target of a link.
        below: what is in a directory, by name.
    """

    kind: str
    data: bytes = b""
    below: dict[bytes, Entry] = attrs.field(factory=dict[bytes, "Entry"])

    def walk(self, path: bytes = b"") -> Iterator[tuple[bytes, Entry]]:
        """Every entry with its path, this one first."""
        yield path, self
        for name, each in self.below.items():
            yield from each.walk(path + b"/" + name if path else name)


def read(place: Path) -> tuple[Entry, list[str]]:
    """What lies at a place, and what of it is not canonical."""
    oddities: list[str] = []
    return _read(place, oddities), oddities


def _read(place: Path, oddities: list[str]) -> Entry:
    status = place.lstat()
    mode = stat.S_IMODE(status.st_mode)
    if status.st_mtime_ns != 1_000_000_000:
        oddities.append(f"{place} was modified at {status.st_mtime_ns} ns")
    if stat.S_ISLNK(status.st_mode):
        return Entry("link", os.fsencode(place.readlink()))
    if stat.S_ISDIR(status.st_mode):
        if mode != 0o555:
            oddities.append(f"{place} has mode {mode:o}")
        return Entry(
            "directory", b"", {os.fsencode(each.name): _read(each, oddities) for each in sorted(place.iterdir())}
        )
    if not stat.S_ISREG(status.st_mode) or mode not in {0o444, 0o555}:
        oddities.append(f"{place} has mode {status.st_mode:o}")
    return Entry("executable" if mode & 0o111 else "file", place.read_bytes())


def varint(number: int) -> bytes:
    """A number in groups of seven bits, least significant first."""
    out = bytearray()
    while True:
        number, group = number >> 7, number & 0x7F
        out.append(group | (0x80 if number else 0))
        if not number:
            return bytes(out)


def _field(number: int, data: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + varint(len(data)) + data


def _text(number: int, data: bytes) -> bytes:
    return _field(number, data) if data else b""


def _digest(raw: bytes, size: int) -> bytes:
    return _field(2, _field(1, raw.hex().encode()) + (b"\x10" + varint(size) if size else b""))


def _message(
    entries: dict[bytes, Entry], file_digest: Callable[[bytes], bytes], text: Callable[[bytes], bytes]
) -> bytes:
    """The wire form of a directory."""
    files, directories, links = b"", b"", b""
    for name, entry in sorted((text(name), entry) for name, entry in entries.items()):
        if entry.kind == "link":
            links += _field(3, _text(1, name) + _text(2, text(entry.data)))
        elif entry.kind == "directory":
            message = _message(entry.below, file_digest, text)
            directories += _field(2, _text(1, name) + _digest(blake3(message).digest(), len(message)))
        else:
            executable = b"\x20\x01" if entry.kind == "executable" else b""
            files += _field(1, _text(1, name) + _digest(file_digest(entry.data), len(entry.data)) + executable)
    return files + directories + links


def tree_digest(root: Entry) -> bytes:
    """The true tree digest."""
    return _tree(root, lambda data: blake3(data).digest(), lambda text: text)


def modulo_digest(root: Entry, own: bytes) -> bytes:
    """The tree digest with the own path digest blanked out."""

    def file_digest(data: bytes) -> bytes:
        offsets = _occurrences(data, own)
        if not offsets:
            return blake3(data).digest()
        tail = b"".join(offset.to_bytes(8, "little") for offset in offsets) + len(offsets).to_bytes(8, "little")
        return blake3(data.replace(own, ZEROS) + tail, derive_key_context=FILE_CONTEXT).digest()

    return _tree(root, file_digest, lambda text: text.replace(own, ZEROS))


def _tree(root: Entry, file_digest: Callable[[bytes], bytes], text: Callable[[bytes], bytes]) -> bytes:
    entries = root.below if root.kind == "directory" else {b"": root}
    return blake3(_message(entries, file_digest, text)).digest()


def _occurrences(data: bytes, own: bytes) -> list[int]:
    found: list[int] = []
    at = data.find(own)
    while at >= 0:
        found.append(at)
        at = data.find(own, at + len(own))
    return found


def path_digest(name: str, modulo: bytes, others: list[str], *, itself: bool) -> bytes:
    """The 32 characters that stand for an object with this content."""
    lines = [name, modulo.hex(), "self" if itself else "-", *sorted(others)]
    raw = blake3("\n".join(lines).encode(), derive_key_context=PATH_CONTEXT).digest()
    bits = int.from_bytes(raw, "big") >> (256 - 150)
    return ("hx" + "".join(ALPHABET[bits >> shift & 31] for shift in range(145, -1, -5))).encode()


def mentions(root: Entry, digest: bytes) -> bool:
    """Whether a path digest stands anywhere in names, targets or bytes."""
    return any(digest in entry.data or digest in path for path, entry in root.walk())
