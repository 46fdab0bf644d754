"""Verification: every object read again and compared with its digest, and the index with itself.

Nothing is locked while an object is read. What seems wrong is read once more under the claim of its path, when nobody
can be replacing or collecting it.
"""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.codec import decode_object, path_at
from hermetica_store.consistency import INDEX, Problem, index_problem, index_problems
from hermetica_store.content import tree_digest
from hermetica_store.digest import Digest
from hermetica_store.faults import IndexDamaged, NotRegistered
from hermetica_store.inspection import InodeDigests, Inspection, inspect
from hermetica_store.layers import lower_problems
from hermetica_store.manifest import decode_manifest, differences, entries_of
from hermetica_store.move import path_key
from hermetica_store.places import find_files
from hermetica_store.reading import FILE_FLAGS, TreeError, hash_file
from hermetica_store.refusals import working_in
from hermetica_store.schema import MANIFESTS, OBJECTS
from hermetica_store.swap import is_at_work, is_staged
from hermetica_store.sweep import leftovers

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

    from hermetica_store.codec import ObjectInfo
    from hermetica_store.path import StorePath
    from hermetica_store.shared import Shared

__all__ = ["Finding", "Problem", "VerifyReport", "verify"]

_THREADS: Final = 4  # they wait for the disk side by side: from a cold one, half the time; from memory, the same
_AHEAD: Final = 64


@attrs.frozen(kw_only=True)
class VerifyReport:
    """What a verification found.

    Attributes:
        checked: how many objects were read.
        size_bytes: how many bytes of theirs.
        problems: by object, then file.
    """

    checked: int
    size_bytes: int
    problems: tuple[Problem, ...]

    @property
    def damaged(self) -> tuple[StorePath, ...]:
        """The objects with problems, ascending."""
        return tuple(sorted({problem.path for problem in self.problems if problem.path is not None}))


@attrs.frozen(kw_only=True)
class Finding:
    """One object as it was found.

    Attributes:
        info: what the index knows of it.
        problems: what is wrong with it, its manifest included.
        inspection: what was read; None where nothing could be.
        manifest: what its entries should be, by path; None where that is not known.
    """

    info: ObjectInfo
    problems: tuple[Problem, ...]
    inspection: Inspection | None = None
    manifest: dict[bytes, tuple[str, str]] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether its files are as they should be."""
        return all(problem.kind == INDEX for problem in self.problems)


def verify(shared: Shared, paths: Iterable[StorePath] | None) -> VerifyReport:
    """Read objects again; with ``paths`` None all of them, the leftovers, the link table and the index too.

    An object that was not asked for is named all the same where it shares a damaged file with one that was.

    Raises:
        NotRegistered: one of ``paths`` is not there.
    """
    shared.index.catch_up()
    shared.writer.barrier()
    problems: list[Problem] = []
    known: InodeDigests = {}
    if paths is None:
        problems += shared.index.read(index_problems)
        wanted = [base for base, _ in shared.index.read(lambda tx: tx.items(OBJECTS))]
    else:
        wanted = [path.base.encode() for path in sorted(set(paths))]
        _require(shared, wanted)
    checked = size_bytes = 0
    for each in _each(shared, wanted, known):
        if isinstance(each, Problem):
            problems.append(each)
            continue
        problems += each.problems
        checked, size_bytes = checked + 1, size_bytes + each.info.size_bytes
    if paths is None:
        problems += lower_problems(shared)
        with working_in(shared.layout.root):
            problems += [*_leftover_problems(shared), *_link_problems(shared, known)]
    else:
        problems += _sharers(shared, wanted, problems)
    return VerifyReport(checked=checked, size_bytes=size_bytes, problems=tuple(problems))


def check_object(shared: Shared, info: ObjectInfo, known: InodeDigests | None = None) -> Finding:
    """Read one object and compare it with what the index says."""
    try:
        manifest = decode_manifest(shared.index.get(MANIFESTS, info.path.base.encode()) or b"")
    except ValueError:
        manifest = None
    place = shared.layout.objects / info.path.base
    try:
        found = inspect(place, known)
    except TreeError as error:
        if error.errno == errno.ENOENT and not os.path.lexists(place):
            problem = Problem(kind="missing", path=info.path, file="", detail="the whole object is gone")
        else:
            problem = Problem(kind="unreadable", path=info.path, file="", detail=str(error))
        return Finding(info=info, problems=(problem,), manifest=manifest)
    problems = sorted(_tree_problems(info, found, manifest), key=lambda problem: (problem.file, problem.kind))
    return Finding(info=info, problems=tuple(problems), inspection=found, manifest=manifest)


def _tree_problems(
    info: ObjectInfo, found: Inspection, manifest: dict[bytes, tuple[str, str]] | None
) -> Iterator[Problem]:
    for path, detail in found.oddities:
        yield Problem(kind="irregular", path=info.path, file=_shown(path), detail=detail)
    digest, entries = tree_digest(found.content), entries_of(found.content)
    if digest == info.tree:
        if manifest != entries:
            yield Problem(kind=INDEX, path=info.path, file="", detail="its manifest is not of what it holds")
        return
    named = [] if manifest is None else differences(manifest, entries)
    for path, kind, detail in named:
        yield Problem(kind=kind, path=info.path, file=_shown(path), detail=detail)
    if not named:
        detail = f"expected tree {info.tree.hex}, found {digest.hex}"
        yield Problem(kind="changed", path=info.path, file="", detail=detail)


@contextmanager
def undisturbed(shared: Shared, path: StorePath) -> Generator[None]:
    """While this holds, nobody replaces, publishes or removes an object's files."""
    if shared.index.read_only:
        yield
        return
    with shared.claims.claim(path_key(path)):
        yield


