"""Programs in a mount namespace of their own, where small and broken file systems can be had; nothing of it is left."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

_REPOSITORY: Final = Path(__file__).parents[2]
HEAD: Final = """
import errno, os, resource, shutil, subprocess, sys
from pathlib import Path
import hermetica as hm
from hermetica_store import *
from hermetica_store.refusals import working_in
from tests.behaviours.conftest import TOOLS

place = Path(sys.argv[1])

def mount(*options):
    subprocess.run(["mount", *options], check=True)

def meets(kind, act):
    \"\"\"The error, which has to be of that very class, with its cause and the way out.\"\"\"
    try:
        act()
    except HermeticaError as error:
        assert type(error) is kind, repr(error)
        assert error.hint, error
        assert [text for label, text in error.details if label == "cause"], error
        return error
    raise AssertionError(f"no {kind.__name__}")

def occupy(directory, mebibytes):
    \"\"\"A file that takes so much room.\"\"\"
    filler = directory / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, mebibytes << 20)
    return filler

def sh(name, script):
    busybox = hm.source(TOOLS, name="busybox")
    return hm.derivation(name=name, builder=f"{busybox}/bin/sh", args=("-euc", script))

def is_whole(store):
    \"\"\"Nothing damaged; what a crash may leave as well, the next collection takes.\"\"\"
    problems = [problem for problem in store.verify().problems if problem.kind != "unregistered"]
    assert not problems, problems
    return True
"""


@functools.cache
def _unshare() -> tuple[str, ...] | None:
    """The command that makes such a namespace; None where the system refuses."""
    command = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user", "--mount")
    if shutil.which("unshare") is None:
        return None
    probe = [*command, "mount", "-t", "tmpfs", "none", "/mnt"]
    return command if subprocess.run(probe, capture_output=True, check=False).returncode == 0 else None


def run(code: str, *arguments: object, needs_loop: bool = False) -> str:
    """What a program prints that is run so; the first argument is its ``place``."""
    command = _unshare()
    if command is None:
        pytest.skip("may not mount file systems")
    if needs_loop:
        require_loop()
    ended = subprocess.run(
        [*command, sys.executable, "-c", HEAD + code, *map(str, arguments)],
        cwd=_REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def require_loop() -> None:
    """Skip where no file system in a file can be mounted."""
    if os.geteuid() != 0:
        pytest.skip("mounts a file system in a file, for which one has to be root")
    if shutil.which("mkfs.ext4") is None or not Path("/dev/loop-control").exists():
        pytest.skip("needs mkfs.ext4 and loop devices")
