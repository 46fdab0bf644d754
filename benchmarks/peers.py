"""The command lines of the peers, and of hermetica, over one workload."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from benchmarks.shapes import BUSYBOX

if TYPE_CHECKING:
    from pathlib import Path


def missing(*programs: str) -> str | None:
    """Why a peer cannot take part, or None."""
    absent = [program for program in programs if shutil.which(program) is None]
    return f"not installed: {', '.join(absent)}" if absent else None


def hermetica(*arguments: str) -> list[str]:
    """The command line of this interpreter's hermetica."""
    return [sys.executable, "-m", "hermetica", *arguments]


def nix_options(root: Path) -> list[str]:
    """A private store below ``root``, sandboxed builds, no substituters: fair without a network."""
    return [
        "--store", f"local?root={root}", "--option", "substituters", "", "--option", "sandbox", "true",
        "--option", "build-users-group", "", "--option", "sandbox-paths", f"/bin/sh={BUSYBOX}",
    ]  # fmt: skip
