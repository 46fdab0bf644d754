"""What a thing that an evaluation may read looks like now, as a short text: equal texts say that it is unchanged.

The kinds: ``s`` what a path leads to, ``l`` a path itself, ``n`` the names in a directory, ``e`` its entries with what
each is, ``t`` a whole tree, ``v`` a variable of the environment. Of a directory as ``s`` or ``l`` only its identity
counts, not its times, which change with every file in it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ABSENT = b"-"
ALL_VARIABLES = b"="  # no variable can be called so
SKIPPED = b"//"  # between the root of a tree and the directories in it that do not count
_DIRECTORY = 0o040000
_KIND = 0o170000
_LINK = 0o120000
_GIT = b"/.git"  # git's own; what counts of it is read by itself

_stat, _lstat, _scandir, _listdir = os.stat, os.lstat, os.scandir, os.listdir  # as they are when nobody watches


def state(kind: str, name: bytes) -> bytes:
    """The text for now."""
    return state_and_age(kind, name)[0]


def is_unchanged(kind: str, name: bytes, was: bytes) -> bool:
    """Whether a thing still is as it was; a directory whose times changed is looked into."""
    if kind == "n":
        stamp, _, names = was.partition(b"|")
        return _directory_stamp(name)[0] == stamp or state(kind, name).rpartition(b"|")[2] == names
    return state(kind, name) == was


def state_and_age(kind: str, name: bytes) -> tuple[bytes, int]:
    """The text for now, and when the thing last changed, in nanoseconds since the epoch."""
    if kind == "v":
        return _variable(name), 0
    try:
        return _LOOKS[kind](name)
    except OSError as error:
        return b"%s%d" % (ABSENT, error.errno or 0), 0


def _variable(name: bytes) -> bytes:
    if name == ALL_VARIABLES:
        return _digest(sorted(name + b"=" + value for name, value in os.environb.items()))
    value = os.environb.get(name)
    return ABSENT if value is None else b"=" + value


def _target(name: bytes) -> tuple[bytes, int]:
    status = _stat(name)
    return _stamp(status), _age(status)


def _itself(name: bytes) -> tuple[bytes, int]:
    status = _lstat(name)
    return _stamp(status), _age(status)


def _names(name: bytes) -> tuple[bytes, int]:
    stamp, changed_ns = _directory_stamp(name)
    try:
        return stamp + b"|" + _digest(_listdir(name)), changed_ns
    except NotADirectoryError:  # an archive of modules
        return stamp + b"|" + stamp, changed_ns


def _stamp(status: os.stat_result) -> bytes:
    if status.st_mode & _KIND == _DIRECTORY:
        return b"%d %d %o" % (status.st_dev, status.st_ino, status.st_mode)
    return b"%d %d %o %d %d %d" % (
        *(status.st_dev, status.st_ino, status.st_mode),
        *(status.st_size, status.st_mtime_ns, status.st_ctime_ns),
    )


def _directory_stamp(name: bytes) -> tuple[bytes, int]:
    try:
        status = _stat(name)
    except OSError as error:
        return b"%s%d" % (ABSENT, error.errno or 0), 0
    text = b"%d %d %d %d" % (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
    return text, status.st_ctime_ns


def _digest(names: list[bytes]) -> bytes:
    """Of names in the order in which the system gives them: whoever does not sort them depends on it."""
    from blake3 import blake3  # noqa: PLC0415 -- most often the times of a directory say enough

    return blake3(b"/".join(names)).hexdigest(16).encode()


def _entries(name: bytes) -> tuple[bytes, int]:
    lines: list[bytes] = []
    changed_ns = _directory_stamp(name)[1]
    with _scandir(name) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            line, changed_ns = entry.name + b" " + _stamp(status), max(changed_ns, _age(status))
            if status.st_mode & _KIND == _LINK:
                line += b" " + state("s", entry.path)
            lines.append(line)
    return _digest(lines), changed_ns


def _age(status: os.stat_result) -> int:
    return 0 if status.st_mode & _KIND == _DIRECTORY else status.st_ctime_ns


def _tree(name: bytes) -> tuple[bytes, int]:
    """Of all that is below a directory, links not followed; a file is a tree of its own."""
    root, *skipped = name.split(SKIPPED)
    status = _lstat(root)
    lines, changed_ns = [_stamp(status)], status.st_ctime_ns
    if status.st_mode & _KIND == _DIRECTORY:
        for path, each in _below(root, {root + b"/" + relative for relative in skipped}):
            lines.append(path + b" " + (_stamp(each) if _age(each) else b"%o" % each.st_mode))
            changed_ns = max(changed_ns, each.st_ctime_ns)
    return _digest(lines), changed_ns


def _below(top: bytes, skipped: set[bytes]) -> Iterator[tuple[bytes, os.stat_result]]:
    pending = [top]
    while pending:
        directory = pending.pop()
        with _scandir(directory) as entries:
            found = sorted((entry.path, entry.stat(follow_symlinks=False)) for entry in entries)
        for path, status in found:
            if path not in skipped:
                yield path, status
                if status.st_mode & _KIND == _DIRECTORY and not path.endswith(_GIT):
                    pending.append(path)


_LOOKS = {"s": _target, "l": _itself, "n": _names, "e": _entries, "t": _tree}
