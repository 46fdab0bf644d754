"""Two stores: one with a closure in it, and one where it is to go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hermetica_store import ObjectStore
from tests.exchange.closures import Closure, fill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def closure(object_store: ObjectStore) -> Closure:
    """What the first store, ``object_store``, holds."""
    return fill(object_store)


@pytest.fixture
def other_store(tmp_path: Path) -> Iterator[ObjectStore]:
    """The second store, empty."""
    with ObjectStore.open(tmp_path / "other-root") as store:
        yield store
