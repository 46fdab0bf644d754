"""Programs and texts that builders use; each is an input of its own, so that a change in one reaches only its users."""

from __future__ import annotations

from pathlib import Path

import hermetica as hm


def read(name: str) -> str:
    """The text of a file of this directory."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def script(name: str) -> hm.Derivation:
    """A file of this directory as an object of the store."""
    return hm.text(name, read(name))
