"""Fixtures for the whole suite: where a real sandbox is needed, and stores that vanish."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hermetica_store import ObjectStore

# No test is timed: machines have other work to do. Speed belongs to benchmarks/.
settings.register_profile("hermetica", deadline=None)
settings.register_profile("same-examples", deadline=None, derandomize=True)  # a release is not held up by a new example
settings.load_profile(os.environ.get("HERMETICA_TEST_PROFILE", "hermetica"))

REQUIRED = os.environ.get("HERMETICA_REQUIRE_SANDBOX") == "1"


def pytest_configure(config: pytest.Config) -> None:
    os.umask(0o022)  # what tests write themselves has usual modes; those of another umask set it
    config.addinivalue_line("markers", "sandbox: needs bubblewrap and a static busybox; skipped without them")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [program for program in ("bwrap", "busybox") if shutil.which(program) is None]
    if not missing or REQUIRED:
        return
    skip = pytest.mark.skip(reason=f"not installed: {', '.join(missing)}")
    for item in items:
        if item.get_closest_marker("sandbox"):
            item.add_marker(skip)


@pytest.fixture
def object_store(tmp_path: Path) -> Iterator[ObjectStore]:
    """A fresh store on a real file system, closed at the end."""
    from hermetica_store import ObjectStore

    with ObjectStore.open(tmp_path / "store-root") as store:
        yield store
