"""What a build looked for, read from what strace wrote. Pure.

Each process has a file of its own, so no line is torn. Of every path that was named it is known whether it was ever
there. A program that was in no directory of the PATH is one thing that is lacking, not one for each directory.
Source: strace(1).
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.realize.lacks import Kind, Lack, lack_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OPTIONS: Final = ("-f", "-ff", "-qqq", "-y", "-s", "0", "-e", "trace=%file", "-e", "signal=none")
"""For strace; ``-o PREFIX`` goes with them."""
_CALL: Final = re.compile(r'^(\w+)\((?:(AT_FDCWD|\d+)(?:<([^<>]*)>)?, )?"((?:[^"\\]|\\.)*)"')
_RESULT: Final = re.compile(r"\) += (-?\d+|\?)(?:<[^<>]*>)?(?: (\w+))?")
_ESCAPE: Final = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9a-f]{2})|(.))")
_LETTERS: Final = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f"}
_OWN: Final = ("/build", "/tmp", "/proc", "/dev", "/hermetica")  # noqa: S108 -- the sandbox's
_LOADER: Final = ("/etc/ld.so.preload", "/etc/ld.so.cache", "/glibc-hwcaps/")


@attrs.frozen(kw_only=True)
class Lookup:
    """One path that a build named.

    Attributes:
        path: absolute, as the sandbox sees it.
        found: whether it was ever there.
        run: whether it was to be executed.
    """

    path: str
    found: bool
    run: bool = False


def lookups(processes: Iterable[str], directory: str = "/build") -> list[Lookup]:
    """Every path that was named, in the order of the first time, each once.

    Args:
        processes: what strace wrote of each, in the order of their numbers.
        directory: where the first of them began.
    """
    seen: dict[str, Lookup] = {}
    for text in processes:
        here = directory
        for line in text.splitlines():
            call, result = _CALL.match(line), _RESULT.search(line)
            if call is None or result is None or result[1] == "?":
                continue
            if call[2] == "AT_FDCWD" and call[3]:
                here = call[3]
            base = call[3] if call[2] not in {None, "AT_FDCWD"} and call[3] else here
            path = posixpath.normpath(posixpath.join(base, unescaped(call[4])))
            found = not result[1].startswith("-") or result[2] not in {"ENOENT", "ENOTDIR"}
            before = seen.get(path, Lookup(path=path, found=False))
            run = before.run or call[1].startswith("execve")
            seen[path] = Lookup(path=path, found=before.found or found, run=run)
            if call[1] == "chdir" and found:
                here = path
    return list(seen.values())


def unescaped(text: str) -> str:
    """A text as it was before strace wrote it between quotes."""

    def letter(found: re.Match[bytes]) -> bytes:
        if found[1]:
            return bytes([int(found[1], 8) & 0xFF])
        return bytes([int(found[2], 16)]) if found[2] else _LETTERS.get(found[3], found[3])

    return _ESCAPE.sub(letter, text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def lacking(found: Sequence[Lookup], path: Sequence[str]) -> list[Lack]:
    """What was never there, the last first: what a build stops at comes at its end.

    Args:
        found: what was looked for.
        path: the directories of the PATH.
    """
    there = {posixpath.basename(each.path) for each in found if each.found}
    lacks: dict[Lack, None] = {}
    for each in reversed(found):
        head, name = posixpath.split(each.path)
        if each.found or any(part in each.path for part in _LOADER):
            continue
        if head in path:
            if name not in there:
                lacks.setdefault(Lack(Kind.PROGRAM, name))
        elif each.run or not _is_own(each.path) or name.endswith((".h", ".hpp")):
            lack = lack_of(each.path)
            if lack.kind is Kind.FILE or name not in there:  # a header that another directory had is no lack
                lacks.setdefault(lack)
    return list(lacks)


def undeclared(found: Sequence[Lookup]) -> list[str]:
    """The paths outside what the sandbox is made of that were never there: candidates for what was not declared."""
    return [each.path for each in found if not each.found and not _is_own(each.path) and each.path not in _LOADER]


def _is_own(path: str) -> bool:
    return path == "/" or any(path == room or path.startswith(f"{room}/") for room in _OWN)
