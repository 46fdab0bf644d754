"""The model's tests: a fresh evaluation each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hermetica.model import evaluation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermetica.model import Evaluation


@pytest.fixture(autouse=True)
def scope() -> Iterator[Evaluation]:
    """An evaluation that ends with the test."""
    with evaluation() as fresh:
        yield fresh
