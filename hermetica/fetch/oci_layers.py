"""Layers of an image, one over the other, written below one directory and nowhere else.

An entry below a symbolic link goes where the link leads *within the image*, as runtimes have it: which directory that
is follows from what was made here, and the kernel follows no link. Whiteouts take away what lower layers have, never
what their own layer brings. Devices and fifos are left out (a sandbox has its own ``/dev``), special bits dropped,
owners and extended attributes not kept. Source: OCI Image Specification 1.1, ``layer.md``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.fetch.archive import Kind, UnsafeArchive, plain_name
from hermetica.fetch.extraction import DIRECTORY, SYMLINK, Extraction
from hermetica.fetch.writing import CannotWrite

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from hermetica.fetch.archive import Member
    from hermetica.fetch.budget import Budget

__all__ = ["LayeredExtraction"]

_WHITEOUT: Final = b".wh."
_OPAQUE: Final = b".wh..wh..opq"
_METADATA: Final = b".wh..wh."  # of the file system that the first builders of images used
_HOPS_MAX: Final = 40  # as the kernel's


class LayeredExtraction(Extraction):
    """One image on its way to the disk.

    Args:
        destination: a directory; made if it is not there, else it must be empty.
        budget: what all layers together may still come to.
    """

    def __init__(self, destination: Path, budget: Budget) -> None:
        super().__init__(destination, budget, special_bits="drop")
        self._targets: dict[bytes, bytes] = {}
        self._layer: set[bytes] = {b""}  # what this layer brings, with the directories above it
        self._opaque: set[bytes] = set()  # directories of which it hides everything lower

    def begin_layer(self) -> None:
        """What comes next is a layer over what is there."""
        self._layer, self._opaque = {b""}, set()

    def add(self, member: Member, data: Iterable[bytes | memoryview]) -> None:
        """Makes one member, or takes away what it says; as `Extraction.add`."""
        name = plain_name(member.name)
        parent, _, base = name.rpartition(b"/")
        is_metadata = base != _OPAQUE and (base.startswith(_METADATA) or name.startswith(_METADATA))
        if not base or is_metadata:
            return
        if base.startswith(_WHITEOUT) or member.kind in {Kind.DEVICE, Kind.FIFO}:
            self._white_out(member, parent, base)
            return
        place = self._joined(parent, base, member)
        if member.kind is Kind.HARD_LINK:
            above, _, last = plain_name(member.target).rpartition(b"/")
            member = attrs.evolve(member, target=self._joined(above, last, member))
        super().add(attrs.evolve(member, name=place), data)
        self._belongs_to_layer(place)

    def _white_out(self, member: Member, parent: bytes, base: bytes) -> None:
        """Takes away what a whiteout says; what is left out takes away what it stands over."""
        self._budget.enter(member.name)
        hidden = base.removeprefix(_WHITEOUT)
        if hidden in {b"", b".", b".."}:
            raise UnsafeArchive("a whiteout of no name", member=member.name)
        try:
            if base == _OPAQUE:
                self._hide_below(self._resolved(parent, member))
            else:
                self._hide(self._joined(parent, hidden, member))
        except OSError as error:
            raise CannotWrite(self._destination / os.fsdecode(parent), error) from error

    def _belongs_to_layer(self, path: bytes) -> None:
        while path not in self._layer:
            self._layer.add(path)
            path = path.rpartition(b"/")[0]

    def _joined(self, parent: bytes, base: bytes, member: Member) -> bytes:
        above = self._resolved(parent, member)
        return above + b"/" + base if above else base

    def _resolved(self, directory: bytes, member: Member) -> bytes:
        """Where a directory of the image is, once its links are followed within the image."""
        if self._made.get(directory) == DIRECTORY:  # nearly always
            return directory
        todo, done, hops = directory.split(b"/")[::-1], list[bytes](), 0
        while todo:
            part = todo.pop()
            if part == b"..":
                done = done[:-1]
            elif part not in {b"", b"."}:
                path = b"/".join([*done, part])
                if self._made.get(path) != SYMLINK:
                    done.append(part)
                    continue
                hops += 1
                if hops > _HOPS_MAX:
                    raise UnsafeArchive("below symlinks that lead in a circle", member=member.name)
                target = self._targets[path]
                done = [] if target.startswith(b"/") else done
                todo += target.split(b"/")[::-1]
        return b"/".join(done)

    def _make_symlink(self, name: bytes, member: Member) -> None:
        super()._make_symlink(name, member)
        self._targets[name] = member.target

    def _make_hard_link(self, name: bytes, member: Member) -> None:
        super()._make_hard_link(name, member)
        if self._made.get(name) == SYMLINK:
            self._targets[name] = self._targets[member.target]

    def _clear(self, name: bytes, member_name: bytes) -> None:
        if self._made.get(name) == DIRECTORY:
            self._remove(name)
        super()._clear(name, member_name)

    def _hide(self, path: bytes) -> None:
        """Takes away what lower layers have at a path."""
        if path not in self._made:
            return
        if path not in self._layer:
            self._remove(path)
        elif self._made[path] == DIRECTORY:
            self._hide_below(path)

    def _hide_below(self, directory: bytes) -> None:
        """Takes away what lower layers have in a directory, however deep."""
        pending = [directory] if self._made.get(directory) == DIRECTORY else []
        while pending:
            here = pending.pop()
            if here in self._opaque:
                continue
            self._opaque.add(here)
            for path in self._entries(here):
                if path not in self._layer:
                    self._remove(path)
                elif self._made[path] == DIRECTORY:
                    pending.append(path)

    def _remove(self, path: bytes) -> None:
        if self._made[path] != DIRECTORY:
            os.unlink(path, dir_fd=self._root)
            del self._made[path]
            return
        pending, emptied = [path], list[bytes]()
        while pending:
            here = pending.pop()
            emptied.append(here)
            for each in self._entries(here):
                if self._made[each] == DIRECTORY:
                    pending.append(each)
                else:
                    os.unlink(each, dir_fd=self._root)
                    del self._made[each]
        for here in reversed(emptied):
            os.rmdir(here, dir_fd=self._root)
            del self._made[here]

    def _entries(self, directory: bytes) -> Iterator[bytes]:
        """The paths of what is in a directory that was made here."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(directory or b".", flags, dir_fd=self._root)
        try:
            names = os.listdir(descriptor)  # noqa: PTH208 -- of a descriptor
        finally:
            os.close(descriptor)
        return (directory + b"/" + name if directory else name for name in map(os.fsencode, names))
