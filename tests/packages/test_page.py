"""The page on package sets: its samples do what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import hermetica as hm

PAGE = Path(__file__).parents[2] / "docs/package-sets.md"
BLOCKS: list[str] = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
LISTING = re.compile(r"^\$ hermetica (ls .*)\n((?:-  .*\n)+)", re.MULTILINE)


def test_every_sample_runs_after_those_before_it() -> None:
    assert len(BLOCKS) >= 8
    names: dict[str, Any] = {"__name__": "pkgs"}
    with hm.evaluation():
        for block in BLOCKS:
            exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102 -- the samples of our own page


def test_the_listing_is_what_the_command_prints(tmp_path: Path) -> None:
    (tmp_path / "pkgs.py").write_text(BLOCKS[0], encoding="utf-8")
    found = LISTING.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    ended = subprocess.run(
        [sys.executable, "-m", "hermetica", *found[1].split()],
        cwd=tmp_path,
        env={**os.environ, "HERMETICA_STORE": str(tmp_path / "store")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == found[2]
