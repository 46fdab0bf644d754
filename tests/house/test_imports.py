"""What the code imports, and when."""

from __future__ import annotations

import subprocess
import sys

from tests.house.code import PACKAGES, modules

DEPENDENCIES = frozenset(["attr", "attrs", "blake3", "lmdb", "zstandard"])
EXTRAS = {  # what an extra of the distribution brings
    "hermetica.fetch.locking.target": frozenset(["packaging"]),
    "hermetica_store.exchange.signing": frozenset(["cryptography"]),
    "hermetica.pytest_plugin": frozenset(["pytest"]),  # which loads it
}
LIBRARIES = ("lmdb", "zstandard", "blake3", "subprocess", "asyncio")
HEAVY = frozenset([*LIBRARIES, "hermetica_store", "hermetica.model", "hermetica.realize"])


def test_the_core_needs_four_packages_and_the_standard_library() -> None:
    core = DEPENDENCIES | PACKAGES.keys() | sys.stdlib_module_names
    foreign = [
        f"{module.where}:{found.line} {found.module}"
        for module in modules()
        for found in module.imports
        if found.top not in core | EXTRAS.get(module.name, frozenset())
    ]
    assert foreign == []


def test_imports_are_absolute() -> None:
    relative = [(module.where, found) for module in modules() for found in module.imports if found.module[0] == "."]
    assert relative == []


def test_importing_hermetica_loads_nothing_heavy() -> None:
    question = "import sys; before = set(sys.modules); import hermetica; print(*(set(sys.modules) - before))"
    answer = subprocess.run([sys.executable, "-c", question], check=True, capture_output=True, text=True)
    loaded = set(answer.stdout.split())
    assert "hermetica" in loaded
    assert not loaded & HEAVY
