"""The manifest of an object: what each entry was when it was registered, so that a damaged one can be named.

The tree digest decides whether an object is whole; the manifest only says where it is not. Source:
docs/format-store.md, "Manifests".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hermetica_store.codec import read_varint, varint
from hermetica_store.content import Content, File, Folder, Link
from hermetica_store.digest import DIGEST_SIZE_BYTES, Digest
from hermetica_store.packed import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_DIRECTORY: Final = 0
_LINK: Final = 1
_FILE: Final = 2
_EXECUTABLE: Final = 3
_LONG: Final = 0x80  # from here on, a length takes more than a byte

Entry = tuple[str, str]
"""What an entry is and a digest or target: two entries are equal if these are."""


def encode_manifest(content: Content) -> bytes:
    """The manifest as the index keeps it."""
    return join_manifest([encode_entry(path, entry) for path, entry in content.entries()])


def join_manifest(entries: Iterable[bytes]) -> bytes:
    """The manifest of encoded entries, directories before what is in them."""
    return pack(b"".join(entries))


def decode_manifest(value: bytes) -> dict[bytes, Entry]:
    """Path below the object -> what is there.

    Raises:
        ValueError: it is no manifest.
    """
    plain = unpack(value)
    entries: dict[bytes, Entry] = {}
    at = 0
    while at < len(plain):
        path, entry, at = _decode(plain, at)
        entries[path] = entry
    return entries


def split_manifest(value: bytes) -> dict[bytes, bytes]:
    """Path below the object -> what is there, encoded: of many entries that only move to another manifest.

    Raises:
        ValueError: it is no manifest.
    """
    plain = unpack(value)
    entries: dict[bytes, bytes] = {}
    at, end = 0, len(plain)
    try:
        while at < end:
            length = plain[at]
            start = at + 1
            if length >= _LONG:
                length, start = read_varint(plain, at)
            after = start + length
            kind = plain[after]
            if kind >= _FILE:
                after += 1 + DIGEST_SIZE_BYTES
            elif kind == _LINK:
                target, after = read_varint(plain, after + 1)
                after += target
            else:
                after += 1
            entries[plain[start : start + length]] = plain[at:after]
            at = after
    except IndexError as error:
        raise ValueError("a manifest is cut short") from error
    if at > end:
        raise ValueError("a manifest is cut short")
    return entries


def digest_in(encoded: bytes) -> Digest:
    """The digest of a file, from its encoded entry."""
    return Digest(encoded[-DIGEST_SIZE_BYTES:])


def entries_of(content: Content) -> dict[bytes, Entry]:
    """The same of a tree that was just read."""
    return {path: _entry(each) for path, each in content.entries()}


def differences(expected: Mapping[bytes, Entry], found: Mapping[bytes, Entry]) -> list[tuple[bytes, str, str]]:
    """(path, kind, what was expected and found) of every entry that differs, ascending by path.

    Kinds are ``missing``, ``added`` and ``changed``. What is below a missing or added directory is not named again.
    """
    problems: list[tuple[bytes, str, str]] = []
    for path in sorted(expected.keys() | found.keys()):
        was, now = expected.get(path), found.get(path)
        parent = path.rpartition(b"/")[0]
        if was == now:
            continue
        if now is None and was is not None:
            if parent in found or path == b"":
                problems.append((path, "missing", f"expected {_said(was)}"))
        elif was is None and now is not None:
            if parent in expected or path == b"":
                problems.append((path, "added", f"found {_said(now)}"))
        elif was is not None and now is not None:
            problems.append((path, "changed", f"expected {_said(was)}, found {_said(now)}"))
    return problems


def _said(entry: Entry) -> str:
    return f"{entry[0]} {entry[1]}".strip()


def _entry(entry: File | Link | Folder) -> Entry:
    if isinstance(entry, Folder):
        return "a directory", ""
    if isinstance(entry, Link):
        return "a link to", entry.target.decode(errors="backslashreplace")
    return ("an executable file" if entry.executable else "a file"), entry.digest.hex


def encode_entry(path: bytes, entry: File | Link | Folder) -> bytes:
    """One entry of a manifest."""
    head = varint(len(path)) + path
    if isinstance(entry, Folder):
        return head + bytes((_DIRECTORY,))
    if isinstance(entry, Link):
        return head + bytes((_LINK,)) + varint(len(entry.target)) + entry.target
    return head + bytes((_EXECUTABLE if entry.executable else _FILE,)) + entry.digest.raw


def _decode(data: bytes, at: int) -> tuple[bytes, Entry, int]:
    try:
        length, at = read_varint(data, at)
        path, kind, at = data[at : at + length], data[at + length], at + length + 1
        if kind == _DIRECTORY:
            return path, ("a directory", ""), at
        if kind == _LINK:
            length, at = read_varint(data, at)
            return path, ("a link to", data[at : at + length].decode(errors="backslashreplace")), at + length
        digest = Digest(data[at : at + 32])
    except IndexError as error:
        raise ValueError("a manifest is cut short") from error
    return path, (("an executable file" if kind == _EXECUTABLE else "a file"), digest.hex), at + 32
