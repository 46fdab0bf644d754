"""Looking at what a build made: the prints of its files, and where they differ from those of another build.

Trees are read as the builder left them, before anything about them is made canonical. A file that its builder closed to
everybody is opened for us first.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

import blake3

from hermetica.study.comparing import Alike, Print, Prints
from hermetica.study.differ import differing_byte, loci
from hermetica.study.forms import UNPACKED_MAX_BYTES, form_of
from hermetica.study.locus import Locus, size_in_words
from hermetica.study.stabilise import stabilised_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

FILES_MAX: Final = 40
"""In that many files of a build differences are looked for; the others are named only."""
_CHUNK_BYTES: Final = 1 << 20
_DIGITS: Final = 16
_KINDS: Final = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}


def prints_of(trees: Mapping[str, Path]) -> Prints:
    """The print of every file and link of every output, by ``output/path``; of an empty directory, too."""
    return {name: _print(path) for output, tree in trees.items() for name, path in _entries(output, tree)}


def _entries(output: str, tree: Path) -> Iterator[tuple[str, Path]]:
    if tree.is_symlink() or not tree.is_dir():
        yield output, tree
        return
    _open(tree, stat.S_IRWXU)
    entries = sorted(tree.iterdir(), key=lambda each: os.fsencode(each.name))
    if not entries:
        yield f"{output}/", tree
    for entry in entries:
        yield from _entries(f"{output}/{_shown(entry.name)}", entry)


def _shown(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _open(path: Path, wanted: int) -> None:
    mode = path.stat().st_mode
    if mode & wanted != wanted:
        path.chmod(stat.S_IMODE(mode) | wanted)


def _print(path: Path) -> Print:
    found = path.lstat()
    raw = f"{stat.S_IMODE(found.st_mode):o} {found.st_mtime_ns}"
    if stat.S_ISLNK(found.st_mode):
        normal = stable = _digest(f"link {_shown(str(path.readlink()))}".encode())
    elif stat.S_ISREG(found.st_mode):
        executable = bool(found.st_mode & stat.S_IXUSR)
        _open(path, stat.S_IRUSR)
        whole = _content(path, found.st_size)
        normal, stable = (_digest(f"file {executable} {each}".encode()) for each in whole)
    else:
        normal = stable = _digest(f"kind {stat.S_IFMT(found.st_mode):o}".encode())
    return Print(bitwise=_digest(f"{normal} {raw}".encode()), normalised=normal, stabilised=stable)


def _digest(data: bytes) -> str:
    return blake3.blake3(data).hexdigest(_DIGITS)


def _content(path: Path, size_bytes: int) -> tuple[str, str]:
    """The digest of a file's bytes, and of what is left of them once archives are stabilised."""
    if size_bytes > UNPACKED_MAX_BYTES:
        hasher = blake3.blake3()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                hasher.update(chunk)
        whole = hasher.hexdigest(_DIGITS)
        return whole, whole
    data = path.read_bytes()
    whole = _digest(data)
    return whole, stabilised_digest(data) if form_of(data).is_archive else whole


def located(
    paths: Iterable[str],
    first: Mapping[str, Path],
    second: Mapping[str, Path],
    compare: Alike = Alike.NORMALISED,
) -> dict[str, tuple[Locus, ...]]:
    """Where files of two builds differ, of the first few of ``paths``.

    Args:
        paths: of files that differ, as `prints_of` names them.
        first: output -> tree of one build.
        second: likewise of the other.
        compare: at which level; modes and times are told where they count.
    """
    found: dict[str, tuple[Locus, ...]] = {}
    for path in sorted(paths)[:FILES_MAX]:
        if places := tuple(_loci_of(_place(path, first), _place(path, second), compare)):
            found[path] = places
    return found


def _loci_of(one: Path | None, other: Path | None, compare: Alike) -> Iterator[Locus]:
    """Where two entries differ, of which there may be one only."""
    if one is not None and other is not None:
        yield from _facts_of(one, other, compare)
        if _readable(one, other):
            yield from loci(one.read_bytes(), other.read_bytes())
        elif _are_files(one, other):
            yield from _first_of_large(one, other)
    elif one is not None:
        yield Locus(what="missing", first=_in_words(one))
    elif other is not None:
        yield Locus(what="added", second=_in_words(other))


def pairs_of(
    paths: Iterable[str], first: Mapping[str, Path], second: Mapping[str, Path]
) -> Iterator[tuple[str, Path, Path]]:
    """Name, first and second place of each file that both builds have, ascending."""
    for path in sorted(paths):
        one, other = (_place(path, trees) for trees in (first, second))
        if one is not None and other is not None and _readable(one, other):
            yield path, one, other


def _place(path: str, trees: Mapping[str, Path]) -> Path | None:
    output, _, rest = path.rstrip("/").partition("/")
    place = trees[output] / rest if rest else trees[output]
    if os.path.lexists(place):
        return place
    if "\\x" not in path:
        return None
    return next(
        (each for name, each in _entries(output, trees[output]) if name == path), None
    )  # bytes that are no UTF-8


def _are_files(one: Path, other: Path) -> bool:
    return all(each.is_file() and not each.is_symlink() for each in (one, other))


def _readable(one: Path, other: Path) -> bool:
    """Whether both are files that may be held in memory and looked into."""
    return _are_files(one, other) and all(each.stat().st_size <= UNPACKED_MAX_BYTES for each in (one, other))


def _first_of_large(one: Path, other: Path) -> Iterator[Locus]:
    """The first byte that differs, without looking into what the files are made of."""
    with one.open("rb") as first, other.open("rb") as second:
        before_bytes = 0
        while (was := first.read(_CHUNK_BYTES)) == (now := second.read(_CHUNK_BYTES)):
            if not was:
                return
            before_bytes += len(was)
        yield differing_byte(was, now, before_bytes=before_bytes)


def _facts_of(one: Path, other: Path, compare: Alike) -> Iterator[Locus]:
    """In what two entries differ besides their bytes."""
    before, after = _facts(one, compare), _facts(other, compare)
    for what, value in before.items():
        if (now := after.get(what, value)) != value:
            yield Locus(what=what, first=value, second=now)


def _facts(path: Path, compare: Alike) -> dict[str, str]:
    found = path.lstat()
    facts = {"kind": _KINDS.get(stat.S_IFMT(found.st_mode), "special file")}
    if path.is_symlink():
        facts["link"] = _shown(str(path.readlink()))
    elif path.is_file():
        facts["executable"] = str(bool(found.st_mode & stat.S_IXUSR))
    if compare is Alike.BITWISE:
        seconds, rest = divmod(found.st_mtime_ns, 10**9)
        facts |= {"mode": f"{stat.S_IMODE(found.st_mode):04o}", "mtime": f"{seconds}.{rest:09}"}
    return facts


def _in_words(path: Path) -> str:
    """What only one of two builds has."""
    if path.is_symlink():
        return f"a link to {_shown(str(path.readlink()))}"
    return "a directory" if path.is_dir() else size_in_words(path.stat().st_size)
