"""The content of one tree in memory: what was found on disk, and the Merkle digest of it under a view.

The shape is flat enough for trees of any depth: nothing here recurses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from hermetica_store.digest import Digest
from hermetica_store.tree import (
    encode_directory,
    encode_file,
    encode_symlink,
    join_entries,
    lone_file_digest,
    lone_symlink_digest,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@attrs.define(eq=False)
class File:
    """A regular file; entries that are hard links of each other share one.

    Attributes:
        digest: BLAKE3 of its bytes.
        size_bytes: how many.
        executable: whether any executable bit was set.
        held: (offset, digest text) of the tracked digests in it, ascending.
        is_shared: whether it is another name of a registered object's file already.
    """

    digest: Digest
    size_bytes: int
    executable: bool
    held: tuple[tuple[int, bytes], ...] = ()
    is_shared: bool = False


@attrs.define(eq=False)
class Link:
    """A symbolic link."""

    target: bytes


@attrs.define(eq=False)
class Folder:
    """A directory: its entries by name, in the order met.

    Attributes:
        touched: whether anything below holds a tracked digest.
        digest: of its message, as last computed.
        size_bytes: of its message, likewise.
    """

    files: dict[bytes, File] = attrs.field(factory=dict[bytes, File])
    links: dict[bytes, Link] = attrs.field(factory=dict[bytes, Link])
    folders: dict[bytes, Folder] = attrs.field(factory=dict[bytes, "Folder"], repr=False)
    touched: bool = False
    digest: Digest | None = None
    size_bytes: int = 0


@attrs.frozen(eq=False)
class Content:
    """A whole tree.

    Attributes:
        root: the object itself.
        folders: every directory, each before those in it.
    """

    root: File | Link | Folder
    folders: list[Folder] = attrs.field(factory=list[Folder], repr=False)

    @property
    def size_bytes(self) -> int:
        """The bytes of all regular files, each entry counted."""
        if isinstance(self.root, File):
            return self.root.size_bytes
        return sum(file.size_bytes for folder in self.folders for file in folder.files.values())

    @property
    def file_count(self) -> int:
        """How many entries are regular files."""
        return int(isinstance(self.root, File)) + sum(len(folder.files) for folder in self.folders)

    def entries(self) -> Iterator[tuple[bytes, File | Link | Folder]]:
        """Every entry with its path below the object (empty for itself), directories before what is in them."""
        pending: list[tuple[bytes, File | Link | Folder]] = [(b"", self.root)]
        while pending:
            path, entry = pending.pop()
            yield path, entry
            if isinstance(entry, Folder):
                prefix = path + b"/" if path else b""
                for group in (entry.files, entry.links, entry.folders):
                    pending.extend((prefix + name, child) for name, child in group.items())


def _as_it_is(text: bytes) -> bytes:
    return text


def _own_digest(file: File) -> Digest:
    return file.digest


def spread_touched(content: Content) -> None:
    """Mark every directory above a touched one."""
    for folder in reversed(content.folders):
        if not folder.touched:
            folder.touched = any(child.touched for child in folder.folders.values())


def tree_digest(
    content: Content,
    text: Callable[[bytes], bytes] = _as_it_is,
    digest: Callable[[File], Digest] = _own_digest,
) -> Digest:
    """The Merkle digest of a tree under a view.

    Directories that are not touched look the same under every view, and are computed once.

    Args:
        content: the tree.
        text: how the view shows names and link targets.
        digest: which digest it shows for a file.
    """
    root = content.root
    if isinstance(root, File):
        return lone_file_digest(digest(root), root.size_bytes, executable=root.executable)
    if isinstance(root, Link):
        return lone_symlink_digest(text(root.target))
    for folder in reversed(content.folders):
        if folder.touched or folder.digest is None:
            message = _message(folder, text, digest)
            folder.digest, folder.size_bytes = Digest.of(message), len(message)
    return _computed(root)


def _message(folder: Folder, text: Callable[[bytes], bytes], digest: Callable[[File], Digest]) -> bytes:
    return join_entries(
        [
            (
                shown := text(name),
                encode_file(shown, digest(file).hex.encode(), file.size_bytes, executable=file.executable),
            )
            for name, file in folder.files.items()
        ],
        [
            (shown := text(name), encode_directory(shown, _computed(child).hex.encode(), child.size_bytes))
            for name, child in folder.folders.items()
        ],
        [(shown := text(name), encode_symlink(shown, text(link.target))) for name, link in folder.links.items()],
    )


def _computed(folder: Folder) -> Digest:
    if folder.digest is None:
        raise AssertionError("a directory's digest is computed after those in it")
    return folder.digest
