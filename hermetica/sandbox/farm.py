"""A program: mounts many inputs over a store directory in a mount namespace of its own, then becomes bubblewrap.

bubblewrap's start grows with the square of the number of mounts, the kernel's own mount(2) does not. Runs as
``python -I -S farm.py FD BWRAP ARGV…`` and imports nothing but the standard library. Descriptor FD holds the
store directory, then source and name of each mount, NUL-separated. An ordinary user gets the right to mount
from a user namespace that maps him to himself. Source: user_namespaces(7), mount(2).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PREFIX = "hermetica-farm: "
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def _own_namespace(libc: ctypes.CDLL) -> None:
    user, group = os.geteuid(), os.getegid()
    flags = _CLONE_NEWNS if user == 0 else _CLONE_NEWNS | _CLONE_NEWUSER
    _check(libc.unshare(flags), "creating a mount namespace")
    if user != 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 -- no import of pathlib: 5 ms
                file.write(text)
    _check(libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None), "making mounts private")


def _mount_point(source: bytes, target: bytes) -> None:
    if os.path.isdir(source):  # noqa: PTH112 -- no import of pathlib: 5 ms
        os.makedirs(target, exist_ok=True)  # noqa: PTH103 -- no import of pathlib: 5 ms
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o666))


def _bind(libc: ctypes.CDLL, source: bytes, target: bytes) -> None:
    _check(libc.mount(source, target, None, _MS_BIND | _MS_REC, None), f"Can't find source path {os.fsdecode(source)}")
    # a flag that the source's own mount has may not be taken away in a user namespace
    flags = _MS_BIND | _MS_REMOUNT | _MS_RDONLY | _MS_NOSUID | _MS_NODEV | (os.statvfs(source).f_flag & os.ST_NOEXEC)
    _check(libc.mount(None, target, None, flags, None), f"making {os.fsdecode(source)} read-only")


def main(arguments: list[str]) -> None:
    """Mount what the descriptor says, then execute the program."""
    with os.fdopen(int(arguments[0]), "rb") as file:
        store, *plan = file.read().split(b"\0")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
    _own_namespace(libc)
    _check(libc.mount(store, store, None, _MS_BIND, None), "mounting the store directory")
    for source, name in zip(plan[::2], plan[1::2], strict=True):
        target = store + b"/" + name
        _mount_point(source, target)
        _bind(libc, source, target)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execve(arguments[1], arguments[2:], {})  # noqa: S606 -- that is what it is for


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        sys.stderr.write(f"{PREFIX}{error.filename}: {error.strerror}\n")
        sys.exit(125)
