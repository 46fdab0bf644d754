"""Whether code could read what has no trace: the clock, chance, the machine, times of files, a database. Pure.

Told by the names that its code uses, so that what it never does is not in doubt; a name that only looks so costs the
remembering and nothing else.
"""

from __future__ import annotations

from types import CodeType
from typing import Final

NAMES: Final = frozenset(
    {
        *("time", "datetime", "calendar", "monotonic", "perf_counter", "random", "secrets", "uuid", "urandom"),
        *("getrandom", "getpid", "getppid", "cpu_count", "sched_getaffinity", "getloadavg", "statvfs", "disk_usage"),
        *("pwd", "grp", "posix", "ctypes", "cffi", "_ctypes", "psutil", "tempfile", "socket", "resource", "getlogin"),
        *("get_terminal_size", "isatty", "getgroups", "sysconf", "pathconf", "st_nlink", "st_atime", "st_atime_ns"),
        *("st_mtime", "st_mtime_ns", "st_ctime", "st_ctime_ns", "getmtime", "getatime", "getctime"),
        *("Store", "aio", "hermetica_store", "lmdb", "sqlite3"),
    }
)


def impure_name(code: CodeType) -> str | None:
    """A name in ``code`` that leads to something without a trace; None where there is none."""
    pending = [code]
    while pending:
        each = pending.pop()
        for name in each.co_names:
            if found := NAMES & set(name.split(".")):
                return min(found)
        for constant in each.co_consts:
            if isinstance(constant, CodeType):
                pending.append(constant)
            elif isinstance(constant, str) and constant in NAMES:
                return constant
    return None
