"""What the code imports, and when."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.house.code import PACKAGES, Module, imports, modules

DEPENDENCIES = frozenset(["attr", "attrs", "blake3", "lmdb", "zstandard"])
EXTRAS = {  # what an extra of the distribution brings
    "hermetica.fetch.locking.target": frozenset(["packaging"]),
    "hermetica_store.exchange.signing": frozenset(["cryptography"]),
    "hermetica.pytest_plugin": frozenset(["pytest"]),  # which loads it
}
LIBRARIES = ("lmdb", "zstandard", "blake3", "subprocess", "asyncio")
HEAVY = frozenset([*LIBRARIES, "hermetica_store", "hermetica.model", "hermetica.realize"])

every_module = pytest.mark.parametrize("module", modules(), ids=[module.name for module in modules()])


@every_module
def test_the_core_needs_four_packages_and_the_standard_library(module: Module) -> None:
    allowed = DEPENDENCIES | PACKAGES.keys() | sys.stdlib_module_names | EXTRAS.get(module.name, frozenset())
    foreign = [f"{module.where}:{found.line} {found.module}" for found in imports(module) if found.top not in allowed]
    assert not foreign


@every_module
def test_imports_are_absolute(module: Module) -> None:
    assert not [found for found in imports(module) if found.module.startswith(".")]


def test_importing_hermetica_loads_nothing_heavy() -> None:
    question = "import sys; before = set(sys.modules); import hermetica; print(*(set(sys.modules) - before))"
    answer = subprocess.run([sys.executable, "-c", question], check=True, capture_output=True, text=True)
    loaded = set(answer.stdout.split())
    assert "hermetica" in loaded
    assert not loaded & HEAVY