def _require(shared: Shared, bases: Iterable[bytes]) -> None:
    for base in bases:
        if shared.index.get(OBJECTS, base) is None:
            raise NotRegistered(path_at(base))


def _each(shared: Shared, bases: list[bytes], known: InodeDigests) -> Iterator[Finding | Problem]:
    """What is found of each object, in order; those that are collected meanwhile are left out."""
    check = partial(_check, shared, known)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="hermetica-verify") as pool:
        for start in range(0, len(bases), _AHEAD):
            for found in pool.map(check, bases[start : start + _AHEAD]):
                if found is not None:
                    yield found


def _check(shared: Shared, known: InodeDigests, base: bytes) -> Finding | Problem | None:
    value = shared.index.get(OBJECTS, base)
    if value is None:
        return None
    try:
        info = decode_object(base, value)
    except IndexDamaged as error:
        return index_problem(base, error.message)
    found = check_object(shared, info, known)
    if not found.problems:
        return found
    with undisturbed(shared, info.path):
        if shared.index.get(OBJECTS, base) is None:  # collected meanwhile
            return None
        return check_object(shared, info)


def _sharers(shared: Shared, checked: Iterable[bytes], problems: Iterable[Problem]) -> Iterator[Problem]:
    """What is wrong with objects that were not asked for and share a damaged file with those that were."""
    inodes: set[tuple[int, int]] = set()
    digests: set[Digest] = set()
    for problem in problems:
        if problem.kind == "changed" and problem.path is not None and problem.file:
            inode = _shared_inode(shared.layout.objects / problem.path.base / problem.file)
            digest = _expected(shared, problem.path, problem.file)
            if inode is not None and digest is not None:
                inodes.add(inode)
                digests.add(digest)
    others = {
        base
        for found in find_files(shared, digests).values()
        for base, below in found
        if _shared_inode(shared.layout.objects / os.fsdecode(base) / os.fsdecode(below)) in inodes
    }
    for each in _each(shared, sorted(others - set(checked)), {}):
        if isinstance(each, Finding):
            yield from each.problems


def _shared_inode(place: Path) -> tuple[int, int] | None:
    try:
        status = place.lstat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status.st_nlink > 1 else None


def _expected(shared: Shared, path: StorePath, file: str) -> Digest | None:
    try:
        entries = decode_manifest(shared.index.get(MANIFESTS, path.base.encode()) or b"")
        return Digest.parse(entries.get(file.encode(), ("", ""))[1])
    except ValueError:
        return None


def _leftover_problems(shared: Shared) -> Iterator[Problem]:
    unregistered, strangers = leftovers(shared)
    for name in strangers:
        if not is_staged(name):
            yield Problem(kind="stranger", path=None, file=name, detail="not the name of an object")
        elif not is_at_work(shared.layout, name):
            detail = "left by a repair that was cut short; hermetica store verify --repair ends it"
            yield Problem(kind="unfinished", path=None, file=name, detail=detail)
    for path in unregistered:
        if _is_left(shared, path):
            detail = "left by a crash; hermetica gc removes it"
            yield Problem(kind="unregistered", path=path, file="", detail=detail)


def _is_left(shared: Shared, path: StorePath) -> bool:
    """Whether an object is on disk, not registered, and nobody is publishing it."""
    key = path_key(path)
    if shared.index.read_only:
        if shared.claims.is_held(key):
            return False
    elif not shared.claims.try_acquire(key):
        return False
    try:
        return not shared.is_known(path) and os.path.lexists(shared.layout.objects / path.base)
    finally:
        if not shared.index.read_only:
            shared.claims.release(key)


def _link_problems(shared: Shared, known: InodeDigests) -> Iterator[Problem]:
    for place, key, status in shared.links.entries():
        name = os.fspath(place.relative_to(shared.layout.root))
        if key is None:
            yield Problem(kind="links", path=None, file=name, detail="no entry of the link table")
        elif status.st_nlink > 1:
            digest = known.get((status.st_dev, status.st_ino, status.st_size))
            if (digest is None or digest != key.digest) and not _has_digest(place, key.digest):
                yield Problem(kind="links", path=None, file=name, detail="the file has another digest")


def _has_digest(place: Path, digest: Digest) -> bool:
    try:
        fd = os.open(place, FILE_FLAGS)
    except OSError:
        return True  # gone meanwhile
    try:
        return hash_file(fd, os.fstat(fd).st_size)[0] == digest
    finally:
        os.close(fd)


def _shown(path: bytes) -> str:
    return path.decode(errors="backslashreplace")
