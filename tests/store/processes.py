"""Real processes that work on a store, and small trees to publish."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from hermetica_store import Candidate, Lease, ObjectStore, StorePath

if TYPE_CHECKING:
    from pathlib import Path

STARTED: list[subprocess.Popen[str]] = []
HEAD = """
import os, signal, sys, time
from pathlib import Path
from hermetica_store import *
store = ObjectStore.open(Path(sys.argv[1]))
def say(text):
    print(text, flush=True)
"""


def start(root: Path, code: str, *arguments: object) -> subprocess.Popen[str]:
    """A Python process with ``store`` open on ``root``; it may ``say`` things and read lines."""
    process = subprocess.Popen(
        [sys.executable, "-c", HEAD + code, str(root), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    STARTED.append(process)
    return process


def heard(process: subprocess.Popen[str]) -> str:
    """The next thing that a process says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def finish(process: subprocess.Popen[str], text: str = "") -> str:
    """What a process says until it ends well."""
    out, err = process.communicate(text, timeout=60)
    assert process.returncode == 0, err
    return out.strip()


def kill(process: subprocess.Popen[str]) -> None:
    """Ends a process as nothing can be prepared for."""
    process.kill()
    process.wait(timeout=60)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):  # what it was told last may have nowhere to go
                stream.close()


def add(
    store: ObjectStore, lease: Lease, text: str, name: str = "x", *references: StorePath, **keywords: Any
) -> StorePath:
    """Adds a file that holds ``text`` and mentions ``references``."""
    data = "\n".join([text, *map(str, references)]).encode()
    return store.add_bytes(data, name, lease=lease, references=references, **keywords)


def names(directory: Path) -> list[str]:
    """What lies in a directory, ascending."""
    return sorted(path.name for path in directory.iterdir())


def settle(store: ObjectStore) -> None:
    """Returns when everything is durable."""
    store.put([]).wait()


def tree_candidate(directory: Path, name: str = "tree") -> Candidate:
    """A small tree of every kind of entry, in ``directory``."""
    tree = directory / name
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "tool").write_text("#!/bin/sh\n")
    (tree / "bin" / "tool").chmod(0o755)
    (tree / "data").write_bytes(bytes(range(256)))
    (tree / "link").symlink_to("bin/tool")
    (tree / "empty").mkdir()
    return Candidate(tree=tree, name=name)
