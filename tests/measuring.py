"""Which commands of tests coverage follows: those of the rooms' own tests, of which each line counts.

Not those that stand for a user's, nor those whose every step or system call is counted: coverage takes as much
processor time as the command itself, makes calls of its own, and cannot see into the sandbox in which users' modules
are evaluated.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def measured() -> dict[str, str]:
    """Variables of a command that is measured where the tests are: it evaluates where coverage sees it."""
    return {"HERMETICA_EVAL_SANDBOX": "never"} if "COVERAGE_PROCESS_CONFIG" in os.environ else {}


def unmeasured(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """An environment, by default that of the tests, for a command that nothing measures."""
    ours = measured()
    return {name: value for name, value in environment.items() if name not in ours and not name.startswith("COVERAGE_")}
