"""The wheel as it is shipped: three import packages, typed, and nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"hermetica", "hermetica_store", "hermetica_derivations"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel named by ``HERMETICA_WHEEL``, else one built from the tree beside these tests."""
    if named := os.environ.get("HERMETICA_WHEEL"):
        return zipfile.ZipFile(named)
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("there is no source tree here, and HERMETICA_WHEEL names no wheel")
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = directory.glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_installs_exactly_three_import_packages(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES


def test_the_wheel_is_typed(wheel: zipfile.ZipFile) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(wheel.namelist())


def test_the_wheel_holds_no_tests_and_no_bytecode(wheel: zipfile.ZipFile) -> None:
    ours = [name for name in wheel.namelist() if "/templates/" not in name]  # projects, with tests of their own
    assert not [name for name in ours if re.search(r"(^|/)tests?/|conftest", name)]
    assert not [name for name in wheel.namelist() if re.search(r"\.pyc$|__pycache__", name)]


def test_every_module_but_those_of_templates_can_be_imported_by_its_place(wheel: zipfile.ZipFile) -> None:
    modules = [name for name in wheel.namelist() if name.endswith(".py") and "/templates/" not in name]
    assert modules
    assert not [name for name in modules if not all(part.isidentifier() for part in name[:-3].split("/"))]


def test_the_wheel_carries_the_command_and_may_not_be_uploaded(wheel: zipfile.ZipFile) -> None:
    (metadata,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    text = wheel.read(metadata).decode()
    assert "\nName: hermetica-build\n" in text
    assert "\nClassifier: Private :: Do Not Upload\n" in text
    assert b"hermetica = hermetica.cli.main:console" in wheel.read(metadata.replace("METADATA", "entry_points.txt"))


def test_the_wheel_needs_exactly_four_packages(wheel: zipfile.ZipFile) -> None:
    (metadata,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    declared = re.findall(r"^Requires-Dist: ([\w-]+)(.*)", wheel.read(metadata).decode(), flags=re.MULTILINE)
    assert sorted(name for name, rest in declared if "extra ==" not in rest) == ["attrs", "blake3", "lmdb", "zstandard"]
    assert sorted(name for name, rest in declared if "extra ==" in rest) == ["cryptography", "packaging", "pyarrow"]
