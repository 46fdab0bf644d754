"""The model's tests: a fresh evaluation each, and no deadline, for machines with other work to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from hermetica.model import evaluation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermetica.model import Evaluation

settings.register_profile("model", deadline=None)
settings.load_profile("model")


@pytest.fixture(autouse=True)
def scope() -> Iterator[Evaluation]:
    """An evaluation that ends with the test."""
    with evaluation() as fresh:
        yield fresh
