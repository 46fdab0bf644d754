"""Which entry of which package stands where in a tree of tools. Pure: names in, names out.

The tree has the merged ``/usr`` (``bin -> usr/bin`` …). What only people read (manuals, documentation, message
catalogues) is left out, as are empty directories at the top. The result depends on the order of the packages alone:
where two have a path, the later one's stands. Source: docs/format-rootfs.md.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.errors import HermeticaError
from hermetica.fetch.rootfs_alternatives import Alternative, chosen_links

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MERGED: Final = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
"""Names at the top that are links into ``usr``."""
_LEFT_OUT: Final = tuple(
    f"usr/share/{name}/" for name in ("bug", "doc", "doc-base", "info", "lintian", "locale", "man", "menu")
)
_COVERED: Final = ("group", "hosts", "passwd")  # files of the sandbox contract, mounted over what is here
_LINKED: Final = -1


class MalformedPackage(HermeticaError):
    """A file that is no binary Debian package, or holds what no tree of tools may have."""

    code = "HM137"


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
    return f"usr/{path}" if path.partition("/")[0] in MERGED else path


def is_left_out(path: str) -> bool:
    """Whether a path below the root has no place in a tree of tools; a directory's ends in a slash."""
    return path.startswith(_LEFT_OUT)


@attrs.frozen(kw_only=True)
class Unpacked:
    """What one package brings.

    Attributes:
        label: what errors call it.
        directories: paths below the root, each after the one that it is in; the root left out.
        leaves: paths of files and links.
        alternatives: what ``update-alternatives`` would be told, in order.
    """

    label: str
    directories: Sequence[str]
    leaves: Sequence[str]
    alternatives: Sequence[Alternative] = ()


@attrs.frozen(kw_only=True)
class Merged:
    """What the tree has; every path is below its root, and directories ascend.

    Attributes:
        directories: all of them.
        leaves: path of a file or link -> the number of the package whose it is.
        links: path -> target of the links that no package has, relative.
        empty_files: paths of files for the sandbox to cover.
    """

    directories: tuple[str, ...]
    leaves: Mapping[str, int]
    links: Mapping[str, str]
    empty_files: tuple[str, ...]


def merge(packages: Sequence[Unpacked]) -> Merged:
    """The tree of several packages.

    Args:
        packages: where two have a path, the later one's stands.

    Raises:
        PackageConflict: they do not fit together.
    """
    tree = _Tree()
    for number, package in enumerate(packages):
        tree.add(number, package)
    alternatives = (alternative for package in packages for alternative in package.alternatives)
    for link, target in chosen_links(alternatives).items():
        tree.link(merged_path(link[1:], link), merged_path(target[1:], target))
    return tree.finished()


class _Tree:
    """The tree while packages come into it."""

    def __init__(self) -> None:
        self._directories: set[str] = set()
        self._owners: dict[str, int] = {}
        self._links: dict[str, str] = {}

    def add(self, number: int, package: Unpacked) -> None:
        for path in package.directories:
            self._require_top(path, package.label)
            if path in self._owners:
                raise PackageConflict(f"{path} is a directory in {package.label} and not in another package")
            self._directories.add(path)
        for path in package.leaves:
            self._require_top(path, package.label)
            if path in self._directories:
                raise PackageConflict(f"{path} is a directory in one package and not in {package.label}")
            self._owners[path] = number

    @staticmethod
    def _require_top(path: str, label: str) -> None:
        if path.partition("/")[0] in MERGED:
            raise PackageConflict(f"{path} of {label} is in the place of a link into usr")

    def link(self, here: str, there: str) -> None:
        """The link of an alternative, where its target is there and nothing is in its place."""
        if there not in self._owners or here in self._owners or here in self._directories or is_left_out(here):
            return
        parents = list(_parents(here))
        if any(parent in self._owners for parent in parents):
            return
        self._directories.update(parents)
        self._owners[here] = _LINKED
        self._links[here] = posixpath.relpath(there, posixpath.dirname(here))

    def finished(self) -> Merged:
        """Links of the merged ``/usr``, no empty directories at the top, a complete ``etc``."""
        links = {name: f"usr/{name}" for name in MERGED if f"usr/{name}" in self._directories} | self._links
        kept = {path for path in self._directories if path.startswith("usr/")}
        parents = {path.rpartition("/")[0] for path in (*self._owners, *kept)}
        directories = kept.union(parents, *map(_parents, parents)) - {""}
        empty = tuple(f"etc/{name}" for name in _COVERED if "etc" in directories and f"etc/{name}" not in self._owners)
        return Merged(
            directories=tuple(sorted(directories)),
            leaves={path: number for path, number in self._owners.items() if number != _LINKED},
            links=links,
            empty_files=tuple(path for path in empty if path not in directories),
        )


def _parents(path: str) -> Iterable[str]:
    """The directories that a path is in, outermost last."""
    while path := path.rpartition("/")[0]:
        yield path
