"""What a run does to a directory, as the kernel saw it: recorded with strace, read back as operations of a model.

Everything below the directory is followed, from its creation: names, bytes, sizes, modes and times. Descriptors are
followed over threads and forks; what happens elsewhere is left out. Writes through a memory map are not seen: LMDB
makes none but to its lock file, which holds nothing that outlives a reboot.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING, Any, Final

import attrs

from tests.campaign.disk import Disk, Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_DESCRIPTORS: Final = ("openat", "close", "dup", "dup2", "dup3", "fcntl", "lseek", "read")
_BYTES: Final = ("write", "pwrite64", "writev", "pwritev", "copy_file_range", "sendfile")
_SIZES: Final = ("fallocate", "ftruncate", "truncate")
_NAMES: Final = ("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat")
_MORE: Final = ("mkdir", "mkdirat", "rmdir", "chmod", "fchmod", "fchmodat", "utimensat")
_DURABLE: Final = ("fsync", "fdatasync", "syncfs", "sync")
_PROCESSES: Final = ("clone", "clone3", "fork", "vfork", "execve")
_CALLS: Final = (*_DESCRIPTORS, *_BYTES, *_SIZES, *_NAMES, *_MORE, *_DURABLE, *_PROCESSES)
_UMASK: Final = 0o022  # of what is recorded
_LINE: Final = re.compile(r"(\d+)\s+([\d.]+) (\w+)\((.*)\)\s+= (-?\d+)(?: [^<]*)?(?:<([\d.]+)>)?$", re.DOTALL)
_STRING: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_TIMES: Final = re.compile(r"tv_sec=(\d+), tv_nsec=(\d+)")


@attrs.frozen
class Call:
    """A system call that went well.

    Attributes:
        pid: of the thread.
        start_s: when it began.
        end_s: when it had ended.
        name: of the call.
        args: as written.
        result: what it returned.
    """

    pid: int
    start_s: float
    end_s: float
    name: str
    args: tuple[str, ...]
    result: int


@attrs.define
class _File:
    """An open file description."""

    node: Node
    offset: int = 0
    append: bool = False
    synced: bool = False


class CannotRecord(Exception):
    """Strace is not there, or may not trace."""


def record(command: Sequence[str], base: Path, trace: Path, where: Path) -> Disk:
    """Run a command that works below ``base``, and give what it did.

    Raises:
        CannotRecord: strace does not work here.
    """
    calls = ",".join(f"?{name}" for name in _CALLS)
    strace = ["strace", "-f", "-qq", "-xx", "-ttt", "-T", "-z", "-s", "100000000", "-e", f"trace={calls}"]
    try:
        ended = subprocess.run(
            [*strace, "-e", "signal=none", "-o", os.fspath(trace), *command],
            cwd=where,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise CannotRecord("strace is not installed") from error
    if ended.returncode:
        raise CannotRecord(f"the recorded run ended with {ended.returncode}: {ended.stderr[-2000:]}")
    disk = Disk()
    reader = _Reader(os.fspath(base), disk)
    for call in sorted(_calls(trace), key=lambda call: call.end_s):
        reader.take(call)
    return disk


def _calls(trace: Path) -> Iterator[Call]:
    with trace.open(encoding="ascii", errors="replace") as file:
        for line in file:
            found = _LINE.match(line.rstrip("\n"))
            if found is None:
                continue
            pid, start_s, name, args, result, took_s = found.groups()
            start = float(start_s)
            yield Call(int(pid), start, start + float(took_s or 0), name, tuple(_split(args)), int(result))


def _split(args: str) -> list[str]:
    """The arguments, split at commas that stand in no bracket."""
    parts: list[str] = []
    depth = begin = 0
    for at in (found.start() for found in re.finditer(r"[\[\]{},]", args)):
        letter = args[at]
        if letter in "[{":
            depth += 1
        elif letter in "]}":
            depth -= 1
        elif not depth:
            parts.append(args[begin:at].strip())
            begin = at + 1
    return [*parts, args[begin:].strip()]


def _bytes(text: str) -> bytes:
    """The strings in an argument, joined."""
    found = _STRING.findall(text)
    if any(cut for _, cut in found):
        raise CannotRecord("a string was cut short")
    return b"".join(bytes.fromhex(hexadecimal.replace("\\x", "")) for hexadecimal, _ in found)


class _Reader:
    """Carries out calls on a model."""

    def __init__(self, base: str, disk: Disk) -> None:
        self._base = os.fsencode(base)
        self._disk = disk
        self._tables: dict[int, dict[int, _File]] = {}
        self._start = 0.0

    def take(self, call: Call) -> None:
        """One call more."""
        self._disk.now(call.start_s, call.end_s)
        act: Callable[[Call, dict[int, _File]], None] | None = getattr(self, f"_do_{call.name}", None)
        if act is not None:
            act(call, self._tables.setdefault(call.pid, {}))

    def _node(self, path: str, directory: str, table: dict[int, _File]) -> tuple[Node, bytes] | None:
        """The directory and the name that a path means; None where that is elsewhere."""
        text = _bytes(path)
        if text.startswith(b"/"):
            if text != self._base and not text.startswith(self._base + b"/"):
                return None
            here, parts = self._disk.root, text[len(self._base) :].split(b"/")
        else:
            number = directory.partition("<")[0]
            file = table.get(int(number)) if number.lstrip("-").isdigit() else None
            if file is None:
                return None
            here, parts = file.node, text.split(b"/")
        parts = [part for part in parts if part not in {b"", b"."}]
        for part in parts[:-1]:
            below = here.now.get(part)
            if below is None:
                return None
            here = below
        return here, parts[-1] if parts else b"."

    def _found(self, path: str, directory: str, table: dict[int, _File]) -> Node | None:
        place = self._node(path, directory, table)
        if place is None:
            return None
        return place[0] if place[1] == b"." else place[0].now.get(place[1])

    # Descriptors

    def _share(self, call: Call, table: dict[int, _File]) -> None:
        child = call.result
        if "CLONE_FILES" in call.args[0] + "".join(call.args):
            known = self._tables.get(child, {})
            table.update(known)
            self._tables[child] = table
        else:
            self._tables[child] = {**table, **self._tables.get(child, {})}

    _do_clone = _do_clone3 = _do_fork = _do_vfork = _share

    def _do_execve(self, call: Call, table: dict[int, _File]) -> None:
        del table
        self._tables[call.pid] = {}

    def _do_openat(self, call: Call, table: dict[int, _File]) -> None:
        table.pop(call.result, None)
        place = self._node(call.args[1], call.args[0], table)
        if place is None:
            return
        flags = call.args[2]
        parent, name = place
        node = parent if name == b"." else parent.now.get(name)
        if node is None:
            if "O_CREAT" not in flags:
                return
            node = self._disk.create(parent, name, "file", int(call.args[3], 8) & ~_UMASK)
        if "O_TRUNC" in flags:
            self._disk.resize(node, 0)
        table[call.result] = _File(node, append="O_APPEND" in flags, synced="O_DSYNC" in flags or "O_SYNC" in flags)

    def _do_close(self, call: Call, table: dict[int, _File]) -> None:
        table.pop(int(call.args[0]), None)

    def _duplicate(self, call: Call, table: dict[int, _File]) -> None:
        if call.name == "fcntl" and not call.args[1].startswith("F_DUPFD"):
            return
        file = table.get(int(call.args[0]))
        if file is not None:
            table[call.result] = file
        else:
            table.pop(call.result, None)

    _do_dup = _do_dup2 = _do_dup3 = _do_fcntl = _duplicate

    # Bytes

    def _do_lseek(self, call: Call, table: dict[int, _File]) -> None:
        if file := table.get(int(call.args[0])):
            file.offset = call.result

    def _do_read(self, call: Call, table: dict[int, _File]) -> None:
        if file := table.get(int(call.args[0])):
            file.offset += call.result

    def _write(self, call: Call, table: dict[int, _File]) -> None:
        file = table.get(int(call.args[0]))
        if file is None:
            return
        data = _bytes(call.args[1])[: call.result]
        if call.name in {"pwrite64", "pwritev"}:
            offset = int(call.args[3])
        else:
            offset = len(file.node.data) if file.append else file.offset
            file.offset = offset + len(data)
        first = len(self._disk.steps)
        self._disk.write(file.node, offset, data)
        if file.synced:
            self._disk.sync(file.node, attributes=False, own=first)

    _do_write = _do_writev = _do_pwrite64 = _do_pwritev = _write

    def _do_copy_file_range(self, call: Call, table: dict[int, _File]) -> None:
        self._copy(table.get(int(call.args[2])), table.get(int(call.args[0])), call)

    def _do_sendfile(self, call: Call, table: dict[int, _File]) -> None:
        self._copy(table.get(int(call.args[0])), table.get(int(call.args[1])), call)

    def _copy(self, target: _File | None, source: _File | None, call: Call) -> None:
        if target is None or not call.result:
            return
        if source is None:
            raise CannotRecord(f"{call.name} from a file that was not followed")
        data = bytes(source.node.data[source.offset : source.offset + call.result])
        self._disk.write(target.node, target.offset, data)
        source.offset += call.result
        target.offset += call.result

    def _do_ftruncate(self, call: Call, table: dict[int, _File]) -> None:
        if file := table.get(int(call.args[0])):
            self._disk.resize(file.node, int(call.args[1]))

    def _do_fallocate(self, call: Call, table: dict[int, _File]) -> None:
        if (file := table.get(int(call.args[0]))) and call.args[1] == "0":
            self._disk.resize(file.node, max(len(file.node.data), int(call.args[2]) + int(call.args[3])))

    def _do_truncate(self, call: Call, table: dict[int, _File]) -> None:
        if (node := self._found(call.args[0], "", table)) is not None:
            self._disk.resize(node, int(call.args[1]))

    # Names

    def _rename(self, call: Call, table: dict[int, _File]) -> None:
        old, new = self._pair(call, table)
        if old is None and new is None:
            return
        if old is None or new is None:
            raise CannotRecord("a rename into or out of what is followed")
        self._disk.rename(old, new)

    _do_rename = _do_renameat = _do_renameat2 = _rename

    def _link(self, call: Call, table: dict[int, _File]) -> None:
        old, new = self._pair(call, table)
        if new is None:
            return
        if old is None:
            raise CannotRecord("a link to what is not followed")
        self._disk.link(old[0].now[old[1]], *new)

    _do_link = _do_linkat = _link

    def _pair(self, call: Call, table: dict[int, _File]) -> tuple[Any, Any]:
        if call.name.endswith(("at", "at2")):
            return self._node(call.args[1], call.args[0], table), self._node(call.args[3], call.args[2], table)
        return self._node(call.args[0], "", table), self._node(call.args[1], "", table)

    def _do_symlink(self, call: Call, table: dict[int, _File]) -> None:
        self._symlink(call.args[0], self._node(call.args[1], "", table))

    def _do_symlinkat(self, call: Call, table: dict[int, _File]) -> None:
        self._symlink(call.args[0], self._node(call.args[2], call.args[1], table))

    def _symlink(self, target: str, place: tuple[Node, bytes] | None) -> None:
        if place is not None:
            self._disk.create(*place, "link", 0o777, _bytes(target))

    def _remove(self, call: Call, table: dict[int, _File]) -> None:
        at = call.name == "unlinkat"
        place = self._node(call.args[1 if at else 0], call.args[0] if at else "", table)
        if place is not None:
            self._disk.remove(*place)

    _do_unlink = _do_unlinkat = _do_rmdir = _remove

    def _make(self, call: Call, table: dict[int, _File]) -> None:
        at = call.name == "mkdirat"
        place = self._node(call.args[1 if at else 0], call.args[0] if at else "", table)
        if place is not None and place[1] != b".":
            self._disk.create(*place, "directory", int(call.args[-1], 8) & ~_UMASK)

    _do_mkdir = _do_mkdirat = _make

    # Attributes, and what makes durable

    def _do_chmod(self, call: Call, table: dict[int, _File]) -> None:
        self._set_mode(self._found(call.args[0], "", table), call.args[1])

    def _do_fchmod(self, call: Call, table: dict[int, _File]) -> None:
        file = table.get(int(call.args[0]))
        self._set_mode(None if file is None else file.node, call.args[1])

    def _do_fchmodat(self, call: Call, table: dict[int, _File]) -> None:
        self._set_mode(self._found(call.args[1], call.args[0], table), call.args[2])

    def _set_mode(self, node: Node | None, mode: str) -> None:
        if node is not None:
            self._disk.attribute(node, "mode", int(mode, 8))

    def _do_utimensat(self, call: Call, table: dict[int, _File]) -> None:
        if call.args[1] == "NULL":
            file = table.get(int(call.args[0]))
            node = None if file is None else file.node
        else:
            node = self._found(call.args[1], call.args[0], table)
        times = _TIMES.findall(call.args[2])
        if node is not None and times:
            self._disk.attribute(node, "mtime", int(times[-1][0]) * 1_000_000_000 + int(times[-1][1]))

    def _do_fsync(self, call: Call, table: dict[int, _File]) -> None:
        if file := table.get(int(call.args[0])):
            self._disk.sync(file.node, attributes=True)

    def _do_fdatasync(self, call: Call, table: dict[int, _File]) -> None:
        if file := table.get(int(call.args[0])):
            self._disk.sync(file.node, attributes=False)

    def _do_syncfs(self, call: Call, table: dict[int, _File]) -> None:
        if int(call.args[0]) in table:
            self._disk.sync(None, attributes=True)

    def _do_sync(self, call: Call, table: dict[int, _File]) -> None:
        del call, table
        self._disk.sync(None, attributes=True)
