"""Looking at what a build made: the prints of its files, and where they differ from those of another build.

Trees are read as the builder left them, before anything about them is made canonical. A file that its builder closed to
everybody is opened for us first.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

import blake3

from hermetica.study.comparing import Print, Prints
from hermetica.study.differ import loci
from hermetica.study.forms import UNPACKED_MAX_BYTES, form_of
from hermetica.study.locus import Locus
from hermetica.study.stabilise import stabilised_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

FILES_MAX: Final = 40
"""In that many files of a build differences are looked for; the others are named only."""
_CHUNK_BYTES: Final = 1 << 20
_DIGITS: Final = 16


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
    paths: Iterable[str], first: Mapping[str, Path], second: Mapping[str, Path]
) -> dict[str, tuple[Locus, ...]]:
    """Where files of two builds differ, of the first few of ``paths``.

    Args:
        paths: of files that differ, as `prints_of` names them.
        first: output -> tree of one build.
        second: likewise of the other.
    """
    found: dict[str, tuple[Locus, ...]] = {}
    for path in sorted(paths)[:FILES_MAX]:
        one, other = (_place(path, trees) for trees in (first, second))
        if one is None or other is None:
            found[path] = tuple(_only(one, other))
            continue
        if (differing := _facts_of(one, other)) or _readable(one, other):
            found[path] = (*differing, *(loci(one.read_bytes(), other.read_bytes()) if _readable(one, other) else ()))
    return found


def _only(first: Path | None, second: Path | None) -> Iterator[Locus]:
    """What is to be said of an entry that one build has and the other does not."""
    if first is not None:
        yield Locus(what="missing", first=_in_words(first))
    if second is not None:
        yield Locus(what="added", second=_in_words(second))


def _in_words(path: Path) -> str:
    if path.is_symlink():
        return f"a link to {_shown(str(path.readlink()))}"
    return "a directory" if path.is_dir() else f"{path.stat().st_size:,} bytes"


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


def _readable(one: Path, other: Path) -> bool:
    return all(
        each.is_file() and not each.is_symlink() and each.stat().st_size <= UNPACKED_MAX_BYTES for each in (one, other)
    )


def _facts_of(one: Path, other: Path) -> list[Locus]:
    """In what two entries differ besides their bytes."""
    facts = [
        {"link": _shown(str(each.readlink()))}
        if each.is_symlink()
        else {"executable": str(bool(each.stat().st_mode & 0o100))}
        for each in (one, other)
    ]
    return [
        Locus(what=what, first=value, second=facts[1][what])
        for what, value in facts[0].items()
        if facts[1].get(what, value) != value
    ]
