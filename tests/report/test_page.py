"""The page of a run in a real browser: what it says, clicks, keys, searches; no error, no request leaves it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from hermetica.report import course_of, report_page
from tests.chromium import Chromium, Page, chromium, missing_chromium
from tests.report.runs import Made

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.skipif(bool(missing_chromium()), reason=missing_chromium() or "there is one")
READY = "document.documentElement.dataset.ready"
EVIL = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser() -> Generator[Chromium]:
    with chromium() as found:
        yield found


def opened(browser: Chromium, path: Path, count: int, failing: int = 0, **looks: bool) -> Page:
    course = course_of(Made(count, failing=failing).events())
    course.tasks[0].name = EVIL
    path.write_text(report_page(course), encoding="utf-8")
    page = browser.page(path, **looks)
    page.until(READY)
    page.settle()
    return page


def test_a_failed_run_is_read_clicked_and_searched(browser: Chromium, tmp_path: Path) -> None:
    page = opened(browser, tmp_path / "run.html", 120, failing=40)
    assert page.text("h1") == "pkgs.py:app"
    assert page.text("#result") == "✗ failed"
    assert "Error 1" in page.text("#failures article")
    names = page.evaluate("[...document.querySelectorAll('#failures h3 button')].map(it => it.innerText)")
    assert names == [f"✗ failed {Made.name(39)}", f"✗ failed {Made.name(119)}"]
    page.click("#failures h3 button")
    assert page.text("#details h2") in names[0]
    assert "pkgs.py:" in page.text("#details")
    assert "The end of its log" in page.text("#details")
    assert page.evaluate("document.querySelector('#table tr[aria-selected=true] .c-name').innerText") in names[0]
    page.key("/")
    page.write("openssl")
    found = [name for number in range(120) if "openssl" in (name := Made.name(number))]
    assert page.text("#found") == f"{len(found)} of 120 derivations"
    shown = page.evaluate("[...document.querySelectorAll('#table .c-name span')].map(it => it.innerText)")
    assert shown == found
    page.key("Escape")
    assert page.text("#found") == "120 derivations"
    assert page.errors == []
    assert page.requests == [(tmp_path / "run.html").resolve().as_uri()]


def test_a_name_that_is_markup_stays_text(browser: Chromium, tmp_path: Path) -> None:
    page = opened(browser, tmp_path / "run.html", 20)
    page.evaluate("page.select(0, true)")
    assert page.text("#details h2") == EVIL
    assert page.evaluate("document.images.length") == 0
    assert page.errors == []


def test_columns_sort_and_keys_go_through_the_rows(browser: Chromium, tmp_path: Path) -> None:
    page = opened(browser, tmp_path / "run.html", 60)
    page.click("#table th.c-size button")
    sizes = "page.table.rows.map(task => task.size_bytes)"
    assert page.evaluate(f"{sizes}.slice(0, 3)") == [60_000, 59_000, 58_000]
    assert page.evaluate("document.querySelector('th.c-size').getAttribute('aria-sort')") == "descending"
    page.click("#table th.c-size button")
    assert page.evaluate(f"{sizes}.slice(0, 2)") == [1000, 2000]
    page.evaluate("document.getElementById('table').focus()")
    page.key("ArrowDown")
    page.key("ArrowDown")
    assert page.text("#details h2") == Made.name(1)


def test_a_click_on_a_bar_and_on_a_node_selects_it_in_every_view(browser: Chromium, tmp_path: Path) -> None:
    page = opened(browser, tmp_path / "run.html", 60)
    page.evaluate("document.getElementById('timeline').scrollIntoView()")
    x, y, name = page.evaluate(
        "(() => { const long = page.timeline.tasks.reduce((a, b) => a.took_s > b.took_s ? a : b), it = page.timeline;"
        " return [it.x((long.started_s + long.ended_s) / 2), it.top + (it.row(long) + .5) * it.lane, long.name]; })()"
    )
    page.click("#timeline-view", x, y)
    assert page.text("#details h2") == name
    page.evaluate("document.getElementById('graph').scrollIntoView()")
    page.until("page.drawing && page.drawing.picture && !page.drawing.job")
    x, y, name = page.evaluate(
        "(() => { const it = page.drawing, node = it.nodes[42], view = it.view;"
        " return [(node.x - view.left) * view.scale, (node.y - view.top) * view.scale, node.name]; })()"
    )
    page.click("#graph-view", x, y)
    assert page.text("#details h2") == name
    assert page.evaluate("page.timeline.chosen") == page.evaluate("page.table.chosen") == 42
    page.key("ArrowDown")
    assert page.evaluate("page.report.tasks[42].inputs.includes(page.chosen)")
    assert page.errors == []


def test_the_largest_of_the_closure_is_in_the_treemap_and_leads_to_its_derivation(
    browser: Chromium, tmp_path: Path
) -> None:
    page = opened(browser, tmp_path / "run.html", 60)
    page.evaluate("document.getElementById('closure').scrollIntoView()")
    page.until("page.treemap && page.treemap.boxes.length")
    areas = page.evaluate("page.treemap.boxes.map(box => box.width * box.height)")
    whole = page.evaluate("page.treemap.surface.width * page.treemap.surface.height")
    assert len(areas) == 15
    assert sum(areas) == pytest.approx(whole, rel=0.01)
    page.click("#closure-view", 20, 20)
    assert page.text("#details h2") == Made.name(56)


def test_five_thousand_derivations_keep_few_rows_and_a_picture_that_moves(browser: Chromium, tmp_path: Path) -> None:
    page = opened(browser, tmp_path / "run.html", 5000, failing=900, dark=True)
    assert page.evaluate("document.querySelectorAll('#table tbody tr').length") < 80
    page.evaluate("document.getElementById('graph').scrollIntoView()")
    page.until("page.drawing && page.drawing.picture && !page.drawing.job")
    page.evaluate("document.getElementById('graph-view').focus()")
    before = hashlib.sha256(page.screenshot()).hexdigest()
    page.key("+")
    page.until("!page.drawing.job && !page.drawing.isStale")
    assert hashlib.sha256(page.screenshot()).hexdigest() != before
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)"
    assert page.errors == []
    assert len(page.requests) == 1


def test_on_paper_every_row_is_there_and_the_graph_is_whole(browser: Chromium, tmp_path: Path) -> None:
    page = opened(browser, tmp_path / "run.html", 300, dark=True)
    assert page.evaluate("page.drawing") is None
    page.command("Emulation.setEmulatedMedia", media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.querySelectorAll('#table tr[data-number]').length") == 300
    assert page.evaluate("page.drawing.picture !== null && page.drawing.fitted")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(247, 247, 244)"
    page.command("Emulation.setEmulatedMedia", media="")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.settle()
    assert page.evaluate("document.querySelectorAll('#table tr[data-number]').length") < 80
    assert page.errors == []


def test_a_run_that_had_nothing_to_do_says_so(browser: Chromium, tmp_path: Path) -> None:
    course = course_of(list(Made(10).events())[:1])
    course.reused, course.is_over = 12, True
    path = tmp_path / "run.html"
    path.write_text(report_page(course), encoding="utf-8")
    page = browser.page(path)
    page.until(READY)
    assert page.text("#empty") == "Nothing had to be done: all 12 derivations were in the store."
    assert page.evaluate("document.getElementById('timeline').hidden")
    assert page.errors == []
