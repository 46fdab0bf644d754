"""Rewriting digests in a canonical tree on disk: in file bytes, names and link targets.

Only what holds them is opened or changed; the rest is not looked at.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import attrs
from blake3 import blake3

from hermetica_store.canonicalise import TIMES_NS, unsealed
from hermetica_store.content import Content, File, Folder, Link
from hermetica_store.descent import Descent
from hermetica_store.digest import Digest
from hermetica_store.reading import FILE_FLAGS, chunks_of, working_on
from hermetica_store.rewrite import ZEROED, modulo_digest, patched, substitute

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def modulo_digests(root: Path, content: Content, own: bytes, siblings: Mapping[bytes, bytes]) -> dict[File, Digest]:
    """For every file that holds tracked digests, its digest modulo ``own`` with the siblings' digests replaced."""
    replacements = {**siblings, own: ZEROED}
    digests: dict[File, Digest] = {}
    with working_on(root):
        for dir_fd, name, file in _held_files(root, content):
            if file not in digests:
                offsets = [offset for offset, digest in file.held if digest == own]
                digests[file] = _digest_patched(name, dir_fd, file, replacements, offsets)
    return digests


def _digest_patched(
    name: bytes, dir_fd: int | None, file: File, replacements: Mapping[bytes, bytes], offsets: list[int]
) -> Digest:
    fd = os.open(name, FILE_FLAGS, dir_fd=dir_fd)
    try:
        chunks = patched(chunks_of(fd), [(offset, replacements[digest]) for offset, digest in file.held])
        if offsets:
            return modulo_digest(chunks, offsets)
        hasher = blake3()
        for chunk in chunks:
            hasher.update(chunk)
        return Digest(hasher.digest())
    finally:
        os.close(fd)


def relocate(root: Path, content: Content, replacements: Mapping[bytes, bytes]) -> Content:
    """Replace digests on disk and in ``content``; the result is canonical and its file digests are true.

    Args:
        root: the canonical tree.
        content: what is in it; its directories are changed in place.
        replacements: one for every tracked digest the tree holds.
    """
    with working_on(root):
        done: set[File] = set()
        for dir_fd, name, file in _held_files(root, content):
            if file not in done:
                _rewrite_file(name, dir_fd, file, replacements)
                done.add(file)
        if isinstance(content.root, Folder) and content.root.touched:
            _rewrite_texts(root, content.root, replacements)
        elif isinstance(content.root, Link):
            target = substitute(content.root.target, replacements)
            if target != content.root.target:
                _replace_link(os.fsencode(root), target, None)
                content.root.target = target
    return content


def _held_files(root: Path, content: Content) -> Iterator[tuple[int | None, bytes, File]]:
    """Every entry whose file holds tracked digests, with a descriptor of its directory, open until the next."""
    if isinstance(content.root, File) and content.root.held:
        yield None, os.fsencode(root), content.root
    if isinstance(content.root, Folder) and content.root.touched:
        with Descent(root) as descent:
            for folder in _touched_folders(descent, content.root):
                for name, file in folder.files.items():
                    if file.held:
                        yield descent.fd, name, file


@attrs.define(eq=False)
class _Visit:
    folder: Folder
    pending: list[tuple[bytes, Folder]]


def _touched_folders(descent: Descent, root: Folder) -> Iterator[Folder]:
    """Every touched directory, the descent standing in it; each after those in it."""
    visits = [_visit(root)]
    while visits:
        visit = visits[-1]
        if visit.pending:
            name, child = visit.pending.pop()
            descent.down(name)
            visits.append(_visit(child))
            continue
        yield visit.folder
        visits.pop()
        if visits:
            descent.up()


def _visit(folder: Folder) -> _Visit:
    return _Visit(folder, [(name, child) for name, child in folder.folders.items() if child.touched])


def _rewrite_file(name: bytes, dir_fd: int | None, file: File, replacements: Mapping[bytes, bytes]) -> None:
    """Write the replacements over the digests in place, and learn the new digest in the same read."""
    patches = [(offset, replacements[digest]) for offset, digest in file.held]
    mode = stat.S_IMODE(os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode)
    os.chmod(name, mode | 0o200, dir_fd=dir_fd)
    fd = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        hasher = blake3()
        for chunk in patched(chunks_of(fd), patches):
            hasher.update(chunk)
        for offset, digest in patches:
            os.pwrite(fd, digest, offset)
        os.fchmod(fd, mode)
        os.utime(fd, ns=TIMES_NS)
    finally:
        os.close(fd)
    file.digest = Digest(hasher.digest())


def _rewrite_texts(root: Path, top: Folder, replacements: Mapping[bytes, bytes]) -> None:
    with Descent(root) as descent:
        for folder in _touched_folders(descent, top):
            renamed = _renames(folder, replacements)
            targets = {name: substitute(link.target, replacements) for name, link in folder.links.items()}
            changed = {name: target for name, target in targets.items() if target != folder.links[name].target}
            if renamed or changed:
                with unsealed(descent.fd):
                    for name, target in changed.items():
                        _replace_link(name, target, descent.fd)
                        folder.links[name].target = target
                    for old, new in renamed.items():
                        os.rename(old, new, src_dir_fd=descent.fd, dst_dir_fd=descent.fd)
                folder.files = {renamed.get(name, name): file for name, file in folder.files.items()}
                folder.links = {renamed.get(name, name): link for name, link in folder.links.items()}
                folder.folders = {renamed.get(name, name): child for name, child in folder.folders.items()}


def _renames(folder: Folder, replacements: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """The old and new names of the entries that hold digests."""
    names = [*folder.files, *folder.links, *folder.folders]
    return {old: new for old in names if (new := substitute(old, replacements)) != old}


def _replace_link(name: bytes, target: bytes, dir_fd: int | None) -> None:
    os.unlink(name, dir_fd=dir_fd)
    os.symlink(target, name, dir_fd=dir_fd)
    os.utime(name, ns=TIMES_NS, dir_fd=dir_fd, follow_symlinks=False)
