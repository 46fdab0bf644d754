"""Equal files share their bytes: the link table, a cache of places by file digest and executable bit.

A file is shared before its object is published, while its tree is scratch of ours; no registered object is ever
touched. What the table offers is hashed again before it is used, so that a file that was damaged in one object does
not get into a second one. Where the file system can, the blocks are cloned; elsewhere the files become one inode. Any
refusal of the system leaves the file as it is. Source: docs/format-store.md, "The link table"; ioctl_ficlone(2);
docs/adr/0007.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.canonicalise import FICLONE, MTIME_NS, TIMES_NS, seal_directory
from hermetica_store.content import File, Folder
from hermetica_store.descent import DIRECTORY_FLAGS, Descent
from hermetica_store.digest import Digest
from hermetica_store.errors import StoreError
from hermetica_store.reading import FILE_FLAGS, hash_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermetica_store.content import Content

SHARED_FROM_BYTES: Final = 1 << 15  # below it, looking costs more than the copy: docs/adr/0007
_TEMPORARY: Final = ".hermetica-link"
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_EXECUTABLE: Final = "-x"
_SHARD_CHARACTERS: Final = 2


@attrs.frozen
class Key:
    """What files are equal by.

    Attributes:
        digest: BLAKE3 of the bytes.
        executable: whether the file is.
    """

    digest: Digest
    executable: bool

    @property
    def mode(self) -> int:
        """The canonical mode of such a file."""
        return 0o555 if self.executable else 0o444

    @property
    def place(self) -> str:
        """Where the table keeps it, below ``links/``."""
        text = self.digest.hex
        tail = _EXECUTABLE if self.executable else ""
        return f"{text[:_SHARD_CHARACTERS]}/{text[_SHARD_CHARACTERS:]}{tail}"

    @classmethod
    def parse(cls, shard: str, name: str) -> Key | None:
        """The key of an entry; None if there can be no such entry."""
        text = shard + name.removesuffix(_EXECUTABLE)
        try:
            key = cls(Digest.parse(text), name.endswith(_EXECUTABLE))
        except (StoreError, ValueError):
            return None
        return key if key.place == f"{shard}/{name}" else None


@attrs.define(eq=False, slots=False)
class LinkTable:
    """The table of one store.

    Attributes:
        root: its directory, made when it is needed.
    """

    root: Path

    @cached_property
    def clones(self) -> bool:
        """Whether the file system can share blocks between files; found out by trying."""
        return can_clone(self.root.parent / "tmp")

    def share(self, tree: Path, content: Content) -> int:
        """Let the large files of a canonical tree in scratch share their bytes with equal ones of the store.

        Two entries of one tree are never made one: an archiver would see it, and write another archive.

        Args:
            tree: nobody else uses it yet, and it is not flushed.
            content: what is in it.

        Returns:
            How many bytes need no room of their own.
        """
        sharing = _Sharing(self, os.fspath(tree.parent / _TEMPORARY), _shared_already(content))
        if isinstance(content.root, File):
            fd = os.open(tree.parent, DIRECTORY_FLAGS)
            try:
                return sharing.directory(fd, {os.fsencode(tree.name): content.root}, is_sealed=False)
            finally:
                os.close(fd)
        saved = 0
        if isinstance(content.root, Folder):
            with Descent(tree) as descent:
                for folder in large_folders(descent, content):
                    saved += sharing.directory(descent.fd, folder.files, is_sealed=True)
        return saved

    def entries(self) -> Iterator[tuple[Path, Key | None, os.stat_result]]:
        """Every entry with its key, None where it cannot be one; those that go meanwhile are left out."""
        for shard in _listing(self.root):
            for name in _listing(self.root / shard):
                place = self.root / shard / name
                with contextlib.suppress(FileNotFoundError):
                    status = place.lstat()
                    yield place, Key.parse(shard, name) if stat.S_ISREG(status.st_mode) else None, status

    def prune(self) -> int:
        """Drop the entries that no object shares any longer; how many bytes of room that frees."""
        freed = 0
        for place, key, status in self.entries():
            if key is None or status.st_nlink == 1:
                with contextlib.suppress(OSError):
                    place.unlink()
                    freed += status.st_blocks * 512
        for shard in _listing(self.root):
            with contextlib.suppress(OSError):
                (self.root / shard).rmdir()
        return freed

    def find(self, key: Key, size_bytes: int) -> int | None:
        """A descriptor of a file with these very bytes; None where the table has none.

        An entry that is not what it should be is dropped.

        Raises:
            OSError: the system refused.
        """
        place = self.place(key)
        try:
            fd = os.open(place, FILE_FLAGS)
        except FileNotFoundError:
            return None
        try:
            if _is_right(fd, key, size_bytes):
                found, fd = fd, -1
                return found
            os.unlink(place)  # noqa: PTH108 -- text: one of these for every large file
        finally:
            if fd >= 0:
                os.close(fd)
        return None

    def insert(self, name: bytes, dir_fd: int, key: Key) -> None:
        """Offer a file to others, unless one is offered already.

        Raises:
            OSError: the system refused.
        """
        place = self.place(key)
        try:
            os.link(name, place, src_dir_fd=dir_fd, follow_symlinks=False)
        except FileNotFoundError:
            for directory in reversed(Path(place).parents[:2]):  # nobody else writes, whatever the umask
                directory.mkdir(mode=0o755, exist_ok=True)
            os.link(name, place, src_dir_fd=dir_fd, follow_symlinks=False)
        except FileExistsError:
            return

    def place(self, key: Key) -> str:
        """Where the entry of a key is."""
        return f"{os.fspath(self.root)}/{key.place}"


@attrs.define(eq=False)
class _Sharing:
    """The sharing of one tree's files."""

    table: LinkTable
    temporary: str  # beside the tree, never in it: what is left there by a failure is nobody's
    taken: dict[Key, File]  # what no other entry of the tree may share with

    def directory(self, dir_fd: int, files: dict[bytes, File], *, is_sealed: bool) -> int:
        """Share the large files of one directory; gives the bytes saved."""
        saved, opened = 0, False
        try:
            for name, file in files.items():
                if file.size_bytes < SHARED_FROM_BYTES or file.is_shared:
                    continue
                key = Key(file.digest, file.executable)
                if self.taken.setdefault(key, file) is not file and not self.table.clones:
                    continue
                with contextlib.suppress(OSError):
                    source = self.table.find(key, file.size_bytes)
                    if source is None:
                        self.table.insert(name, dir_fd, key)
                        continue
                    try:
                        if is_sealed and not opened:
                            os.fchmod(dir_fd, 0o755)
                            opened = True
                        saved += file.size_bytes if self._take(source, name, dir_fd, key) else 0
                    finally:
                        os.close(source)
        finally:
            if opened:
                seal_directory(dir_fd)
        return saved

    def _take(self, source: int, name: bytes, dir_fd: int, key: Key) -> bool:
        """Put what shares its bytes with ``source`` in the place of a file; whether it is there now."""
        if os.path.samestat(os.fstat(source), os.stat(name, dir_fd=dir_fd, follow_symlinks=False)):
            return False
        try:
            if self.table.clones:
                _clone(source, self.temporary, key)
            else:
                self._link(source, key)
            os.rename(self.temporary, name, dst_dir_fd=dir_fd)
        except OSError as error:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.temporary)  # noqa: PTH108 -- text, as all here
            if error.errno == errno.EMLINK:  # the next ones share with ours
                os.unlink(self.table.place(key))  # noqa: PTH108 -- text, as all here
                self.table.insert(name, dir_fd, key)
            return False
        return True

    def _link(self, source: int, key: Key) -> None:
        """Make another name of an open file, if the table offers it still."""
        os.link(self.table.place(key), self.temporary, follow_symlinks=False)
        if not os.path.samestat(os.lstat(self.temporary), os.fstat(source)):
            raise OSError(errno.ESTALE, "the table offers another file by now")


