"""Leaves out the coverage of processes that were killed while they wrote it down.

Tests kill processes at any moment, and a data file is written without a journal. One that is damaged would keep all of
them from being combined; what its process ran is then not counted. More than a few would have another reason.

    python scripts/whole_coverage.py DIRECTORY
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from pathlib import Path

DAMAGED_MAX = 5


def is_whole(path: Path) -> bool:
    """Whether SQLite finds nothing wrong with a data file."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as data:
            return bool(data.execute("PRAGMA integrity_check").fetchone() == ("ok",))
    except sqlite3.DatabaseError:
        return False


def main(directory: str) -> int:
    """Removes the damaged files; the status for the shell."""
    files = sorted(Path(directory).iterdir())
    damaged = [each for each in files if not is_whole(each)]
    if len(damaged) > DAMAGED_MAX:
        names = ", ".join(each.name for each in damaged)
        sys.stderr.write(f"coverage: {len(damaged)} of {len(files)} data files are damaged: {names}\n")
        return 1
    for each in damaged:
        sys.stdout.write(f"coverage: {each.name} is left out, for its process was killed while it wrote it\n")
        each.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
