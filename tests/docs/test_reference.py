"""The reference is whole: what is public, goes wrong, is told and can be set occurs in the built pages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica import study
from hermetica.config.settings import SETTINGS
from tests.house.code import ROOT
from tests.house.test_errors import error_classes

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
pytest.importorskip("sphinx", reason="the tools of the documentation are not installed: make docs installs them")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of the reference, built as all are."""
    out = tmp_path_factory.mktemp("site")
    pages = ["api.md", "events.md", "plugins.md", "reference/*.md"]
    chosen = ["-D", f"include_patterns={','.join(pages)}", "-D", "root_doc=api", "-D", "suppress_warnings=toc,myst"]
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", *chosen, "-j", "1", str(ROOT / "docs"), str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return out


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    text = (site / "api.html").read_text(encoding="utf-8")
    modules = {"aio": "hermetica.aio.open_store", "plugins": "plugins.html"}
    assert [name for name in hm.__all__ if modules.get(name, f'id="hermetica.{name}"') not in text] == []


def test_every_public_name_of_studies_is_in_the_reference(site: Path) -> None:
    text = (site / "api.html").read_text(encoding="utf-8")
    assert [name for name in study.__all__ if f'id="hermetica.study.{name}"' not in text] == []


def test_every_error_code_is_in_the_reference_with_what_it_means(site: Path) -> None:
    text = (site / "reference/errors.html").read_text(encoding="utf-8")
    found = re.findall(r'<section id="(hm\d{3})">', text)
    assert found == [kind.code.lower() for kind in error_classes()]
    assert "first ask why upstream changed" in text


def test_every_event_and_each_of_its_fields_is_in_the_reference(site: Path) -> None:
    text = re.sub(r"<[^>]+>", " ", (site / "events.html").read_text(encoding="utf-8"))
    words = set(re.findall(r"[\w-]+", text))
    kinds = json.loads((ROOT / "docs/events.schema.json").read_text(encoding="utf-8"))["$defs"]
    assert {*kinds, *(field for form in kinds.values() for field in form["properties"])} - words == set()


def test_every_setting_is_in_the_reference_with_what_it_means(site: Path) -> None:
    rows = re.findall(r"<tr.*?</tr>", (site / "reference/settings.html").read_text(encoding="utf-8"), re.DOTALL)
    cells = [
        [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td>(.*?)</td>", row, re.DOTALL)] for row in rows
    ]
    said = {row[0].replace("[gc] ", "gc_"): row[1:] for row in cells if row}
    assert set(SETTINGS) <= set(said)
    assert [key for key in SETTINGS if not all(said[key])] == []
