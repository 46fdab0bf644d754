"""The page of a study in a real browser: rates, the matrix, details of a target; nothing leaves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hermetica.report import study_page
from hermetica.study.results import results_of
from tests.chromium import Chromium, chromium, missing_chromium
from tests.study.test_results import finished, log, many

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.skipif(bool(missing_chromium()), reason=missing_chromium() or "there is one")
EVIL = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser() -> Generator[Chromium]:
    with chromium() as found:
        yield found


def results() -> dict[str, Any]:
    return results_of(log(EVIL, "never", ended=finished(target=EVIL)))


def test_the_page_shows_rates_the_matrix_and_what_changes_a_target(browser: Chromium, tmp_path: Path) -> None:
    place = tmp_path / "study.html"
    place.write_text(study_page(results()), encoding="utf-8")
    page = browser.page(place)
    page.until("document.documentElement.dataset.ready")
    page.settle()
    assert page.text("h1") == "s"
    assert "0 of 1" in page.text("#rate-rows")
    states = page.evaluate(
        "[...document.querySelectorAll('#cells tbody tr:first-child td[data-state]')].map(it => it.dataset.state)"
    )
    assert states == ["none", "together", "alone", "together", "left out"]
    assert page.text("#details h2") == EVIL
    assert page.evaluate("document.images.length") == 0
    assert "changes with home (other); or with tz (ahead) and uid (2345) together" in page.text("#details")
    assert "needs tier T3" in page.text("#details")
    assert 'design = "bisect"' in page.evaluate("document.querySelector('#made-rows pre').textContent")
    assert "95 % Wilson score intervals" in page.text("#made-rows")
    page.evaluate("document.getElementById('cells').focus()")
    page.key("ArrowDown")
    assert page.text("#details h2") == "never"
    page.key("/")
    page.write("nev")
    assert page.text("#found") == "1 of 2 targets"
    page.key("Escape")
    assert page.text("#found") == "2 targets"
    assert page.errors == []
    assert page.requests == [place.resolve().as_uri()]


def test_factors_that_change_nothing_are_folded_and_names_lose_what_they_share(
    browser: Chromium, tmp_path: Path
) -> None:
    place = tmp_path / "study.html"
    found = results_of(log("./pkgs.py:app", "./pkgs.py:never", ended=finished(target="./pkgs.py:app")))
    place.write_text(study_page(found), encoding="utf-8")
    page = browser.page(place)
    page.until("document.documentElement.dataset.ready")
    rows = "[...document.querySelectorAll('#factor-rows > .rate .name')].map(it => it.innerText)"
    acting = [row["factor"] for row in found["factors"] if row["targets"]["hits"]]
    assert sorted(page.evaluate(rows)) == sorted(acting)
    idle = len(found["factors"]) - len(acting)
    assert page.text("#factor-rows summary").startswith(f"{idle} factor")
    assert page.evaluate("document.querySelectorAll('#factor-rows details .rate').length") == idle
    assert page.evaluate("[...document.querySelectorAll('#cells tbody th')].map(it => it.innerText)") == [
        "app",
        "never",
    ]
    assert page.text("#details h2") == "./pkgs.py:app"


def test_on_a_narrow_screen_nothing_sticks_out_and_the_details_stay_in_sight(browser: Chromium, tmp_path: Path) -> None:
    place = tmp_path / "study.html"
    place.write_text(study_page(results()), encoding="utf-8")
    page = browser.page(place, width=400, height=800)
    page.until("document.documentElement.dataset.ready")
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    page.click("#cells tbody tr:nth-child(2) th")
    assert page.text("#details h2") == "never"
    box = page.evaluate("(box => [box.top, box.bottom])(document.querySelector('#details h2').getBoundingClientRect())")
    assert 0 < box[0] < box[1] < 800


def test_builds_of_several_machines_are_told(browser: Chromium, tmp_path: Path) -> None:
    events = many({"again": {}, "home": {"out/a": "x"}})
    elsewhere = {**events[0], "host": {"hermetica": "2", "kernel": "other"}}
    place = tmp_path / "study.html"
    place.write_text(study_page(results_of([*events[:5], elsewhere, *events[5:]])), encoding="utf-8")
    page = browser.page(place)
    page.until("document.documentElement.dataset.ready")
    assert "Builds of 2 machines count alike" in page.text("#made-rows")
    assert page.errors == []


def test_an_empty_study_has_a_page(browser: Chromium, tmp_path: Path) -> None:
    place = tmp_path / "empty.html"
    place.write_text(study_page(results_of([])), encoding="utf-8")
    page = browser.page(place, dark=True)
    page.until("document.documentElement.dataset.ready")
    assert page.text("#found") == "0 targets"
    assert page.errors == []
