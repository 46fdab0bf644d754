"""What the tree of a commit says before it is written: that its names are plain, and where its submodules are. Pure.

Git checks most of this where it writes files itself; submodules are written by us, into what another commit left.
Sources: git-ls-tree(1), gitmodules(5); git's ``verify_path`` and ``check_submodule_name``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["HostileTree", "Submodule", "join_address", "submodule_addresses", "submodules_of"]

_GITLINK: Final = b"160000"
_ROW: Final = re.compile(rb"(\d{6}) [a-z]+ ([0-9a-f]{40,64})\t(.*)", re.DOTALL)
_SPECIAL: Final = frozenset({"", ".", "..", ".git"})


class HostileTree(Exception):
    """A tree that no honest commit has; the text says why."""


@attrs.frozen(kw_only=True, order=True)
class Submodule:
    """A submodule of a commit.

    Attributes:
        path: where it lies, relative and plain.
        commit: its id.
    """

    path: str
    commit: str


def submodules_of(listing: bytes) -> tuple[Submodule, ...]:
    """The submodules in what ``git ls-tree -r -z`` prints, ascending by path.

    Raises:
        HostileTree: a name would leave the tree, or lies below what is no directory.
    """
    entries = [match.groups() for row in listing.split(b"\0") if (match := _ROW.fullmatch(row))]
    names = [_text(name) for _, _, name in entries]
    known = frozenset(names)
    if len(known) != len(names):
        raise HostileTree("a name is in the tree twice")
    for name in names:
        parts = name.split("/")
        if any(part.casefold() in _SPECIAL for part in parts):
            raise HostileTree(f"the tree has the name {name!r}")
        if below := next((base for base in _parents(parts) if base in known), None):
            raise HostileTree(f"the tree has {name!r} below {below!r}, which is no directory")
    links = (
        Submodule(path=name, commit=commit.decode("ascii"))
        for (mode, commit, _), name in zip(entries, names, strict=True)
        if mode == _GITLINK
    )
    return tuple(sorted(links))


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _parents(parts: list[str]) -> Iterable[str]:
    return ("/".join(parts[:count]) for count in range(1, len(parts)))


def submodule_addresses(listing: bytes) -> dict[str, str]:
    """Path -> address as written, from what ``git config --null --file .gitmodules --list`` prints.

    Raises:
        HostileTree: a submodule's name would lead git itself out of its directory.
    """
    values: dict[str, dict[str, str]] = {}
    for entry in _text(listing).split("\0"):
        key, _, value = entry.partition("\n")
        section, _, name = key.rpartition(".")
        if not section.startswith("submodule."):
            continue
        if ".." in section.removeprefix("submodule.").replace("\\", "/").split("/"):
            raise HostileTree(f".gitmodules names a {section!r}")
        values.setdefault(section, {})[name] = value
    return {each["path"]: each["url"] for each in values.values() if {"path", "url"} <= each.keys()}


def join_address(parent: str, address: str) -> str:
    """The address of a submodule: what is relative starts at its parent's address, as in ``git submodule``."""
    if not address.startswith(("./", "../")):
        return address
    base = parent.rstrip("/")
    while address.startswith(("./", "../")):
        if address.startswith("../"):
            cut = max(base.rfind("/"), base.rfind(":"))
            if cut < 0 or base[: cut + 1].endswith("://"):
                raise HostileTree(f"{address} leads out of {parent}")
            base, separator = base[:cut], base[cut]
            if separator == ":":
                return f"{base}:{address[3:]}"
        address = address.partition("/")[2]
    return f"{base}/{address}"
