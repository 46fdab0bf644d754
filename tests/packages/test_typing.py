"""Users' code under mypy and pyright, both strict: clean where it is right, and told where it is wrong."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hermetica as hm

PROJECT = Path(__file__).parent / "typed_project" / "pkgs.py"
CONFIG = '[tool.mypy]\nstrict = true\n[tool.pyright]\ntypeCheckingMode = "strict"\n'
HEADER = "import hermetica as hm\nfrom pkgs import Base, pkgs\n"
PLANTED = {  # what is wrong -> its code, and what mypy and pyright call it
    "an overlay with another result": (
        "class Wrong(Base):\n    @hm.package\n    def zlib(self) -> str:  # here\n        return 'zlib'",
        "override",
        "reportIncompatibleVariableOverride",
    ),
    "a name that the set lacks": ("name: str = pkgs.zlb.name  # here", "attr-defined", "reportAttributeAccessIssue"),
    "a field that no derivation has": (
        "pkgs.zlib.override_attrs(lambda d: {'envv': {}})  # here",
        "typeddict-unknown-key",
        "reportArgumentType",
    ),
    "a field of another type": (
        "pkgs.zlib.override_attrs(lambda d: {'env': {'level': 3}})  # here",
        "dict-item",
        "reportArgumentType",
    ),
    "an argument of another type": ("hm.derivation(name=3, builder='sh')  # here", "arg-type", "reportArgumentType"),
    "an argument that a set does not take": ("Base(sytem='x86_64-linux')  # here", "call-arg", "reportCallIssue"),
    "a package that is replaced in place": (
        "pkgs.zlib = pkgs.cc  # here",
        "assignment",
        "reportAttributeAccessIssue",
    ),
    "what a package makes, taken for something else": (
        "count: int = pkgs.wheel  # here",
        "assignment",
        "reportAssignmentType",
    ),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The typed project, and beside it a module with every error."""
    place = tmp_path_factory.mktemp("typed")
    shutil.copy(PROJECT, place)
    (place / "pyproject.toml").write_text(CONFIG)
    (place / "planted.py").write_text(HEADER + "\n".join(code for code, _, _ in PLANTED.values()) + "\n")
    return place


def expected(project: Path, column: int) -> set[tuple[str, int, str]]:
    """File, line and rule of every planted error."""
    lines = (project / "planted.py").read_text().splitlines()
    marked = [number for number, line in enumerate(lines, start=1) if line.endswith("# here")]
    return {("planted.py", line, case[column]) for line, case in zip(marked, PLANTED.values(), strict=True)}


@pytest.mark.slow
def test_mypy_finds_each_planted_error_and_nothing_else(project: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed")
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--cache-dir", str(project / "cache"), "."]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    found = re.findall(r"^([\w.]+):(\d+): error: .*\[([\w-]+)\]$", ended.stdout, re.MULTILINE)
    assert {(file, int(line), code) for file, line, code in found} == expected(project, 1), ended.stdout + ended.stderr


@pytest.mark.slow
def test_pyright_finds_each_planted_error_and_nothing_else(project: Path) -> None:
    pytest.importorskip("pyright", reason="pyright is not installed")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "."]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    found = {
        (Path(row["file"]).name, row["range"]["start"]["line"] + 1, row["rule"])
        for row in json.loads(ended.stdout)["generalDiagnostics"]
        if not row["rule"].startswith("reportUnknown")  # what follows from another
    }
    assert found == expected(project, 2), ended.stdout


def test_the_typed_project_evaluates_and_a_wrong_argument_to_override_is_told_then() -> None:
    from tests.packages.typed_project.pkgs import inner, mine, pkgs, static, wheels

    assert static.env["CFLAGS"] == "-O3"
    assert static.env["SHARED"] == "0"
    assert static.name == "zlib-1.3-mine"
    assert mine.zlib.name == static.name
    assert inner.env["SHARED"] == "1"
    assert [each.name for each in wheels.values()] == ["wheel-3.13"]
    assert pkgs.first_zlib.env["CC"] == f"{pkgs.busybox}/bin/cc"
    with pytest.raises(hm.EvaluationError, match="zlib takes no argument 'sharde'"):
        pkgs.zlib.override(sharde=False)
