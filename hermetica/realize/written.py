"""Which command wrote each file of a build, read from what strace wrote. Pure.

The last one that opened a file for writing, or gave another file its name, wrote it; what lay in a directory that was
renamed, whoever wrote it there. A process that runs no program of its own, such as a subshell, does what its parent
was called to do. Source: strace(1).
"""

from __future__ import annotations

import posixpath
import re
import shlex
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.realize.opened import unescaped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OPTIONS: Final = (
    *("-f", "-ff", "-qqq", "-y", "-ttt", "-s", "400", "--pidns-translation", "-e", "signal=none"),
    *("-e", "trace=execve,clone,clone3,fork,vfork,chdir,open,openat,creat,rename,renameat,renameat2,link,linkat"),
)
"""For strace; ``-o PREFIX`` goes with them."""
_COMMAND_CHARACTERS: Final = 400
_SANDBOX: Final = "bwrap"
_LINE: Final = re.compile(r"^(\d+\.\d+) (\w+)\((.*)\) += (-?\d+)(.*)$")
_TEXT: Final = re.compile(r'"((?:[^"\\]|\\.)*)"(?:\.\.\.)?')
_CHILD: Final = re.compile(r"/\* (\d+) in strace's PID NS \*/")
_TARGET: Final = re.compile(r"^<([^<>]*)>")
_FOLDER: Final = re.compile(r"(?:AT_FDCWD|\d+)<([^<>]*)>")
_WRITES: Final = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC")


@attrs.frozen(kw_only=True)
class Writer:
    """What wrote a file.

    Attributes:
        command: the words it was called with, as a shell would take them; cut where they are many.
        callers: those of the processes that called it, the nearest first.
    """

    command: str
    callers: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class _Call:
    time_s: float
    name: str
    arguments: str
    result: int
    rest: str


@attrs.frozen(kw_only=True)
class _Written:
    """That a path has something new; ``former`` is what it was called before, where it was renamed."""

    time_s: float
    path: str
    former: str = ""


def writers(processes: Mapping[int, str], directory: str = "/build") -> dict[str, Writer]:
    """Path -> who wrote it last.

    Args:
        processes: what strace wrote of each, by its number.
        directory: where the first of them began.
    """
    calls = {pid: list(_calls(text)) for pid, text in processes.items()}
    parents = {child: pid for pid, found in calls.items() for each in found for child in _children(each)}
    written: dict[str, tuple[float, int]] = {}
    made = [(each.time_s, pid, each) for pid, found in calls.items() for each in _written(found, directory)]
    for moment_s, pid, each in sorted(made, key=lambda one: one[:2]):
        if each.former and each.former not in written:
            inside = [path for path in written if path.startswith(f"{each.former}/")]
            written |= {f"{each.path}{path.removeprefix(each.former)}": written[path] for path in inside}
        written[each.path] = (moment_s, pid)
    return {path: _writer(pid, moment_s, calls, parents) for path, (moment_s, pid) in written.items()}


def _calls(text: str) -> Iterator[_Call]:
    for line in text.splitlines():
        if found := _LINE.match(line):
            yield _Call(
                time_s=float(found[1]), name=found[2], arguments=found[3], result=int(found[4]), rest=found[5].strip()
            )


def _children(call: _Call) -> list[int]:
    if not call.name.startswith(("clone", "fork", "vfork")) or call.result <= 0:
        return []
    found = _CHILD.search(call.rest)
    return [int(found[1]) if found else call.result]


def _written(calls: list[_Call], here: str) -> Iterator[_Written]:
    for call in calls:
        if call.result < 0:
            continue
        if folder := _FOLDER.search(call.arguments):
            here = folder[1] if call.arguments.startswith("AT_FDCWD") else here
        texts = [unescaped(each) for each in _TEXT.findall(call.arguments)]
        if call.name == "chdir" and texts:
            here = posixpath.join(here, texts[0])
        elif call.name == "creat" or (call.name.startswith("open") and any(flag in call.arguments for flag in _WRITES)):
            named = _TARGET.match(call.rest)
            path = named[1] if named else posixpath.normpath(posixpath.join(here, *texts[:1]))
            yield _Written(time_s=call.time_s, path=path)
        elif call.name.startswith(("rename", "link")) and len(texts) > 1:
            former, path = (posixpath.normpath(posixpath.join(here, text)) for text in texts[:2])
            yield _Written(time_s=call.time_s, path=path, former=former if call.name.startswith("rename") else "")


def _writer(pid: int, moment_s: float, calls: Mapping[int, list[_Call]], parents: Mapping[int, int]) -> Writer:
    commands: list[str] = []
    seen: set[int] = set()
    while pid in calls and pid not in seen:
        seen.add(pid)
        command = _command(calls[pid], moment_s)
        if command and command not in commands and posixpath.basename(command.split()[0]) != _SANDBOX:
            commands.append(command)
        pid = parents.get(pid, -1)
    return Writer(command=commands[0] if commands else "", callers=tuple(commands[1:]))


def _command(calls: list[_Call], moment_s: float) -> str:
    """What a process was called with, at a moment."""
    words: list[str] = []
    for call in calls:
        if call.name == "execve" and call.result == 0 and call.time_s <= moment_s:
            listed = call.arguments.partition(", [")[2].rpartition("]")[0]
            words = [unescaped(each) for each in _TEXT.findall(listed)]
    text = shlex.join(words)
    return text if len(text) <= _COMMAND_CHARACTERS else f"{text[: _COMMAND_CHARACTERS - 1]}…"
