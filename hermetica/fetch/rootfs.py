"""Merges binary Debian packages into one tree of tools, to be mounted at ``/``.

The tree has the merged ``/usr`` (``bin -> usr/bin`` …). No maintainer script runs; ``update-alternatives`` links are
made from reading them. What only people read (manuals, documentation, message catalogues) is left out, as are empty
directories at the top. Packages are unpacked by several threads, and the result depends on the order of the packages
alone: where two have a path, the later one's stands.
"""

from __future__ import annotations

import os
import posixpath
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from hermetica.errors import HermeticaError
from hermetica.fetch.rootfs_alternatives import alternatives_of, chosen_links
from hermetica.fetch.rootfs_deb import MalformedPackage, read_package

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Sequence
    from pathlib import Path

_MERGED: Final = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
_LEFT_OUT: Final = tuple(
    f"usr/share/{name}/" for name in ("bug", "doc", "doc-base", "info", "lintian", "locale", "man", "menu")
)
_COVERED: Final = ("group", "hosts", "passwd")  # files of the sandbox contract, mounted over what is here


class PackageConflict(HermeticaError):
    """Packages that cannot be in one tree: what is a directory in one is a file or link in another."""

    code = "HM138"


def merged_path(name: str, label: str) -> str:
    """Where a member of a package lies below the tree's root; empty for the root itself.

    Raises:
        MalformedPackage: the name leads out of the tree.
    """
    path = posixpath.normpath(name.removeprefix("./") or ".")
    if name.startswith("/") or path == ".." or path.startswith("../") or ".." in name.split("/"):
        raise MalformedPackage(f"{label} has a file outside of its tree: {name!r}")
    if path == ".":
        return ""
    return f"usr/{path}" if path.partition("/")[0] in _MERGED else path


class _Tree:
    """The tree while threads fill it: who owns which path, and which directories there are."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._owners: dict[str, int] = {}
        self._directories: set[str] = {""}
        self._lock = threading.Lock()

    def add(self, path: str, member: tarfile.TarInfo, content: bytes | None, owner: int, label: str) -> None:
        """Adds a member of the package with number ``owner``, unless a later package has its path."""
        if member.isdir():
            with self._lock:
                self._make_directory(path, label)
            return
        if content is None and not member.issym():
            raise MalformedPackage(f"{label} has a device or another special file: {member.name!r}")
        with self._lock:
            self._make_directory(posixpath.dirname(path), label)
            if path in self._directories:
                raise PackageConflict(f"{path} is a directory in one package and not in {label}")
            if self._owners.get(path, -1) > owner:
                return
            self._owners[path] = owner
            descriptor = self._claim(path, member)
        if content is not None and descriptor is not None:
            with open(descriptor, "wb") as file:  # noqa: PTH123 -- a descriptor, not a path
                file.write(content)

    def _claim(self, path: str, member: tarfile.TarInfo) -> int | None:
        """Puts an empty file, or the whole link, at ``path``; what was there has no path any more."""
        where = self._root / path
        where.unlink(missing_ok=True)
        if member.issym():
            where.symlink_to(member.linkname)
            return None
        mode = 0o755 if member.mode & stat.S_IXUSR else 0o644
        return os.open(where, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)

    def _make_directory(self, path: str, label: str) -> None:
        if path in self._directories:
            return
        self._make_directory(posixpath.dirname(path), label)
        if path in self._owners:
            raise PackageConflict(f"{path} is a directory in {label} and not in another package")
        (self._root / path).mkdir()
        self._directories.add(path)

    def link(self, link: str, target: str) -> None:
        """Makes the relative link of an alternative, where its target is there and nothing is in its place."""
        here, there = merged_path(link[1:], link), merged_path(target[1:], target)
        if there not in self._owners or here in self._owners or here in self._directories or _is_left_out(here):
            return
        self._make_directory(posixpath.dirname(here), "an alternative")
        (self._root / here).symlink_to(posixpath.relpath(there, posixpath.dirname(here)))
        self._owners[here] = -1

    def finish(self) -> None:
        """Makes the links of the merged ``/usr``, drops empty directories at the top, completes ``etc``."""
        for name in _MERGED:
            if f"usr/{name}" in self._directories:
                (self._root / name).symlink_to(f"usr/{name}")
        for path in sorted(self._directories - {""}, key=len, reverse=True):
            if not path.startswith("usr/") and not any((self._root / path).iterdir()):
                (self._root / path).rmdir()
        if "etc" in self._directories:
            for name in _COVERED:
                if f"etc/{name}" not in self._owners and (self._root / "etc").is_dir():
                    (self._root / "etc" / name).touch(mode=0o644)


def _is_left_out(path: str) -> bool:
    return path.startswith(_LEFT_OUT)


def debian_rootfs(debs: Sequence[Path], destination: Path) -> None:
    """Merges packages into a new directory.

    Args:
        debs: the ``.deb`` files; where two have a path, the later one's stands.
        destination: must not exist yet.

    Raises:
        MalformedPackage: one is no package, or has what no tree may have.
        PackageConflict: they do not fit together.
    """
    destination.mkdir(parents=True)
    tree = _Tree(destination)

    def unpack(numbered: tuple[int, Path]) -> str:
        number, path = numbered
        package = read_package(path, path.name)
        for member, content in package.members():
            where = merged_path(member.name, package.label)
            is_merge_link = where.removeprefix("usr/") in _MERGED and member.issym()
            if where and not is_merge_link and not _is_left_out(where + "/"):
                tree.add(where, member, content, number, package.label)
        return package.scripts.get("postinst", "")

    largest_first = sorted(enumerate(debs), key=lambda each: each[1].stat().st_size, reverse=True)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        scripts = dict(zip((number for number, _ in largest_first), pool.map(unpack, largest_first), strict=True))
    found = [alternative for number in range(len(debs)) for alternative in alternatives_of(scripts[number])]
    for link, target in chosen_links(found).items():
        tree.link(link, target)
    tree.finish()
