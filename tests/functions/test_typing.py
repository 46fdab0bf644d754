"""Builders under mypy and pyright, both strict: clean where callers are right, told where they are wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

RIGHT = """\
from __future__ import annotations
import hermetica as hm
from hermetica_derivations.environment import BASE_CXX
from hermetica_derivations.interpreter import DEBIAN_PYTHON

@hm.builder(python=BASE_CXX)
def report(out: hm.Out, data: hm.Input, *, title: str = "Report") -> None:
    (out.path / "index.html").write_text((data.path / "rows.csv").read_text() + title)

@hm.builder(python=DEBIAN_PYTHON, packages={"attrs": hm.text("attrs", "")})
def split(out: hm.Out, dev: hm.Out, doc: hm.Out, data: hm.Input, count: int, *more: str) -> None:
    dev.path.write_text(str(data.path))

page: hm.Derivation = report(hm.source("."), title="Q3")
pages: hm.Derivation = split(page, 3, "a", "b")
"""
WRONG = (
    "report(page, titel='Q3')",
    "report(page, title=3)",
    "report('text')",
    "report()",
    "split(page, 'many')",
    "split(page, page, 3)",
    "report(page).missing",
    "hm.builder(python=DEBIAN_PYTHON, pakages={})",
    "hm.builder(python=3)",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("checker", "options", "error"),
    [
        ("mypy", ("--strict", "--no-error-summary"), r"pkgs\.py:(\d+): error"),
        ("pyright", (), r"pkgs\.py:(\d+):\d+ - error"),
    ],
    ids=("mypy", "pyright"),
)
def test_each_wrong_call_is_told_and_nothing_else(
    tmp_path: Path, checker: str, options: tuple[str, ...], error: str
) -> None:
    if find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed")
    (tmp_path / "pkgs.py").write_text(RIGHT + "\n".join(WRONG) + "\n")
    (tmp_path / "pyproject.toml").write_text('[tool.pyright]\ntypeCheckingMode = "strict"\n')
    python = "--python-executable" if checker == "mypy" else "--pythonpath"
    command = [sys.executable, "-m", checker, *options, python, sys.executable, "pkgs.py"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    first = len(RIGHT.splitlines()) + 1
    told = {int(line) for line in re.findall(error, ended.stdout)}
    assert told == set(range(first, first + len(WRONG))), ended.stdout + ended.stderr
