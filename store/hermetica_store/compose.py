"""Making a tree out of registered objects by links: no byte of a file is read, and none is written.

What an object's files are is known: its manifest has their digests, and one ``stat`` a file tells whether each is
still as it was registered, but for its bytes; the tree digest over both is compared with the registered one. A file
then becomes another name of the object's, and its digest goes with its inode, so that a preparation need not read it.
What cannot be linked is copied, and read like any new file. Source: docs/format-store.md, "Composed trees";
docs/adr/0013.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from hermetica_store.canonicalise import copy_bytes, file_mode, is_canonical
from hermetica_store.content import Content, File, Folder, Link, tree_digest
from hermetica_store.descent import Descent, listing
from hermetica_store.digest import Digest
from hermetica_store.errors import StoreError
from hermetica_store.manifest import decode_manifest
from hermetica_store.reading import FILE_FLAGS, SpecialFile, TreeError, working_on
from hermetica_store.refusals import FULL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hermetica_store.codec import ObjectInfo
    from hermetica_store.manifest import Entry
    from hermetica_store.path import StorePath

Inode: TypeAlias = tuple[int, int]
"""(device, inode) of a file."""
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PERMISSIONS: Final = 0o7777


class DamagedPart(StoreError):
    """An object from which a tree is to be made, and that is not what was registered."""

    code = "HM480"

    def __init__(self, path: StorePath, below: bytes) -> None:
        super().__init__(
            f"{path} is damaged, and nothing is made from it",
            details=(("file", os.fsdecode(below) or "the object as a whole"),),
            hint="hermetica store verify --repair",
        )
        self.path = path


@attrs.frozen(kw_only=True)
class Part:
    """A registered object whose entries can be linked.

    Attributes:
        path: the object.
        root: where it lies.
        content: what is in it.
        entries: the same by path below it, directories before what is in them; empty path for itself.
        inodes: path below it -> where its file's bytes are.
        references: what the object refers to.
        is_ours: whether it lies in the store that is written, not in a lower one.
    """

    path: StorePath
    root: Path
    content: Content = attrs.field(repr=False)
    entries: Mapping[bytes, File | Link | Folder] = attrs.field(repr=False)
    inodes: Mapping[bytes, Inode] = attrs.field(repr=False)
    references: tuple[StorePath, ...]
    is_ours: bool


@attrs.frozen(kw_only=True)
class Composed:
    """What is known of a tree that was made by links, or read while it was written.

    Attributes:
        files: the files that need not be read, by inode.
        references: what the objects refer to from which they come, or what was found in them.
    """

    files: Mapping[Inode, File] = attrs.field(factory=dict["Inode", File], repr=False)
    references: frozenset[StorePath] = frozenset()


def look_at(info: ObjectInfo, root: Path, manifest: bytes, *, is_ours: bool) -> Part:
    """A registered object as a part of others, without reading its files.

    Args:
        info: of the object.
        root: where it lies.
        manifest: the registered one.
        is_ours: whether it lies in the store that is written.

    Raises:
        DamagedPart: it is not what was registered, or cannot be walked.
    """
    try:
        looking = _Looking(info.path, decode_manifest(manifest))
        with working_on(root):
            content = looking.look(os.fsencode(root))
    except (ValueError, TreeError) as error:
        raise DamagedPart(info.path, b"") from error
    if tree_digest(content) != info.tree:
        raise DamagedPart(info.path, b"")
    return Part(
        path=info.path,
        root=root,
        content=content,
        entries=looking.entries,
        inodes=looking.inodes,
        references=info.references,
        is_ours=is_ours,
    )


class _Looking:
    """The walk over one object: what the disk has, with the digests of its manifest."""

    def __init__(self, path: StorePath, known: Mapping[bytes, Entry]) -> None:
        self._path = path
        self._known = known
        self.entries: dict[bytes, File | Link | Folder] = {}
        self.inodes: dict[bytes, Inode] = {}

    def look(self, root: bytes) -> Content:
        status = os.lstat(root)
        if not stat.S_ISDIR(status.st_mode):
            leaf = self.entries[b""] = self._leaf(root, status, None, b"")
            return Content(leaf)
        with Descent(root) as descent:
            return self._walk(descent)

    def _walk(self, descent: Descent) -> Content:
        top, pending = self._enter(descent)
        content = Content(top, [top])
        frames = [(top, pending)]
        while frames:
            folder, pending = frames[-1]
            if not pending:
                frames.pop()
                if frames:
                    descent.up()
                continue
            name = pending.pop()
            descent.down(name)
            child, below = self._enter(descent)
            folder.folders[name] = child
            content.folders.append(child)
            frames.append((child, below))
        return content

    def _enter(self, descent: Descent) -> tuple[Folder, list[bytes]]:
        folder, pending = Folder(), list[bytes]()
        prefix = descent.path_of() + b"/" if descent.names else b""
        self.entries[descent.path_of()] = folder
        for name, status in listing(descent.fd):
            if stat.S_ISDIR(status.st_mode):
                pending.append(name)
                continue
            path = prefix + name
            leaf = self.entries[path] = self._leaf(name, status, descent.fd, path)
            if isinstance(leaf, File):
                folder.files[name] = leaf
            else:
                folder.links[name] = leaf
        return folder, pending

    def _leaf(self, name: bytes, status: os.stat_result, dir_fd: int | None, path: bytes) -> File | Link:
        if stat.S_ISLNK(status.st_mode):
            return Link(os.readlink(name, dir_fd=dir_fd))
        kind, text = self._known.get(path, ("", ""))
        executable = status.st_mode & _PERMISSIONS == file_mode(0o111)
        expected = "an executable file" if executable else "a file"
        if not stat.S_ISREG(status.st_mode) or kind != expected or not is_canonical(status):
            raise DamagedPart(self._path, path)
        self.inodes[path] = status.st_dev, status.st_ino
        return File(Digest(bytes.fromhex(text)), status.st_size, executable, is_shared=True)


def compose(tree: Path, entries: Mapping[bytes, tuple[Part, bytes] | None]) -> Composed:
    """Makes a directory in scratch from the files and links of registered objects.

    Two entries never become one inode, as nowhere in an object: the second one is a copy.

    Args:
        tree: nothing is there yet.
        entries: path below it -> the object and the path there, or None for a directory; each directory before what
            is in it, the tree itself left out.

    Raises:
        SpecialFile: an entry to be linked is a directory there.
        TreeError: the system refused.
    """
    files: dict[Inode, File] = {}
    references: set[StorePath] = set()
    with working_on(tree):
        tree.mkdir()
        root = os.fsencode(tree) + b"/"
        for path, origin in entries.items():
            if origin is None:
                os.mkdir(root + path, 0o755)  # noqa: PTH102 -- bytes, not a Path
                continue
            part, below = origin
            references.update(part.references)
            _place(part, below, root + path, files)
    return Composed(files=files, references=frozenset(references))


def _place(part: Part, below: bytes, place: bytes, files: dict[Inode, File]) -> None:
    entry = part.entries[below]
    if isinstance(entry, Folder):
        raise SpecialFile(below, stat.S_IFDIR)
    if isinstance(entry, Link):
        os.symlink(entry.target, place)  # noqa: PTH211 -- bytes, not a Path
        return
    source = os.fsencode(part.root) + b"/" + below if below else os.fsencode(part.root)
    inode = part.inodes[below]
    if part.is_ours and inode not in files:
        try:
            os.link(source, place, follow_symlinks=False)
        except OSError as error:  # too many names, another file system, a kernel that lets no stranger link
            if error.errno in FULL:
                raise
        else:
            files[inode] = entry
            return
    _copy(source, place, executable=entry.executable)


def _copy(source: bytes, place: bytes, *, executable: bool) -> None:
    old = os.open(source, FILE_FLAGS)
    try:
        new = os.open(place, _NEW, 0o755 if executable else 0o644)
        try:
            copy_bytes(old, new)
        finally:
            os.close(new)
    finally:
        os.close(old)
