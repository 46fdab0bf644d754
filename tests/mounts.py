"""Small file systems for tests, where this user may mount one."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@contextlib.contextmanager
def small_tmpfs(place: Path, size: str) -> Generator[Path]:
    """A file system in memory at ``place``, which is made; skips the test where there is none to be had."""
    if os.geteuid() != 0:
        pytest.skip("mounts a file system")
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "none", os.fspath(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("may not mount a file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", os.fspath(place)], check=True)
