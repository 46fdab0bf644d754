"""Greets whoever is named."""

from __future__ import annotations

import sys


def greeting(name: str) -> str:
    """What to say to ``name``."""
    return f"Hello, {name}!"


def main() -> int:
    """Greet the first argument, or the world."""
    sys.stdout.write(greeting(sys.argv[1] if len(sys.argv) > 1 else "world") + "\n")
    return 0
