"""``python -m hermetica``: the same command as ``hermetica``."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # ``-m`` puts the working directory first, where a user's json.py would stand in for Python's own
    if sys.path and not __file__.startswith(f"{sys.path[0]}/"):
        del sys.path[0]
    from hermetica.cli.main import console

    console()
