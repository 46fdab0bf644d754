"""Which commands of tests coverage follows: those of the rooms' own tests, of which each line counts.

Not those that stand for a user's, nor those whose every step or system call is counted: coverage takes as much
processor time as the command itself, makes calls of its own, and cannot see into the sandbox in which users' modules
are evaluated.
"""

from __future__ import annotations

import os


def measured() -> dict[str, str]:
    """Variables of a command that is measured where the tests are: it evaluates where coverage sees it."""
    return {"HERMETICA_EVAL_SANDBOX": "never"} if "COVERAGE_PROCESS_CONFIG" in os.environ else {}


def unmeasured() -> dict[str, str]:
    """The environment of the tests, for a command that nothing measures."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
