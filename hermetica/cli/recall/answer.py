"""Answers a command whose evaluation is remembered, as the whole way would have: the same output, the same status.

It looks at the row of the command line in the index, at all that the evaluation read, and at what must be in the store.
Anything that is not as it was ends the attempt, and the command is carried out. This module and what it imports are the
whole cost of a build with nothing to do, so they leave alone what is slow to import.
"""

from __future__ import annotations

import os
import sys
import time

from hermetica import __version__
from hermetica.cli.recall.form import FORMAT, KEY_PREFIX, decode, is_always_read, store_word
from hermetica.cli.recall.states import is_unchanged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermetica.cli.recall.form import Evaluated
    from hermetica_store.glance import Glance

TRACE, ATTRIBUTES = b"trace", b"attributes"  # tables
FRESH_MS = 3_600_000
"""How long a use of an object counts as the last one: after that the whole way is gone, which notes the use."""
NOTICE = "evaluation: remembered, nothing that it read has changed\n"


def answer(words: Sequence[str]) -> int | None:
    """The exit status of a command that is known, its output written; None where it has to be carried out."""
    if not words or words[0] != "build":
        return None
    try:
        known = _known(words)
    except (OSError, ValueError, LookupError, RuntimeError, ImportError):  # the whole way meets it too, and tells
        return None
    if known is None:
        return None
    if known.told:
        sys.stderr.write(NOTICE)
        sys.stderr.flush()
    sys.stdout.write(os.fsdecode(known.output))
    sys.stdout.flush()
    return 0


def _known(words: Sequence[str]) -> Evaluated | None:
    """What a command led to, if all is as it was."""
    place = _store(words)
    key = key_of(words)
    if place is None or key is None:
        return None
    from hermetica_store.glance import glance  # noqa: PLC0415 -- other commands need no index here

    found: list[Evaluated] = []

    def look(rows: Glance) -> bool:
        value = rows.value(ATTRIBUTES, key)
        row = None if value is None else decode(value)
        if row is not None and row.confirmed and _holds(row, rows):
            found.append(row)
        return bool(found)

    return found[0] if glance(place, look) else None


def _holds(row: Evaluated, rows: Glance) -> bool:
    oldest_ms = time.time_ns() // 1_000_000 - FRESH_MS
    for base in row.objects:
        used_ms = rows.used_ms(base)
        if used_ms is None or used_ms < oldest_ms:
            return False
    for key, value in row.traces:
        if rows.value(TRACE, key) != value:
            return False
    for name, base, place, target in row.links:
        if not rows.has_root(name, base, place) or _target(place) != target:
            return False
    return all(is_unchanged(kind, name, was) for kind, name, was in row.reads)


def _target(link: bytes) -> bytes | None:
    try:
        return os.readlink(link)  # noqa: PTH115 -- bytes, and no pathlib
    except OSError:
        return None


def key_of(words: Sequence[str]) -> bytes | None:
    """The key under which a command line is kept: all that is known before anything is read; None where there is none.

    Besides the words these are the place, the user, the machine, Python and the variables that always count.
    """
    from blake3 import blake3  # noqa: PLC0415 -- a command of another kind needs no digest

    try:
        here, python = os.getcwdb(), os.stat(sys.executable)  # noqa: PTH109, PTH116 -- no pathlib here
    except OSError:
        return None
    variables = [f"{name}={value}" for name, value in sorted(os.environ.items()) if is_always_read(name)]
    fields = (
        *(
            __version__,
            sys.version,
            sys.executable,
            python.st_ino,
            python.st_mtime_ns,
            sys.flags,
            sys.path,
            sys.orig_argv,
        ),
        *(os.getuid(), os.geteuid(), os.getgid(), *os.uname(), here, variables, list(words)),
    )
    return KEY_PREFIX + blake3(FORMAT + repr(fields).encode("utf-8", "backslashreplace")).digest()


def _store(words: Sequence[str]) -> str | None:
    """Where the store is; None where only the settings can tell."""
    from hermetica_store.place import default_place  # noqa: PLC0415 -- other commands need none

    named = store_word(words)
    if named is None and not os.environ.get("HERMETICA_STORE") and settings_mention(b"store"):
        return None
    return os.path.realpath(default_place(os.environ) if named is None else named)


def settings_mention(word: bytes) -> bool:
    """Whether the file of settings may have a setting: reading it in full is for the whole way."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if not base.startswith("/"):
        base = f"{os.environ.get('HOME', '')}/.config"
    try:
        file = os.environ.get("HERMETICA_CONFIG") or f"{base}/hermetica/config.toml"
        with open(file, "rb") as opened:  # noqa: PTH123 -- no pathlib here
            return word in opened.read()
    except OSError:
        return False
