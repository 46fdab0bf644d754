"""Fixtures of the tests that fetch: a server on loopback, and surroundings that lead nowhere else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.fetch.servers import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy, no netrc, and a home without settings."""
    for variable in list(os.environ):
        if variable.lower().endswith("_proxy") or variable == "NETRC":
            monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def server(bare_environment: None) -> Iterator[Server]:
    """A server that has nothing yet."""
    with Server() as each:
        yield each
