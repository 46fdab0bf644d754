"""Two stores: one with a closure in it, and one where it is to go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hermetica_store import ObjectStore
from hermetica_store.exchange import SecretKey
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


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Where a binary cache is to be."""
    return tmp_path / "cache"


@pytest.fixture
def key() -> SecretKey:
    """What signs it."""
    pytest.importorskip("cryptography", reason="the extra that signs is not installed")
    return SecretKey.of_seed("test-1", bytes(32))
