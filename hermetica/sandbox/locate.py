"""Where the bubblewrap program is: ``$HERMETICA_BWRAP``, else PATH, else beside the running interpreter."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hermetica.sandbox.errors import SandboxUnavailable
from hermetica.sandbox.refusal import bwrap_missing

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "HERMETICA_BWRAP"


def os_release() -> dict[str, str]:
    """The host's /etc/os-release; empty where it has none."""
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name: value.strip("\"'") for name, _, value in pairs}


def find_bwrap(environ: Mapping[str, str] = os.environ) -> str:
    """The path of the bubblewrap program.

    Raises:
        SandboxUnavailable: there is none.
    """
    chosen = environ.get(VARIABLE)
    if chosen:
        if os.access(chosen, os.X_OK) and not Path(chosen).is_dir():
            return str(Path(chosen).absolute())
        raise SandboxUnavailable(
            f"{VARIABLE} names {chosen}, which is no program",
            f"unset {VARIABLE}, or let it name a bwrap executable",
            kind="bwrap-missing",
        )
    found = shutil.which("bwrap", path=environ.get("PATH", os.defpath)) or shutil.which(
        "bwrap", path=f"{sys.prefix}/bin"
    )
    if found is None:
        release = os_release()
        raise bwrap_missing((release.get("ID", ""), *release.get("ID_LIKE", "").split())).error()
    return str(Path(found).absolute())
