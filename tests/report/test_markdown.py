"""The summary of a run in Markdown: what failed, where the time went; nothing that a builder says becomes markup."""

from __future__ import annotations

import re

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.realize import Event, LogText
from hermetica.report import course_of, summary
from tests.report.runs import Made


def with_log(text: str) -> str:
    events: list[Event] = []
    for event in Made(20, failing=10).events():
        if isinstance(event, LogText) and event.drv == Made.drv(9):
            events.append(attrs.evolve(event, text=text))
        else:
            events.append(event)
    return summary(course_of(events))


def rendered(text: str) -> str:
    markdown = pytest.importorskip("markdown_it")  # comes with what makes the documentation
    return str(markdown.MarkdownIt("commonmark").render(text))


def test_a_failed_run_says_what_failed_and_how_its_log_ended() -> None:
    text = summary(course_of(Made(60, failing=20).events()))
    head, _, counts = text.splitlines()[:3]
    assert head == "### ❌ pkgs.py:app: failed"
    assert re.fullmatch(r"\d+ built, \d+ fetched, \d failed, 12 reused in [\d.]+ s", counts)
    assert f"**{Made.name(19)}** HM000 {Made.name(19)}: exit 2" in text
    assert "make: \\*\\*\\*" not in text
    assert "make: *** [main.o] Error 1" in text
    assert "| step | took |" in text


def test_a_run_that_succeeded_is_short() -> None:
    text = summary(course_of(Made(30).events()))
    assert text.startswith("### ✅ pkgs.py:app: succeeded\n")
    assert len(text.splitlines()) < 30


@given(st.text(alphabet="`~<>/adetils\n#|\\x1b[0m!", max_size=200))
def test_no_log_ends_its_block(log: str) -> None:
    html = rendered(with_log(f"{log}\nHERE `````` </details><script>\n"))
    assert html.count("<details") == html.count("</details>")
    assert "<script>" not in html
    assert re.search(r"<pre><code>(?:(?!</code>).)*HERE `````` &lt;/details&gt;", html, re.DOTALL)


@given(st.text(min_size=1, max_size=60))
def test_no_name_is_markup(name: str) -> None:
    course = course_of(Made(12, failing=6).events())
    course.tasks[5].name = name
    course.targets = (name,)
    html = rendered(summary(course))
    html = re.sub(r"<code>pkgs[^<]*</code>|<pre>.*?</pre>", "", html, flags=re.DOTALL)
    assert not re.search(r"<(a|img|script|em|code|ul|ol|hr)\b", html)
