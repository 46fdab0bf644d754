"""Packages import a name when it is first used, and a name stays what it is whatever was imported before."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def _prints(program: str) -> str:
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return ended.stdout.strip()


@pytest.mark.parametrize(
    "imports",
    ["import hermetica.sandbox.run", "import hermetica.sandbox.spec", "from hermetica.sandbox import Exit", "pass"],
)
def test_a_name_that_a_submodule_shares_means_the_function(imports: str) -> None:
    assert _prints(f"{imports}\nfrom hermetica.sandbox import run\nprint(type(run).__name__)") == "function"


def test_a_package_loads_nothing_until_a_name_is_used() -> None:
    program = (
        "import sys, hermetica.sandbox, hermetica.fetch\n"
        "print([n for n in sys.modules if n.startswith(('hermetica.sandbox.', 'hermetica.fetch.'))])"
    )
    assert _prints(program) == "[]"


def test_a_package_lists_its_names_and_refuses_others() -> None:
    import hermetica.sandbox as package

    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing


def test_every_name_of_a_lazy_package_can_be_imported() -> None:
    program = "import {0} as p\nprint([n for n in p.__all__ if getattr(p, n) is None])"
    for package in ("hermetica", "hermetica.sandbox", "hermetica.fetch", "hermetica_store"):
        assert _prints(program.format(package)) == "[]"


def test_a_run_that_finds_everything_there_loads_no_sandbox_and_no_fetching(tmp_path: Path) -> None:
    module = tmp_path / "graph.py"
    module.write_text("import hermetica as hm\nhello = hm.text('hello', 'hi')\n")
    command = f"['build', '--impure', '--no-link', '--store', {str(tmp_path / 'store')!r}, {f'{module}:hello'!r}]"
    program = f"import sys\nfrom hermetica.cli.main import main\nassert main({command}) == 0\nprint(*sys.modules)"
    _prints(program)
    loaded = set(_prints(program).split())
    assert not loaded & {
        "hermetica.sandbox.run",
        "hermetica.realize.step",
        "hermetica.fetch.download",
        "ssl",
        "subprocess",
    }


def test_a_build_that_is_remembered_loads_next_to_nothing(tmp_path: Path) -> None:
    module = tmp_path / "graph.py"
    module.write_text("import hermetica as hm\nhello = hm.text('hello', 'hi')\n")
    command = f"['build', '--impure', '--no-link', '--store', {str(tmp_path / 'store')!r}, {f'{module}:hello'!r}]"
    program = (
        "import sys; before = set(sys.modules)\nfrom hermetica.cli.main import main\n"
        f"assert main({command}) == 0\nprint(*(set(sys.modules) - before))"
    )
    for _ in range(2):
        time.sleep(0.03)  # what changed within the clock's granularity is not trusted
        _prints(program)
    loaded = set(_prints(program).split())
    assert "hermetica_store.glance" in loaded
    assert not loaded & {"attr", "argparse", "typing", "pathlib", "re", "json", "hermetica.model", "threading"}


@pytest.mark.sandbox
def test_a_child_that_evaluates_and_is_not_wanted_leaves_nothing_running(tmp_path: Path) -> None:
    module = tmp_path / "graph.py"
    module.write_text("")
    program = (
        "import time\nfrom hermetica.cli.apart.early import begin\nfor number in range(40):\n"
        f"    early = begin(['build', {str(module)!r}])\n    assert early\n"
        "    time.sleep(number % 20 * 0.0005)\n    early.end()"
    )
    assert not _prints(program)  # what is left would hold its output open, and this would wait for it


@pytest.mark.sandbox
def test_the_child_that_evaluates_begins_before_what_is_slow_to_import(tmp_path: Path) -> None:
    module = tmp_path / "graph.py"
    module.write_text("")
    program = (
        f"import os, sys; os.chdir({str(tmp_path)!r}); before = set(sys.modules)\n"
        f"from hermetica.cli.apart.early import begin\nearly = begin(['build', {str(module)!r}])\n"
        "print(bool(early), *(set(sys.modules) - before))\nearly.end()"
    )
    begun, *loaded = _prints(program).split()
    assert begun == "True"
    assert not set(loaded) & {"attr", "argparse", "typing", "pathlib", "json", "hermetica.model"}
