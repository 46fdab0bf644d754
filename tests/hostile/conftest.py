"""Builders that attack, with the fixtures of the sandbox's own tests and of the behaviours."""

from __future__ import annotations

from tests.behaviours.conftest import sh, store, store_root
from tests.sandbox.conftest import box

__all__ = ["box", "sh", "store", "store_root"]
