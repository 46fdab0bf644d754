"""Where the command lines of tests evaluate: in a sandbox, as users do; not so under coverage, which cannot see it."""

from __future__ import annotations

import os


def evaluation_apart() -> dict[str, str]:
    """The variables that say so."""
    return {"HERMETICA_EVAL_SANDBOX": "never"} if "COVERAGE_PROCESS_CONFIG" in os.environ else {}
