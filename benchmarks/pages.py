"""The page of a large run in a real browser: how long until it can be used, and whether it stays quick."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.measure import report
from hermetica.report import course_of, report_page
from tests.chromium import chromium, missing_chromium
from tests.report.runs import Made

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chromium import Page

_FRAMES: Final = 90
_LATE_MS: Final = 2 * 1000 / 60
_READY: Final = "document.documentElement.dataset.ready"
_PAN: Final = """
new Promise(done => {{
  const view = {view}, paint = view.surface.draw.bind(view.surface), took = [];
  view.surface.draw = () => {{ const began = performance.now(); paint(); took.push(performance.now() - began); }};
  const gaps = [];
  let left = {frames}, last = performance.now();
  const next = now => {{
    gaps.push(now - last);
    last = now;
    view.pan(left % 2 ? {by} : -{by}, 3);
    if (left--) requestAnimationFrame(next); else {{ view.surface.draw = paint; done([took, gaps.slice(2)]); }}
  }};
  requestAnimationFrame(next);
}})
"""
_SEARCH: Final = """
new Promise(done => {{
  const field = document.getElementById("search"), began = performance.now();
  field.value = "{text}";
  field.dispatchEvent(new Event("input"));
  const handled = performance.now() - began;
  requestAnimationFrame(() => requestAnimationFrame(() => done([handled, performance.now() - began])));
}})
"""


def pages(runs: int, *, smoke: bool) -> None:
    """A page of 5,000 derivations: opening it, moving its graph and timeline, searching."""
    count = 200 if smoke else 5000
    if reason := missing_chromium():
        report("pages", {"derivations": count, "runs": runs, "figures": {}, "skipped": {"chromium": reason}})
        return
    with tempfile.TemporaryDirectory(prefix="hermetica-bench-") as place:
        path = Path(place) / "run.html"
        began_s = time.perf_counter()
        course = course_of(Made(count, jobs=16, failing=900).events())
        text = report_page(course)
        made_s = time.perf_counter() - began_s
        path.write_text(text, encoding="utf-8")
        taken = [_opened(path) for _ in range(runs)]
    figures = {name: round(statistics.median(row[name] for row in taken), 2) for name in taken[0]}
    more = {"derivations": count, "runs": runs, "page_bytes": len(text.encode()), "made_s": round(made_s, 3)}
    report("pages", {**more, "figures": figures, "skipped": {}})


def _opened(path: Path) -> dict[str, float]:
    with chromium() as browser:
        page = browser.page(path)
        page.until(_READY)
        page.settle()
        row = {"interactive_ms": float(page.evaluate(_READY))}
        page.evaluate("document.getElementById('timeline').scrollIntoView()")
        row |= _panned(page, "timeline", "page.timeline", "0.002 * page.timeline.whole")
        page.evaluate("document.getElementById('graph').scrollIntoView()")
        page.until("page.drawing")
        began_ms = page.evaluate("performance.now()")
        page.until("page.drawing.picture && !page.drawing.job")
        row["graph_drawn_ms"] = float(page.evaluate("performance.now()")) - float(began_ms)
        row |= _panned(page, "graph", "page.drawing", "7")
        keys = [page.evaluate(_SEARCH.format(text=text)) for text in ("o", "op", "ope", "open", "opens", "")]
        row["key_handled_ms"] = max(key[0] for key in keys)
        row["key_shown_ms"] = statistics.median(key[1] for key in keys)
        if page.errors:
            raise RuntimeError(f"the page is broken, and its figures mean nothing: {page.errors}")
        return row


def _panned(page: Page, name: str, view: str, by: str) -> dict[str, float]:
    drawn, gaps = _numbers(page.evaluate(_PAN.format(view=view, frames=_FRAMES, by=by)))
    return {
        f"{name}_draw_ms": statistics.median(drawn),
        f"{name}_draw_worst_ms": max(drawn),
        f"{name}_frame_ms": statistics.median(gaps),
        f"{name}_frames_late": float(sum(gap > _LATE_MS for gap in gaps)),
    }


def _numbers(answer: Any) -> tuple[Sequence[float], Sequence[float]]:
    drawn, gaps = answer
    return drawn, gaps
