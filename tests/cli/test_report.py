"""Errors as blocks: goldens. A change here is seen by everyone who reads an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hermetica.cli.console import Console, Paint, clean
from hermetica.cli.report import block, error_document, report_any
from hermetica.errors import EvaluationError, HermeticaError

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = Paint(enabled=False)


def test_an_error_says_what_where_the_facts_aligned_and_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = EvaluationError(
        "zlib-1.3.1.tar.gz: hash mismatch",
        details=(("expected", "sha256 9a93"), ("got", "sha256 d7a0\n(1.5 MB, gzip)")),
        hint="first ask why upstream changed",
        origin=f"{tmp_path}/pkgs.py:12",
    )
    assert block(error, PLAIN) == [
        "error[HM200] zlib-1.3.1.tar.gz: hash mismatch",
        "  --> pkgs.py:12",
        "  expected  sha256 9a93",
        "  got       sha256 d7a0",
        "            (1.5 MB, gzip)",
        "  fix       first ask why upstream changed",
    ]


def test_a_long_label_does_not_push_the_others_away() -> None:
    error = HermeticaError("x", details=(("https://example.org/x.tar.gz", "404"), ("got", "y")), hint="z")
    assert block(error, PLAIN)[1:] == ["  https://example.org/x.tar.gz  404", "  got  y", "  fix  z"]


def test_the_end_of_a_log_follows_with_a_bar() -> None:
    error = HermeticaError("app: the builder ended with status 1")
    error.log_tail = "cc -c a.c\n\x1b[2Ja.c:1: error\x07"  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue] -- as errors of builds have
    assert block(error, PLAIN) == [
        "error[HM000] app: the builder ended with status 1",
        "  | cc -c a.c",
        "  | a.c:1: error",
    ]


def test_colour_says_nothing_alone() -> None:
    error = EvaluationError("x", details=(("cause", "y"),), hint="z", origin="f:1")
    colored = block(error, Paint(enabled=True))
    assert colored != block(error, PLAIN)
    assert [clean(line) for line in colored] == block(error, PLAIN)


def test_an_error_as_json_has_every_part_and_the_status() -> None:
    error = EvaluationError("x", details=(("cause", "y"),), hint="z", origin="f:1")
    assert error_document(error) == {
        "format": "hermetica.error/1",
        "code": "HM200",
        "class": "EvaluationError",
        "message": "x",
        "details": [["cause", "y"]],
        "hint": "z",
        "origin": "f:1",
        "via": [],
        "status": 3,
        "status_name": "evaluation",
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é", "plain é"),
        ("tab\there", "tab\there"),
        ("10%\r20%\r100%", "100%"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("a\x1b[2J\x1b]0;title\x07b\x00\x9bc", "abc"),
    ],
)
def test_foreign_text_cannot_move_the_cursor(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_colours_of_a_log_may_stay_and_always_end() -> None:
    assert clean("\x1b[31mred\x1b[K", keep_color=True) == "\x1b[31mred\x1b[0m"


def test_what_is_no_error_of_ours_is_a_defect_and_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 / 0
    assert report_any(caught.value, Console()) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error[HM001] internal error: ZeroDivisionError: division by zero"
    assert "test_report.py:" in lines[1]
    assert lines[2].startswith("  fix  please report it")
