"""The commands of the Makefile that touch what others made."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.behaviours.conftest import as_user, theirs  # noqa: F401 -- a fixture  # pyright: ignore[reportUnusedImport]

if TYPE_CHECKING:
    from collections.abc import Iterator

MAKEFILE = Path(__file__).parent.parent / "Makefile"


@pytest.fixture
def clone(theirs: Path) -> Iterator[Path]:  # noqa: F811 -- as pytest has it
    """A directory with nothing but the Makefile and a store of the demonstration, an ordinary user's."""
    shutil.copy(MAKEFILE, theirs)
    ended = as_user(
        ["sh", "-euc", "umask 022; mkdir -p .demo/store/hx-x/bin; echo > .demo/store/hx-x/bin/f; chmod -R a-w .demo"],
        cwd=theirs,
    )
    assert ended.returncode == 0, ended.stderr
    yield theirs
    shutil.rmtree(theirs / ".demo", ignore_errors=True)


@pytest.mark.skipif(not MAKEFILE.exists() or shutil.which("make") is None, reason="needs make and the Makefile")
def test_clean_removes_the_store_of_the_demonstration_though_its_objects_are_read_only(clone: Path) -> None:
    ended = as_user(["make", "clean"], cwd=clone)
    assert ended.returncode == 0, ended.stderr
    assert not (clone / ".demo").exists()
    again = as_user(["make", "clean"], cwd=clone)
    assert again.returncode == 0, again.stderr
