"""The index, registry and proxy that pip, npm and Go use where nothing is set: they know it themselves, and are asked.

So no host is written here. Source: ``pip install --help``, ``npm config get registry``, ``go env GOPROXY``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["go_proxy", "npm_registry", "pip_index"]

_DEFAULT: Final = re.compile(r"--index-url.*?\(default\s+(https?://\S+?)\)", re.DOTALL)
_ADDRESS: Final = re.compile(r"https?://\S+")
_TIMEOUT_S: Final = 20


def pip_index(environ: Mapping[str, str]) -> str | None:
    """The index that pip takes first where no ``index-url`` is set; None where there is no pip.

    Args:
        environ: what pip is run with; a pip outside its ``PATH`` is not asked.
    """
    for command in (["pip3"], ["pip"], [sys.executable, "-m", "pip"]):
        found = _DEFAULT.search(_said(environ, [*command, "install", "--help"]))
        if found is not None:
            return found[1].rstrip("/")
    return None


def npm_registry(environ: Mapping[str, str]) -> str | None:
    """The registry that npm takes where none is set; None where there is no npm.

    Args:
        environ: what npm is run with; an npm outside its ``PATH`` is not asked.
    """
    found = _ADDRESS.search(_said(environ, ["npm", "config", "get", "registry"]))
    return found[0].rstrip("/") if found is not None else None


def go_proxy(environ: Mapping[str, str]) -> str | None:
    """What Go has as ``GOPROXY`` where none is set; None where there is no Go.

    Args:
        environ: what Go is run with; a Go outside its ``PATH`` is not asked.
    """
    return _said(environ, ["go", "env", "GOPROXY"]).strip() or None


def _said(environ: Mapping[str, str], command: Sequence[str]) -> str:
    """What a command prints; nothing where it is not there, fails, or takes too long."""
    program = shutil.which(command[0], path=environ["PATH"]) if environ.get("PATH") else None
    if program is None:
        return ""
    try:
        ended = subprocess.run(
            [program, *command[1:]],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.decode("utf-8", "replace") if ended.returncode == 0 else ""
