"""What diffoscope says of two files, where it is installed: it knows many more formats than we do.

Source: diffoscope(1); its status is 0 for no difference, 1 for some, anything else where it could not tell.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FILES_MAX: Final = 3
_CHARACTERS: Final = 20_000
_TIMEOUT_S: Final = 120.0
_DIFFERS: Final = 1


def find_diffoscope() -> str | None:
    """The program; None where it is not installed."""
    return shutil.which("diffoscope")


def told_by_diffoscope(program: str, pairs: Iterable[tuple[str, Path, Path]]) -> Mapping[str, str]:
    """What it says of the first few pairs of files, by name; what it cannot tell in time is left out.

    Args:
        program: diffoscope.
        pairs: name, first and second file.
    """
    found: dict[str, str] = {}
    for name, first, second in pairs:
        if len(found) == FILES_MAX:
            break
        if text := _told(program, first, second):
            found[name] = text
    return found


def _told(program: str, first: Path, second: Path) -> str:
    limit = str(_CHARACTERS)
    words = [program, "--text", "-", "--max-text-report-size", limit, "--no-progress", str(first), str(second)]
    try:
        done = subprocess.run(words, capture_output=True, check=False, timeout=_TIMEOUT_S, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    text = done.stdout.decode("utf-8", "replace")
    text = text.replace(str(first), "first").replace(str(second), "second")
    return text[:_CHARACTERS] if done.returncode == _DIFFERS else ""
