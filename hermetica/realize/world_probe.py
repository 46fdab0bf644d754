"""Run in sandboxes by the self-test of worlds: prints what it observes of each factor, as one line of JSON.

It imports nothing but the standard library, and the interpreter that runs it may be any of the host's.
"""

from __future__ import annotations

import ctypes
import grp
import hashlib
import json
import os
import pwd
import resource
import sys
import time

SOURCE = "/hermetica/store/source"
_SYS_TIME = 201
_AT_RANDOM = 25
_NAMES = 40


def _file(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:12]


def _text(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read().strip()


def _file_system() -> str:
    rows = [line.split() for line in _text("/proc/self/mounts").splitlines()]
    return next(row[2] for row in reversed(rows) if row[1] == os.getcwd().replace(" ", "\\040"))


def _order() -> str:
    os.mkdir("names")
    for number in range(_NAMES):
        os.close(os.open(f"names/{number * 17 % _NAMES:02}", os.O_CREAT | os.O_WRONLY))
    return " ".join(os.listdir("names"))


def _made() -> int:
    os.close(os.open("made", os.O_CREAT | os.O_WRONLY, 0o666))
    return int(os.stat("made").st_mtime)


def _umask() -> str:
    umask = os.umask(0)
    os.umask(umask)
    return oct(umask)


def _clock() -> list[int]:
    """By the vDSO, and by a system call."""
    return [int(time.time()), ctypes.CDLL(None).syscall(_SYS_TIME, None)]


def _random() -> list[str]:
    """By getrandom, by what the interpreter seeded its hashes with, by devices, and by the auxiliary vector."""
    getauxval = ctypes.CDLL(None).getauxval
    getauxval.restype = ctypes.c_ulong
    given = ctypes.string_at(getauxval(_AT_RANDOM), 16).hex()
    found = [os.urandom(8).hex(), str(hash("hermetica")), given, _text("/proc/sys/kernel/random/uuid")]
    for device in ("/dev/random", "/dev/urandom"):
        with open(device, "rb") as file:
            found.append(file.read(8).hex())
    return found


def observe() -> dict[str, object]:
    """What there is of each factor."""
    system, variables = os.uname(), os.environ
    return {
        "aslr": _text("/proc/self/personality"),
        "build_path": os.getcwd(),
        "clock": _clock(),
        "cpuinfo": _file("/proc/cpuinfo"),
        "cpus": len(os.sched_getaffinity(0)),
        "domainname": _text("/proc/sys/kernel/domainname"),
        "env": variables.get("HERMETICA_CANARY", ""),
        "fs": _file_system(),
        "gid": os.getgid(),
        "home": variables["HOME"],
        "hostname": [system.nodename, _file("/etc/hosts")],
        "jobs": variables["HERMETICA_BUILD_CORES"],
        "kernel": [system.release, system.version, _text("/proc/version")],
        "locale": variables["LC_ALL"],
        "meminfo": _file("/proc/meminfo"),
        "mtime": _made(),
        "path": variables["PATH"],
        "pid": os.getpid(),
        "random": _random(),
        "readdir": _order(),
        "shell": [variables["SHELL"], _file("/bin/sh") if os.path.exists("/bin/sh") else ""],
        "src_mtime": int(os.stat(SOURCE).st_mtime),
        "tty": [os.isatty(fd) for fd in (0, 1, 2)],
        "tz": variables["TZ"],
        "uid": os.getuid(),
        "ulimit": [resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_STACK)],
        "umask": _umask(),
        "uptime": _file("/proc/uptime"),
        "username": [pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(observe()) + "\n")