def _shared_already(content: Content) -> dict[Key, File]:
    """The large files of a tree that are other names of registered ones."""
    files = (file for folder in content.folders for file in folder.files.values() if file.is_shared)
    return {Key(file.digest, file.executable): file for file in files if file.size_bytes >= SHARED_FROM_BYTES}


def can_clone(directory: Path) -> bool:
    """Whether files of a directory's file system can share blocks; found out by trying."""
    try:
        old = os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        return False
    try:
        new = os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            os.write(old, bytes(4096))
            fcntl.ioctl(new, FICLONE, old)
        finally:
            os.close(new)
    except OSError:
        return False
    finally:
        os.close(old)
    return True


def _clone(source: int, place: str, key: Key) -> None:
    target = os.open(place, _NEW, 0o200)
    try:
        fcntl.ioctl(target, FICLONE, source)
        os.fchmod(target, key.mode)
        os.utime(target, ns=TIMES_NS)
    finally:
        os.close(target)


def _is_right(fd: int, key: Key, size_bytes: int) -> bool:
    """Whether an open file is canonical and has the bytes it should have; the cheap questions come first."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or stat.S_IMODE(status.st_mode) != key.mode:
        return False
    if status.st_mtime_ns != MTIME_NS or status.st_size != size_bytes:
        return False
    return hash_file(fd, size_bytes) == (key.digest, size_bytes)


def large_folders(descent: Descent, content: Content) -> Iterator[Folder]:
    """Every directory with a large file in it, the descent standing there; no other branch is entered."""
    wanted: set[int] = set()
    for folder in reversed(content.folders):
        large = any(file.size_bytes >= SHARED_FROM_BYTES for file in folder.files.values())
        if large or any(id(child) in wanted for child in folder.folders.values()):
            wanted.add(id(folder))
    visits = [_branches(folder, wanted) for folder in content.folders[:1] if id(folder) in wanted]
    while visits:
        folder, pending = visits[-1]
        if pending:
            name, child = pending.pop()
            descent.down(name)
            visits.append(_branches(child, wanted))
            continue
        yield folder
        visits.pop()
        if visits:
            descent.up()


def _branches(folder: Folder, wanted: set[int]) -> tuple[Folder, list[tuple[bytes, Folder]]]:
    return folder, [(name, child) for name, child in folder.folders.items() if id(child) in wanted]


def _listing(directory: Path) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            return [entry.name for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []
