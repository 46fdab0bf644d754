"""Builders that attack, in the sandbox of the sandbox's own tests."""

from __future__ import annotations

from tests.sandbox.conftest import box

__all__ = ["box"]
