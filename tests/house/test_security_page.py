"""The page on security names only tests that exist."""

from __future__ import annotations

import re

from tests.house.code import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/.]+|test_\w+(?:…|\.py))`", PAGE)))


def exists(name: str) -> bool:
    """Whether there is a test that the page may mean by ``name``."""
    if name.startswith("tests/"):
        return (ROOT / name).exists()
    if name.endswith(".py"):
        return any((ROOT / "tests").rglob(name))
    start = f"def {name.removesuffix('…')}"
    behaviours = (ROOT / "tests" / "behaviours").glob("*.py")
    return any(start in path.read_text(encoding="utf-8") for path in behaviours)


def test_every_test_that_the_page_names_exists() -> None:
    assert [name for name in NAMED if not exists(name)] == []


def test_every_line_of_its_tables_names_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not re.match(r"\| (attack|what) \|", line)]
    assert len(rows) > 30
    assert [row for row in rows if not re.search(r"`tests?[/_]", row)] == []
