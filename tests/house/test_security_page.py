"""The page on security names only tests that exist."""

from __future__ import annotations

import re

import pytest

from tests.house.code import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/.]+|test_\w+(?:…|\.py))`", PAGE)))


@pytest.mark.parametrize("name", NAMED)
def test_every_test_that_the_page_names_exists(name: str) -> None:
    if name.startswith("tests/"):
        assert (ROOT / name).exists()
    elif name.endswith(".py"):
        assert list((ROOT / "tests").rglob(name))
    else:
        start = f"def {name.removesuffix('…')}"
        assert any(start in path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "behaviours").glob("*.py"))


def test_every_line_of_its_tables_names_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not re.match(r"\| (attack|what) \|", line)]
    assert len(rows) > 30
    assert [row for row in rows if not re.search(r"`tests?[/_]", row)] == []
