"""A program: enters the namespaces of a sandbox that waits to start, and sets what bubblewrap has no option for.

Runs as ``python -I -S -B settle.py PID DOMAIN LAST-PID`` and imports nothing but the standard library. PID is the first
process of the sandbox; an empty argument is left as it is. The rights come from the user namespace that owns the
others, which whoever made it may enter. Source: setns(2), ioctl_ns(2), pid_namespaces(7), proc(5) on ``ns_last_pid``.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import sys

_NS_GET_USERNS = 0xB701
_CLONE_NEWUTS, _CLONE_NEWUSER, _CLONE_NEWPID = 0x04000000, 0x10000000, 0x20000000
_LAST_PID = "/proc/sys/kernel/ns_last_pid"


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def _join(libc: ctypes.CDLL, fd: int, kind: int, what: str) -> None:
    _check(libc.setns(fd, kind), f"entering the {what} namespace")
    os.close(fd)


def _open(pid: str, name: str) -> int:
    return os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)


def _in_child(action: str) -> int:
    """Runs a step in a process of the namespace; its exit status."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if action:
                with open(_LAST_PID, "w", encoding="ascii") as file:  # noqa: PTH123 -- no import of pathlib: 5 ms
                    file.write(action)
            status = 0
        except OSError:
            status = 2
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _count_up_to(last: int) -> None:
    """Makes the next process of the namespace ``last + 1``; a kernel that cannot be told is worn down to it."""
    if _in_child(str(last)) == 0:
        return
    for _ in range(last - 2):  # the first process is 1, and the attempt was another
        _in_child("")


def main(arguments: list[str]) -> None:
    """Set what is asked for."""
    first, domain, last = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    pids, names = _open(first, "pid"), _open(first, "uts")
    _join(libc, fcntl.ioctl(pids, _NS_GET_USERNS), _CLONE_NEWUSER, "user")
    if domain:
        _join(libc, names, _CLONE_NEWUTS, "UTS")
        name = os.fsencode(domain)
        _check(libc.setdomainname(name, len(name)), "setting the domain name")
    if last:
        _join(libc, pids, _CLONE_NEWPID, "process")
        _count_up_to(int(last))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        sys.stderr.write(f"{error.filename}: {error.strerror}\n")
        sys.exit(1)
