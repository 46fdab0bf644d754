"""Data of coverage that a killed process left half written is left out; where much is damaged, nothing is."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.house.code import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("damaged", "status"), [(1, 0), (6, 1)])
def test_what_is_damaged_is_left_out_unless_it_is_much(tmp_path: Path, damaged: int, status: int) -> None:
    for number in range(8):
        with sqlite3.connect(tmp_path / f"data.{number}") as data:
            data.execute("CREATE TABLE rows (text TEXT)")
            data.executemany("INSERT INTO rows VALUES (?)", [("x" * 100,)] * 200)
        data.close()
    for number in range(damaged):
        path = tmp_path / f"data.{number}"
        path.write_bytes(path.read_bytes()[:4096] + bytes(4096) + path.read_bytes()[8192:])
    words = [sys.executable, str(ROOT / "scripts" / "whole_coverage.py"), str(tmp_path)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == status
    assert "data.0" in ended.stdout + ended.stderr
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {f"data.{number}" for number in range(0 if status else damaged, 8)}
