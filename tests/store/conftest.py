"""No test of the store leaves a process behind, whatever it ends of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.store.processes import STARTED, kill

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    """Kills what a test that failed had started."""
    yield
    while STARTED:
        process = STARTED.pop()
        if process.returncode is None:
            kill(process)
