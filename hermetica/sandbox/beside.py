"""Runs a program on the host with objects of a store at their logical paths: for shells of developers, not for builds.

The root is made anew from the host's own entries, so that ``/hermetica/store`` can be there on hosts that have none.
Nothing else is kept apart: files, network and processes are the host's. Source: bwrap(1).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from hermetica.sandbox.errors import BuilderNotFound
from hermetica.sandbox.locate import find_bwrap
from hermetica.sandbox.probe import trial
from hermetica.sandbox.status import StatusReader
from hermetica.sandbox.terminal import given_back
from hermetica.sandbox.world import STORE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from hermetica.sandbox.spec import Mount


def beside_options(entries: Iterable[tuple[str, str | None]], mounts: Iterable[Mount]) -> list[str]:
    """Bubblewrap's options for the host's files and objects. Pure.

    Args:
        entries: (name, where it leads if it is a link) of what is in the host's ``/``.
        mounts: of the objects.
    """
    words: list[str] = []
    for name, target in sorted(entries):
        words += ("--dev-bind", f"/{name}", f"/{name}") if target is None else ("--symlink", target, f"/{name}")
    foreign = [mount for mount in mounts if mount.source != mount.target]  # the others are there already
    if foreign:
        words += ("--tmpfs", STORE_PREFIX)
    for mount in sorted(foreign, key=lambda each: each.target):
        words += ("--ro-bind", mount.source, mount.target)
    return words


def enter_beside(mounts: Sequence[Mount], command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs a command with the caller's terminal, directory and files, and with objects where they belong.

    Args:
        mounts: the objects, and their logical paths.
        command: a program, looked for on the PATH of the environment, and arguments.
        environment: its variables, all of them.

    Returns:
        The exit status of the command; 128 + n if signal n killed it.

    Raises:
        SandboxUnavailable: bubblewrap or the kernel refuses.
        BuilderNotFound: the command cannot be executed there.
    """
    bwrap = find_bwrap()
    options = "\0".join((*beside_options(_entries(), mounts), "")).encode("utf-8", "surrogateescape")
    reader = StatusReader()
    with os.fdopen(os.memfd_create("hermetica"), "r+b", 0) as told, given_back(), _interrupts_left_to_it():
        told.write(options)
        told.seek(0)
        said, say = os.pipe()
        with os.fdopen(said, "rb") as heard:
            words = [bwrap, "--args", str(told.fileno()), "--json-status-fd", str(say), "--chdir", os.getcwd()]  # noqa: PTH109 -- text wanted
            try:
                child = subprocess.Popen([*words, "--", *command], env=environment, pass_fds=(told.fileno(), say))
            finally:
                os.close(say)
            reader.feed(heard.read())  # to the end: when the command has ended
        status = child.wait()
    if reader.exit_status is None:
        raise trial() or BuilderNotFound(command[0], "bubblewrap said it on the terminal")
    return status


def _entries() -> list[tuple[str, str | None]]:
    with os.scandir("/") as found:
        return [(each.name, str(Path(each.path).readlink()) if each.is_symlink() else None) for each in found]


@contextlib.contextmanager
def _interrupts_left_to_it() -> Generator[None]:
    """Ctrl-C reaches the command, which has the terminal, and us; it is the command that decides."""
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)  # a handler is not inherited, ignoring would be
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
