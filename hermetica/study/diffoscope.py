"""What diffoscope says of two files, where it is installed: it knows many more formats than we do.

It runs on the host, as the user, and reads what builds made: who does not trust those does not ask it.
Source: diffoscope(1); its status is 0 for no difference, 1 for some, anything else where it could not tell.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.realize.program import run_program

if TYPE_CHECKING:
    from hermetica.sandbox import Cancellation

FILES_MAX: Final = 3
"""Of each world, about so many files it is asked."""
TIMEOUT_S: Final = 60.0
_CHARACTERS: Final = 20_000
_TELLS: Final = (0, 1)


def find_diffoscope() -> str | None:
    """The program; None where it is not installed."""
    return shutil.which("diffoscope")


@attrs.frozen(kw_only=True)
class Diffoscope:
    """How it is asked.

    Attributes:
        program: its path.
        timeout_s: how long it may take over two files; it is ended then, with all that it has started.
    """

    program: str
    timeout_s: float = TIMEOUT_S

    def told(self, first: Path, second: Path, cancellation: Cancellation) -> str:
        """What it says of two files, or why it says nothing; empty where it sees no difference."""
        with tempfile.TemporaryDirectory(prefix="hermetica-diffoscope-") as place:
            report = Path(place, "report")
            words = ("--text", str(report), "--max-text-report-size", str(_CHARACTERS), "--no-progress")
            why = run_program(
                self.program,
                *words,
                str(first),
                str(second),
                stdin=b"",
                variables={},
                timeout_s=self.timeout_s,
                cancellation=cancellation,
                on_output=_unheard,
                fine=_TELLS,
            )
            if why is not None:
                return f"diffoscope {why}"
            text = report.read_text(encoding="utf-8", errors="replace") if report.exists() else ""
        return text.replace(os.fspath(first), "first").replace(os.fspath(second), "second")[:_CHARACTERS]


def _unheard(_output: bytes) -> None:
    """What it says beside its report."""
