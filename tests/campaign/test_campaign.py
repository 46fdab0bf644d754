"""The campaign itself: short here, and able to find what it looks for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.measuring import unmeasured

CANNOT = 77
ROOT = Path(__file__).parents[2]


def campaign(*arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit status, figures, and what was lost."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.campaign", *arguments],
        cwd=ROOT,
        env=unmeasured(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if ended.returncode == CANNOT:
        pytest.skip(ended.stderr.strip())
    return ended.returncode, json.loads(ended.stdout.splitlines()[-1]), ended.stderr


def test_nothing_is_lost_by_kills() -> None:
    status, figures, lost = campaign("--kills", "15", "--seed", "7")
    assert (status, lost) == (0, "")
    assert figures["kills"] == 15
    assert figures["objects_checked"] > 50


@pytest.mark.parametrize("plant", ["lease-not-rechecked", "commit-before-rename"])
def test_a_planted_bug_is_found_by_kills(plant: str) -> None:
    only = "collect,hold,add-texts,rewrite"
    status, figures, lost = campaign("--kills", "1000", "--seed", "7", "--plant", plant, "--only", only)
    assert status == 1
    assert figures["lost"]
    # seen by the judge, or by a process that needs what went
    assert any(words in lost for words in ("is gone", "cannot be read", "is not in the store")), lost


def test_nothing_is_lost_by_losses_of_power() -> None:
    status, figures, lost = campaign("power", "--prefixes", "4", "--seed", "7")
    assert (status, lost) == (0, "")
    assert figures["states"] == 20


def test_a_planted_bug_is_found_by_losses_of_power() -> None:
    status, figures, lost = campaign("power", "--prefixes", "100", "--seed", "7", "--plant", "skip-fsync")
    assert status == 1
    assert figures["lost"]
    assert "is registered" in lost or "registered with" in lost or "promised" in lost
