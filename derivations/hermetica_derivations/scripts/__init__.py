"""Shell scripts that builders run; each is an input of its own, so that a change in one reaches only its users."""

from __future__ import annotations

from importlib import resources

import hermetica as hm


def script(name: str) -> hm.Derivation:
    """A script of this directory as an object of the store."""
    return hm.text(name, (resources.files(__name__) / name).read_text(encoding="utf-8"))
