"""The page on builders in Python: its module evaluates and builds as it stands there."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import pytest

import hermetica as hm
from hermetica.cli.modules import load_file
from tests.house.code import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs/python-builders.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def module(tmp_path: Path) -> Any:
    (tmp_path / "rows.csv").write_text("b,2\na,1\n")
    (tmp_path / "shapes.py").write_text("def rectangle(width, height): return width * height\n")
    (tmp_path / "pkgs.py").write_text("\n".join(BLOCKS))
    return load_file(tmp_path / "pkgs.py")


def test_what_the_page_shows_is_a_module(module: Any) -> None:
    assert len(BLOCKS) == 3
    assert (module.page.name, module.page.outputs) == ("report", ("out",))
    assert module.parts.outputs == ("out", "index")
    assert "shapes" in {source.path.name for source in module.square.sources}


@pytest.mark.sandbox
@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("HERMETICA_TEST_FETCH") != "1", reason="fetches 12 MB; set HERMETICA_TEST_FETCH=1")
def test_what_the_page_shows_builds(module: Any, tmp_path: Path) -> None:
    with hm.Store.open(tmp_path / "store") as store:
        made = store.realize_all([module.page, module.parts, module.square])
        page, parts, square = (store.on_disk(made[each].out) for each in (module.page, module.parts, module.square))
        assert (page / "index.html").read_text() == "<h1>Q3</h1> 2 rows"
        assert parts.read_text() == "a,1\nb,2\n"
        assert square.read_text() == "9\n"
