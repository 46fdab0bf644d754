"""Makes a program of a script of one file: executable, and run by a given interpreter.

Usage: ``adopt_script.py SCRIPT DESTINATION INTERPRETER``.
"""

from __future__ import annotations

import sys
from pathlib import Path


def adopted(content: bytes, interpreter: str) -> bytes:
    """The script with ``interpreter`` in its first line, in the place of another there or before what is there."""
    first, newline, rest = content.partition(b"\n")
    body = rest if first.startswith(b"#!") and newline else content
    return b"#!" + interpreter.encode() + b"\n" + body


def main() -> None:
    """Writes the program."""
    script, destination, interpreter = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    destination.parent.mkdir(parents=True)
    destination.write_bytes(adopted(script.read_bytes(), interpreter))
    destination.chmod(0o755)


if __name__ == "__main__":
    main()
