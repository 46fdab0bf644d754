"""A tree of which a former state is an object: what did not change is linked, and only the rest is copied and read.

A directory whose digest is that of the former object's directory is made by links without a look at its source; in any
other one, a file is linked whose digest the stat cache has and the former manifest too. Of each file of the former
object one ``lstat`` tells whether it is as it was registered, but for its bytes, for which the store believes its own
digests. What cannot be linked, for whatever reason, is copied from the source and hashed. Source: docs/format-store.md,
"Renewed trees"; docs/adr/0023.
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.canonicalise import MTIME_NS, TIMES_NS, file_mode, seal_directory
from hermetica_store.content import Content, File, Folder, Link
from hermetica_store.copy import Copied, copy_file
from hermetica_store.dedup import SHARED_FROM_BYTES
from hermetica_store.descent import Descent, listing
from hermetica_store.digest import Digest
from hermetica_store.links import relative_target
from hermetica_store.manifest import digest_in, encode_entry, join_manifest
from hermetica_store.outline import is_file
from hermetica_store.reading import SpecialFile, TreeChanged, working_on
from hermetica_store.refusals import FULL
from hermetica_store.selection import Selection, select
from hermetica_store.tree import encode_directory, encode_file, encode_symlink, join_entries, require_utf8
from hermetica_store.trees import is_young, stamp_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hermetica_store.outline import Outline
    from hermetica_store.trees import Stamp, StatCache

_FOLDER: Final = Folder()


@attrs.frozen(kw_only=True)
class Former:
    """An object that a source was before.

    Attributes:
        root: where it lies.
        entries: its manifest: the encoded entries by their paths.
        folders: the digests of its directories by their paths, as far as they are known.
    """

    root: Path
    entries: Mapping[bytes, bytes] = attrs.field(repr=False)
    folders: Mapping[bytes, bytes] = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Renewed:
    """A tree that was made anew, canonical.

    Attributes:
        tree: its digest.
        manifest: of it.
        size_bytes: of all regular files together.
        file_count: how many there are.
        content: its directories, with the files that were copied, and those linked ones that others may not share with.
        folders: the digests of all directories by their paths.
        sources: the digests of what was copied, by stamp.
        linked_count: how many files were linked.
    """

    tree: Digest
    manifest: bytes = attrs.field(repr=False)
    size_bytes: int
    file_count: int
    content: Content = attrs.field(repr=False)
    folders: Mapping[bytes, bytes] = attrs.field(repr=False)
    sources: Sequence[tuple[Stamp, bytes]] = attrs.field(repr=False)
    linked_count: int


def renew(
    source: Path, files: Sequence[str] | None, outline: Outline, former: Former, tree: Path, cache: StatCache
) -> Renewed:
    """Make a canonical tree in scratch of a directory, with the files of a former state of it where these are equal.

    Args:
        source: the directory.
        files: relative POSIX paths of what counts; None counts everything.
        outline: what a walk over just that saw, by the cache.
        former: what it was before; a lease holds it.
        tree: nothing is there yet.
        cache: the digests of the source's files.

    Raises:
        TreeChanged: somebody wrote to the source meanwhile.
        SpecialFile: it holds a socket, fifo or device by now.
        TreeError: the system refused.
    """
    with working_on(source):
        tree.mkdir(mode=0o755)
        with Descent(source) as old, Descent(former.root) as kept, Descent(tree) as new:
            return _Renewal(os.fsencode(source), former, cache, (old, kept, new)).run(
                outline, None if files is None else select(files)
            )


@attrs.define(eq=False)
class _Frame:
    """A directory being made.

    Attributes:
        path: of it.
        outline: what its source was; None where nobody saw it.
        selection: what of it counts.
        is_kept: whether the former object has such a directory.
        is_whole: whether it is the same there.
        folder: with what is new in it.
        pending: the directories still to come.
        done: those that are done, encoded, by name.
        files: what it holds, encoded, by name; of one that is not whole.
        links: likewise.
    """

    path: bytes
    outline: Outline | None
    selection: Selection | None
    is_kept: bool
    is_whole: bool = False
    folder: Folder = attrs.field(factory=Folder)
    pending: list[bytes] = attrs.field(factory=list[bytes])
    done: list[tuple[bytes, bytes]] = attrs.field(factory=list[tuple[bytes, bytes]])
    files: list[tuple[bytes, bytes]] = attrs.field(factory=list[tuple[bytes, bytes]])
    links: list[tuple[bytes, bytes]] = attrs.field(factory=list[tuple[bytes, bytes]])

    @property
    def prefix(self) -> bytes:
        """What precedes the names in it."""
        return self.path + b"/" if self.path else b""


class _Renewal:
    def __init__(
        self, root: bytes, former: Former, cache: StatCache, descents: tuple[Descent, Descent, Descent]
    ) -> None:
        self._root = root
        self._former = former
        self._cache = cache
        self._old, self._kept, self._new = descents
        self._now_ns = time.time_ns()
        self._copied = Copied()
        self._content: list[Folder] = []
        self._entries: list[bytes] = []
        self._folders: dict[bytes, bytes] = {}
        self._inodes: set[int] = set()  # no two entries of a tree become one inode
        self._size_bytes = 0
        self._file_count = 0

    def run(self, outline: Outline, selection: Selection | None) -> Renewed:
        top = self._enter(_Frame(b"", outline, selection, is_kept=True))
        frames = [top]
        while True:
            frame = frames[-1]
            if frame.pending:
                frames.append(self._enter(self._down(frame, frame.pending.pop())))
                continue
            digest, message_bytes = self._leave(frame)
            frames.pop()
            if not frames:
                break
            if frame.is_kept:
                self._kept.up()
            self._new.up()
            name = self._old.up()
            frames[-1].folder.folders[name] = frame.folder
            frames[-1].done.append((name, encode_directory(name, digest.hex.encode(), message_bytes)))
        return Renewed(
            tree=digest,
            manifest=join_manifest(self._entries),
            size_bytes=self._size_bytes,
            file_count=self._file_count,
            content=Content(top.folder, self._content),
            folders=self._folders,
            sources=self._copied.sources,
            linked_count=len(self._inodes),
        )

    def _down(self, frame: _Frame, name: bytes) -> _Frame:
        is_kept = frame.is_kept
        if is_kept:
            try:
                self._kept.down(name)
            except OSError:
                is_kept = False
        self._old.down(name)
        os.mkdir(name, 0o755, dir_fd=self._new.fd)
        self._new.down(name)
        outline = None if frame.outline is None else frame.outline.folders.get(name)
        selection = None if frame.selection is None else frame.selection[name]
        return _Frame(frame.prefix + name, outline, selection, is_kept)

    def _enter(self, frame: _Frame) -> _Frame:
        self._content.append(frame.folder)
        self._entries.append(encode_entry(frame.path, _FOLDER))
        outline = frame.outline
        if frame.is_kept and outline is not None and self._former.folders.get(frame.path) == outline.digest.raw:
            frame.is_whole = self._enter_whole(frame, outline)
        if not frame.is_whole:
            self._take(frame, listing(self._old.fd, frame.selection))
        return frame

    # A directory that did not change

    def _enter_whole(self, frame: _Frame, outline: Outline) -> bool:
        """Make a directory by links; whether that is all that there is to be done for its files and links."""
        leaves, entries, prefix = outline.leaves(), self._former.entries, frame.prefix
        try:
            encoded = {name: entries[prefix + name] for name in leaves}
        except KeyError:
            return False
        left = self._link_all(dict(leaves))
        for name in left:
            self._take(frame, [(name, os.stat(name, dir_fd=self._old.fd, follow_symlinks=False))])
            if self._entries.pop() != encoded[name]:
                raise TreeChanged(self._root + b"/" + frame.prefix + name)
        self._entries.extend(encoded.values())
        for name, (mode, size_bytes) in leaves.items():
            if is_file(mode) and name not in left:
                self._file_count += 1
                self._size_bytes += size_bytes
                if size_bytes >= SHARED_FROM_BYTES:
                    digest = digest_in(encoded[name])
                    frame.folder.files[name] = File(digest, size_bytes, bool(mode & 0o111), is_shared=True)
        frame.pending.extend(outline.folders)
        return True

    def _link_all(self, wanted: dict[bytes, tuple[int, int]]) -> dict[bytes, tuple[int, int]]:
        """Link what is as it should be in the former object's directory; gives what is not."""
        kept, new, inodes = self._kept.fd, self._new.fd, self._inodes
        for name, status in listing(kept):
            if wanted.get(name) != (status.st_mode, status.st_size) or status.st_mtime_ns != MTIME_NS:
                continue
            if stat.S_ISLNK(status.st_mode):
                _make_link(os.readlink(name, dir_fd=kept), name, new)
            elif status.st_ino in inodes or not _link(name, kept, new):
                continue
            else:
                inodes.add(status.st_ino)
            del wanted[name]
        return wanted

    # A directory in which something changed

    def _take(self, frame: _Frame, entries: Sequence[tuple[bytes, os.stat_result]]) -> None:
        """Make files and links one by one, and note the directories."""
        regular: list[tuple[bytes, os.stat_result]] = []
        for name, status in entries:
            if stat.S_ISREG(status.st_mode):
                regular.append((name, status))
            elif stat.S_ISDIR(status.st_mode):
                frame.pending.append(name)
            elif stat.S_ISLNK(status.st_mode):
                self._make_link(frame, name)
            else:
                raise SpecialFile(self._root + b"/" + frame.prefix + name, status.st_mode)
        known = self._cache.get_many([stamp_of(status) for _, status in regular]) if regular else ()
        for (name, status), raw in zip(regular, known, strict=True):
            require_utf8(name, self._root + b"/" + frame.prefix + name, "the name")
            self._make_file(frame, name, status, None if is_young(stamp_of(status), self._now_ns) else raw)

    def _make_file(self, frame: _Frame, name: bytes, status: os.stat_result, raw: bytes | None) -> None:
        file = None
        if raw is not None and frame.is_kept:
            file = File(Digest(raw), status.st_size, bool(status.st_mode & 0o111), is_shared=True)
            if not self._link_one(frame, name, file):
                file = None
        if file is None:
            file = copy_file((name, self._old.fd), (name, self._new.fd), status, self._copied)
        self._count(frame, name, file)

    def _count(self, frame: _Frame, name: bytes, file: File) -> None:
        self._file_count += 1
        self._size_bytes += file.size_bytes
        self._entries.append(encode_entry(frame.prefix + name, file))
        encoded = encode_file(name, file.digest.hex.encode(), file.size_bytes, executable=file.executable)
        frame.files.append((name, encoded))
        frame.folder.files[name] = file

    def _link_one(self, frame: _Frame, name: bytes, file: File) -> bool:
        """Link a file of the former object, if it has just that one there and it is as it should be."""
        path = frame.prefix + name
        if self._former.entries.get(path) != encode_entry(path, file):
            return False
        try:
            status = os.stat(name, dir_fd=self._kept.fd, follow_symlinks=False)
        except OSError:
            return False
        expected = (stat.S_IFREG | file_mode(0o111 if file.executable else 0), file.size_bytes, MTIME_NS)
        if (status.st_mode, status.st_size, status.st_mtime_ns) != expected or status.st_ino in self._inodes:
            return False
        if not _link(name, self._kept.fd, self._new.fd):
            return False
        self._inodes.add(status.st_ino)
        return True

    def _make_link(self, frame: _Frame, name: bytes) -> None:
        path = self._root + b"/" + frame.prefix + name
        require_utf8(name, path, "the name")
        written = os.readlink(name, dir_fd=self._old.fd)
        require_utf8(written, path, "the target of the link")
        target = relative_target(written, len(self._old.names) + 1)
        _make_link(target, name, self._new.fd)
        self._entries.append(encode_entry(frame.prefix + name, Link(target)))
        frame.links.append((name, encode_symlink(name, target)))

    def _leave(self, frame: _Frame) -> tuple[Digest, int]:
        """Close a directory whose entries are all there; gives its digest and the length of its message."""
        seal_directory(self._new.fd)
        if frame.is_whole and frame.outline is not None:
            digest, message_bytes = frame.outline.digest, frame.outline.message_bytes
            if dict(frame.done) != _encoded(frame.outline.folders):
                raise TreeChanged(self._root + b"/" + frame.path)
        else:
            message = join_entries(frame.files, frame.done, frame.links)
            digest, message_bytes = Digest.of(message), len(message)
        self._folders[frame.path] = digest.raw
        return digest, message_bytes


def _encoded(folders: Mapping[bytes, Outline]) -> dict[bytes, bytes]:
    return {
        name: encode_directory(name, folder.digest.hex.encode(), folder.message_bytes)
        for name, folder in folders.items()
    }


def _make_link(target: bytes, name: bytes, dir_fd: int) -> None:
    os.symlink(target, name, dir_fd=dir_fd)
    os.utime(name, ns=TIMES_NS, dir_fd=dir_fd, follow_symlinks=False)


def _link(name: bytes, old: int, new: int) -> bool:
    """Make another name of a file; whether the system lets us.

    Raises:
        OSError: there is no room for the name.
    """
    try:
        os.link(name, name, src_dir_fd=old, dst_dir_fd=new, follow_symlinks=False)
    except OSError as error:  # too many names, a kernel that lets no stranger link, a file that is gone
        if error.errno in FULL:
            raise
        return False
    return True
