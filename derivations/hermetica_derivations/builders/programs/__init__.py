"""Python programs that builders run inside the sandbox; each needs the standard library alone, and is an input itself.

They are modules too, so that their parts can be tested without a sandbox.
"""

from __future__ import annotations

from importlib import resources

import hermetica as hm


def program(name: str) -> hm.Derivation:
    """A program of this directory as an object of the store."""
    return hm.text(name, (resources.files(__name__) / name).read_text(encoding="utf-8"))
