"""The corpus: for each target a directory of inputs, seeds and what once went wrong. Every test run feeds them all."""

from __future__ import annotations

from pathlib import Path
from typing import Final

CORPUS: Final = Path(__file__).parent / "corpus"


def inputs(name: str) -> dict[str, bytes]:
    """The inputs of a target by file name, ascending."""
    directory = CORPUS / name
    files = sorted(directory.iterdir()) if directory.is_dir() else []
    return {file.name: file.read_bytes() for file in files}
