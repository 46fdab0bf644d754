"""Unpacks one binary Debian package for trees of tools: its files, and beside them what its scripts would link.

No maintainer script runs. What is unpacked stands where it stands in a tree of tools, with the merged ``/usr`` and
without what only people read; so merging packages is linking them. Source: docs/format-rootfs.md.
"""

from __future__ import annotations

import os
import posixpath
import stat
from typing import TYPE_CHECKING, Final

from hermetica.fetch.rootfs_alternatives import alternatives_of, write_alternatives
from hermetica.fetch.rootfs_deb import read_package
from hermetica.fetch.rootfs_merge import MERGED, MalformedPackage, PackageConflict, is_left_out, merged_path

if TYPE_CHECKING:
    import tarfile
    from pathlib import Path

TREE: Final = "tree"
ALTERNATIVES: Final = "alternatives.json"
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def unpack_deb(deb: Path, destination: Path, label: str | None = None) -> None:
    """Unpacks a package into a new directory: ``tree``, and ``alternatives.json``.

    Args:
        deb: the ``.deb`` file.
        destination: must not exist yet.
        label: what errors call it; the file's name where none is given.

    Raises:
        MalformedPackage: it is no package, or has what no tree may have.
        PackageConflict: what is a directory in it is a file or link in it too.
    """
    package = read_package(deb, label or deb.name)
    destination.mkdir(parents=True)
    tree = _Tree(destination / TREE, package.label)
    for member, content in package.members():
        where = merged_path(member.name, package.label)
        is_merge_link = where.removeprefix("usr/") in MERGED and member.issym()
        if where and not is_merge_link and not is_left_out(where + "/"):
            tree.add(where, member, content)
    found = write_alternatives(alternatives_of(package.scripts.get("postinst", "")))
    (destination / ALTERNATIVES).write_text(found, encoding="utf-8")


class _Tree:
    """The files of one package on their way to the disk; what was made is known, so no link is ever followed."""

    def __init__(self, root: Path, label: str) -> None:
        root.mkdir()
        self._root = os.fspath(root) + "/"
        self._label = label
        self._directories: set[str] = {""}
        self._leaves: set[str] = set()

    def add(self, path: str, member: tarfile.TarInfo, content: bytes | None) -> None:
        if member.isdir():
            self._make_directory(path)
            return
        if content is None and not member.issym():
            raise MalformedPackage(f"{self._label} has a device or another special file: {member.name!r}")
        self._make_directory(posixpath.dirname(path))
        if path in self._directories:
            raise PackageConflict(f"{path} is a directory and not a directory in {self._label}")
        if path in self._leaves:  # the later member counts
            os.unlink(self._root + path)  # noqa: PTH108 -- text: one of these for every file
        self._leaves.add(path)
        if content is None:
            os.symlink(member.linkname, self._root + path)  # noqa: PTH211 -- text: one of these for every link
            return
        mode = 0o755 if member.mode & stat.S_IXUSR else 0o644
        with open(os.open(self._root + path, _NEW, mode), "wb", buffering=0) as file:  # noqa: PTH123 -- a descriptor
            file.write(content)

    def _make_directory(self, path: str) -> None:
        if path in self._directories:
            return
        self._make_directory(posixpath.dirname(path))
        if path in self._leaves:
            raise PackageConflict(f"{path} is a directory and not a directory in {self._label}")
        os.mkdir(self._root + path)  # noqa: PTH102 -- text: one of these for every directory
        self._directories.add(path)
