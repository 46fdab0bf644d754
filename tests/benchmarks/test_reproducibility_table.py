"""From printed lines to tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.reproducibility.case import named, read_cases
from benchmarks.reproducibility.errors import MalformedCase
from benchmarks.reproducibility.runs import FORMAT, tell
from benchmarks.reproducibility.scoring import Answer, mark, score
from benchmarks.reproducibility.table import causes, mistakes, packages, read, replaced, scores, side_by_side, write

if TYPE_CHECKING:
    from pathlib import Path


def marks(tool: str, *, right: bool) -> list[dict[str, Any]]:
    """The rows of a tool that is right of two cases, or says nothing."""
    cases = named(read_cases(), ["umask", "both-or-nothing"])
    of_cases = [mark(case, Answer(files=case.truths if right else {}, builds=20, wall_s=2.0)) for case in cases]
    rows = [{"row": "case", "tool": tool, "run": 1, **each.to_json()} for each in of_cases]
    return [*rows, {"row": "score", "tool": tool, "run": 1, "corpus": "core", **score(of_cases).to_json()}]


def test_a_line_that_is_told_is_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell("skipped", {"tool": "reprotest", "reason": "not installed: reprotest"})
    (tmp_path / "results").write_text(capsys.readouterr().out)
    (row,) = read([tmp_path / "results"])
    assert row == {"format": FORMAT, "row": "skipped", "tool": "reprotest", "reason": "not installed: reprotest"}


@pytest.mark.parametrize("line", ["{", "[]", json.dumps({"format": "other"})])
def test_a_line_of_something_else_is_refused_with_its_number(line: str, tmp_path: Path) -> None:
    (tmp_path / "results").write_text(f"{line}\n")
    with pytest.raises(MalformedCase, match="results:1: no line that a run printed"):
        read([tmp_path / "results"])


def test_a_score_is_a_row_with_intervals() -> None:
    row = scores(marks("hermetica", right=True))[-1]
    assert row.startswith("| hermetica | the first 44 | 1 | 2/2 (0.34-1.00) | 2/2 (0.34-1.00) |")
    assert row.endswith("| 20, at most 20 | 2 |")


def test_a_tool_that_is_absent_is_a_row_with_the_reason() -> None:
    assert "not installed" in scores([{"row": "skipped", "tool": "nix", "reason": "not installed: nix-build"}])[-1]


def test_cases_stand_beside_each_other_with_the_truth_in_front() -> None:
    rows = [*marks("hermetica", right=True), *marks("other", right=False)]
    assert side_by_side(rows)[-1] in {
        "| both-or-nothing | home+tz | exact | nothing |",
        "| umask | umask | exact | nothing |",
    }


def test_mistakes_are_those_of_one_tool() -> None:
    rows = [*marks("hermetica", right=True), *marks("other", right=False)]
    assert mistakes(rows, "hermetica") == ["none"]
    assert len(mistakes(rows, "other")) == 4


def rows_of_packages() -> list[dict[str, Any]]:
    """Two packages that differ, and are the same in the fixed world."""
    told = {"row": "package", "files": 2, "differing": ["a"], "failed": ""}
    return [
        {**told, "package": name, "setting": setting, "identical": same}
        for name in ("bc", "ed")
        for setting, same in (("naive", False), ("fixed", True))
    ]


def test_results_of_packages_alone_leave_the_tables_of_cases_as_they_are(tmp_path: Path) -> None:
    page, results = tmp_path / "page.md", tmp_path / "results"
    names = ("cases", "packages")
    page.write_text("".join(f"<!-- {name}: from results -->\n\nold\n\n<!-- end of {name} -->\n" for name in names))
    results.write_text("".join(json.dumps({"format": FORMAT, **row}) + "\n" for row in rows_of_packages()))
    write([results], page)
    cases, told = page.read_text().split("<!-- end of cases -->")
    assert "old" in cases
    assert "old" not in told
    assert "| **identical** | | **0 of 2** | **2 of 2** |" in told


def test_packages_are_summed_up_below() -> None:
    rows = rows_of_packages()
    assert packages(rows)[-2:] == ["| ed | 2 | 1 differ | identical |", "| **identical** | | **0 of 2** | **2 of 2** |"]


def test_causes_are_told_by_file() -> None:
    row = {"row": "causes", "package": "lz4", "files": {"lib/liblz4.a": ["locale+shell"]}, "failed": "", "builds": 30}
    assert causes([row])[-1] == "| lz4 | `lib/liblz4.a` | locale+shell | 30 |"


def test_a_table_of_a_page_is_replaced_between_its_marks_alone() -> None:
    page = "before\n<!-- a: from results -->\n\nold\n\n<!-- end of a -->\nafter\n"
    assert replaced(page, "a", ["new"]) == page.replace("old", "new")
    assert replaced(page, "b", ["new"]) == page
