"""``python -m hermetica``: the same command as ``hermetica``."""

from __future__ import annotations

from hermetica.cli.main import console

if __name__ == "__main__":
    console()
