"""How the tree given as ``rootfs`` appears in /: its top-level entries, read-only.

The contract's own names are left out. Pure: the runner lists the directories, this module says what becomes of
each entry.
"""

from __future__ import annotations

import posixpath
from typing import Final

import attrs

from hermetica.sandbox.spec import RESERVED
from hermetica.sandbox.world import STORE_PREFIX

CONTRACT_ETC: Final = frozenset({"passwd", "group", "hosts"})


@attrs.frozen
class Entry:
    """One entry of a directory.

    Attributes:
        name: its name.
        link: target, if it is a symbolic link.
        children: the entries below, listed for ``etc`` only.
    """

    name: str
    link: str | None = None
    children: tuple[Entry, ...] = ()


def _link_target(target: str, inside: str) -> str:
    """Links out of the tree were made relative to the store; in / they have to say the store's name."""
    if target.startswith("/"):
        return target
    reached = posixpath.normpath(posixpath.join(f"{STORE_PREFIX}/self", inside, target))
    within = posixpath.join(STORE_PREFIX, "self")
    return target if reached == within or reached.startswith(f"{within}/") else reached


def _place(entry: Entry, source: str, inside: str) -> list[str]:
    target = posixpath.join("/", inside, entry.name)
    if entry.link is not None:
        return ["--symlink", _link_target(entry.link, inside), target]
    return ["--ro-bind", posixpath.join(source, inside, entry.name), target]


def rootfs_options(source: str, entries: tuple[Entry, ...], build_path: str) -> list[str]:
    """The mount options for a rootfs.

    An ``etc`` that holds files for all of the contract's names is mounted whole (they are covered
    afterwards); otherwise its entries are mounted one by one.
    """
    owned = {*RESERVED, build_path.split("/")[1]}
    options: list[str] = []
    for entry in entries:
        if entry.name in owned:
            continue
        if entry.name != "etc" or entry.link is not None:
            options += _place(entry, source, "")
        elif etc_is_whole(entry):
            options += ["--ro-bind", posixpath.join(source, "etc"), "/etc"]
        else:
            for child in entry.children:
                if child.name not in CONTRACT_ETC:
                    options += _place(child, source, "etc")
    return options


def etc_is_whole(entry: Entry) -> bool:
    """Whether an ``etc`` can be mounted as it is, for the contract's files have something to cover."""
    plain = {child.name for child in entry.children if child.link is None}
    return plain >= CONTRACT_ETC
