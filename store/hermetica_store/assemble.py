"""Making a damaged object's tree anew: from what is left of it, and from equal files elsewhere in the store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hermetica_store.canonicalise import TIMES_NS, copy_bytes, seal_directory
from hermetica_store.content import File, tree_digest
from hermetica_store.descent import DIRECTORY_FLAGS
from hermetica_store.digest import Digest
from hermetica_store.inspection import inspect
from hermetica_store.reading import FILE_FLAGS, TreeError, hash_file
from hermetica_store.refusals import FULL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from hermetica_store.shared import Shared
    from hermetica_store.verify import Finding

_EXECUTABLE = "an executable file"
_DIRECTORY = "a directory"
_LINK = "a link to"


def lost_files(finding: Finding) -> list[Digest]:
    """The digests of the files that a damaged object no longer has."""
    if finding.manifest is None:
        return []
    have = _files_of(finding)
    texts = {text for kind, text in finding.manifest.values() if kind.endswith("file")}
    return [Digest.parse(text) for text in sorted(texts - have.keys())]


def assemble(shared: Shared, finding: Finding, places: Mapping[str, Sequence[Path]], tree: Path) -> bool:
    """Make a damaged object's tree at ``tree``, canonical; whether it is right, to the last byte.

    Every file is copied, never linked: nothing that is damaged or may be shares an inode with it.

    Args:
        shared: the store.
        finding: the object, as it is.
        places: digest in hexadecimal -> where such files should be.
        tree: nothing is there yet.

    Raises:
        OSError: there is no room.
    """
    manifest = finding.manifest
    if manifest is None or not _is_tree(manifest):
        return False
    own = _files_of(finding)
    try:
        for path in sorted(manifest):
            if not _make(manifest[path], _below(tree, path), _sources(shared, finding, own, places, path)):
                return False
        for path in sorted((path for path, entry in manifest.items() if entry[0] == _DIRECTORY), reverse=True):
            _seal(_below(tree, path))
    except OSError as error:
        if error.errno in FULL:
            raise
        return False
    return is_right(finding, tree)


def _is_tree(manifest: dict[bytes, tuple[str, str]]) -> bool:
    """Whether entries have plain names and stand in directories: a damaged manifest may say anything."""
    for path in manifest:
        parent, _, name = path.rpartition(b"/")
        if path and (name in {b"", b".", b".."} or manifest.get(parent, ("", ""))[0] != _DIRECTORY):
            return False
    return b"" in manifest


def _make(entry: tuple[str, str], place: Path, sources: Iterator[Path]) -> bool:
    kind, text = entry
    if kind == _DIRECTORY:
        place.mkdir(mode=0o755)
    elif kind == _LINK:
        place.symlink_to(text)
        os.utime(place, ns=TIMES_NS, follow_symlinks=False)
    else:
        return any(_copy(source, place, text, executable=kind == _EXECUTABLE) for source in sources)
    return True


def _below(place: Path, path: bytes) -> Path:
    return place / os.fsdecode(path) if path else place


def is_right(finding: Finding, tree: Path) -> bool:
    """Whether a tree is what the object should be, modes and times included."""
    try:
        found = inspect(tree)
    except TreeError:
        return False
    return not found.oddities and tree_digest(found.content) == finding.info.tree


def _files_of(finding: Finding) -> dict[str, bytes]:
    """The files that the damaged object has: digest -> path below it."""
    if finding.inspection is None:
        return {}
    entries = finding.inspection.content.entries()
    return {entry.digest.hex: path for path, entry in entries if isinstance(entry, File)}


def _sources(
    shared: Shared, finding: Finding, own: dict[str, bytes], places: Mapping[str, Sequence[Path]], path: bytes
) -> Iterator[Path]:
    """Where the file at ``path`` may be found, likeliest first."""
    objects, text = shared.layout.objects, (finding.manifest or {})[path][1]
    base = finding.info.path.base
    if text in own:
        yield _below(objects / base, own[text])
    yield _below(objects / base, path)  # what could not be read as a whole may hold it still
    for tail in ("", "-x"):
        yield shared.layout.links / text[:2] / (text[2:] + tail)
    yield from places.get(text, ())


def _copy(source: Path, place: Path, text: str, *, executable: bool) -> bool:
    """Copy a file if it is there, can be read and has the digest; whether it does."""
    try:
        return _copy_checked(source, place, text, executable=executable)
    except OSError as error:
        if error.errno in FULL:
            raise
        return False


def _copy_checked(source: Path, place: Path, text: str, *, executable: bool) -> bool:
    old = os.open(source, FILE_FLAGS)
    try:
        new = os.open(place, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            copy_bytes(old, new)
            os.lseek(new, 0, os.SEEK_SET)
            if hash_file(new, os.fstat(new).st_size)[0].hex != text:
                return False
            os.fchmod(new, 0o555 if executable else 0o444)
            os.utime(new, ns=TIMES_NS)
        finally:
            os.close(new)
    finally:
        os.close(old)
    return True


def _seal(directory: Path) -> None:
    fd = os.open(directory, DIRECTORY_FLAGS)
    try:
        seal_directory(fd)
    finally:
        os.close(fd)
