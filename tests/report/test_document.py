"""What the page of a run shows, before there is any page: the result, the counts, the logs, the closure, the places."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hermetica.realize import DerivationFinished, RunFinished
from hermetica.report import course_of, report_page
from hermetica.report.document import COLUMNS, LOG_CHARACTERS, report_document, title_of
from hermetica.report.layout import layered
from tests.report.runs import Made


def rows_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in document["tasks"]]


def test_the_head_says_how_it_ended_and_counts_each_derivation_once() -> None:
    document = report_document(course_of(Made(60, failing=20).events()))
    assert document["result"] == "failed"
    assert sum(document["counts"].values()) == 60
    assert document["counts"]["fetched"] + document["counts"]["built"] < 60
    assert (document["targets"], document["jobs"], document["reused"]) == (["pkgs.py:app"], 8, 12)
    assert report_document(course_of(Made(30).events()))["result"] == "succeeded"


def test_a_run_without_its_end_is_unfinished_and_one_that_was_stopped_is_cancelled() -> None:
    events = list(Made(30).events())
    assert report_document(course_of(events[:-2]))["result"] == "unfinished"
    begun = [each for each in events if not isinstance(each, DerivationFinished)]
    ended = [each for each in events if isinstance(each, RunFinished)]
    stopped = report_document(course_of([*begun[:32], *ended]))
    assert stopped["result"] == "cancelled"
    assert stopped["counts"]["dependency-failed"]


def test_the_critical_path_is_a_chain_and_no_longer_than_the_run() -> None:
    document = report_document(course_of(Made(200).events()))
    rows = rows_of(document)
    for one, other in zip(document["critical"], document["critical"][1:], strict=False):
        assert one in rows[other]["inputs"]
    assert 0 < document["critical_s"] <= document["duration_s"] + 1e-6


def test_logs_of_failures_are_there_and_those_of_successes_have_a_limit() -> None:
    course = course_of(Made(60, failing=20).events())
    for task in course.tasks[:3]:
        task.log = "x" * LOG_CHARACTERS
    rows = rows_of(report_document(course))
    failed = [row for row in rows if row["state"] == "failed"]
    assert failed
    assert all(row["log"].endswith("Error 1") for row in failed)
    assert sum(len(row["log"]) for row in rows if row["state"] != "failed") <= LOG_CHARACTERS


def test_the_closure_is_in_order_of_size_and_says_what_was_asked_for() -> None:
    closure = report_document(course_of(Made(40).events()))["closure"]
    sizes = [size for _, size, _ in closure]
    assert sizes == sorted(sizes, reverse=True)
    assert [asked for _, _, asked in closure].count(True) == 1


def test_what_is_defined_below_the_directory_is_told_by_its_path_from_there() -> None:
    course = course_of(Made(3).events())
    course.tasks[0].origin, course.tasks[1].origin = "/home/me/shop/pkgs.py:7", "/home/me/shopping/pkgs.py:7"
    rows = rows_of(report_document(course, "/home/me/shop"))
    assert [row["origin"] for row in rows[:2]] == ["pkgs.py:7", "/home/me/shopping/pkgs.py:7"]


def test_a_title_names_a_few_targets_and_counts_the_rest() -> None:
    course = course_of(Made(10).events())
    course.targets = ("a", "b", "c", "d", "e")
    assert title_of(course) == "a, b, c and 2 more"


def test_no_name_breaks_out_of_the_page_and_nothing_in_it_is_loaded_from_anywhere() -> None:
    course = course_of(Made(10).events())
    evil = "</script><script>alert(1)</script><!-- @SCRIPT@ \udcff"
    course.targets = (evil, "a<b>&\"c'")
    course.tasks[0].name = course.tasks[0].why = course.tasks[1].log = evil
    text = report_page(course)
    assert text.count("</script>") == 2
    assert "alert(1)</script>" not in text
    assert "<!--" not in text
    assert not re.search(r"\b(src|srcset|href)\s*=\s*[\"'](?!#)|url\(|@import|https?://", text)
    assert "default-src 'none'" in text
    assert "unsafe-inline" not in text
    data = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    assert rows_of(json.loads(data[1]))[0]["name"] == evil


@given(
    st.integers(1, 40).flatmap(
        lambda count: st.tuples(st.just(count), st.sets(st.tuples(*[st.integers(0, count - 1)] * 2), max_size=80))
    )
)
def test_layers_lie_below_what_uses_them_and_no_two_nodes_share_a_place(
    drawn: tuple[int, set[tuple[int, int]]],
) -> None:
    count, pairs = drawn
    edges = [(user, used) for user, used in sorted(pairs) if used < user]
    places = layered(count, edges)
    assert len(set(places)) == count
    assert all(places[user][1] < places[used][1] for user, used in edges)


def test_a_wide_layer_is_broken_into_lines_that_fill_a_screen() -> None:
    places = layered(5001, [(5000, used) for used in range(5000)])
    columns = {column for column, _ in places}
    assert max(columns) - min(columns) <= 200
    assert len({row for _, row in places}) > 40
