"""The plug-in of pytest: outputs as fixtures, failures in the build's own words."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import hermetica  # noqa: F401 -- a fixture  # pyright: ignore[reportUnusedImport]

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

pytestmark = pytest.mark.sandbox


def run(project: CommandLine, *lines: str, words: tuple[str, ...] = (), status: int = 0) -> str:
    """What a run of pytest over one module says."""
    project.write("tests/test_it.py", "\n".join(["import hermetica as hm", *lines, ""]))
    if not (project.directory / "pytest.ini").exists():
        project.write("pytest.ini", "[pytest]\nhermetica_store = own-store\n")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n0", *words],
        cwd=project.directory / "tests",
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == status, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture
def project(hermetica: CommandLine) -> CommandLine:  # noqa: F811 -- as pytest has it
    hermetica.module(
        "two = sh('two', 'echo main > $out; echo more > $dev', outputs=('out', 'dev'))",
        "broken = sh('broken', 'echo this went wrong; exit 3')",
    )
    return hermetica


def test_outputs_are_fixtures(project: CommandLine) -> None:
    said = run(
        project,
        "def test_them(hermetica_output, hermetica_store):",
        "    assert hermetica_output('./pkgs.py:two').read_text() == 'main\\n'",
        "    assert hermetica_output('./pkgs.py:two^dev').read_text() == 'more\\n'",
        "    assert hermetica_output('./pkgs.py:two', 'dev').read_text() == 'more\\n'",
        "    assert hermetica_output(hm.text('own', 'made here')).read_text() == 'made here'",
        "    assert hermetica_store.objects.root.name == 'own-store'",
    )
    assert "1 passed" in said
    assert (project.directory / "own-store").is_dir()


def test_a_failure_is_told_in_the_builds_own_words(project: CommandLine) -> None:
    said = run(
        project,
        "def test_broken(hermetica_output):",
        "    hermetica_output('./pkgs.py:broken')",
        "def test_typo(hermetica_output):",
        "    hermetica_output('./pkgs.py:tow')",
        "def test_output(hermetica_output):",
        "    hermetica_output('./pkgs.py:two', 'lib')",
        status=1,
    )
    assert "error[HM105] broken: the builder ended with status 3" in said
    assert "| this went wrong" in said
    assert "did you mean" in said
    assert "two has no output 'lib'" in said
    assert "Traceback" not in said


def test_workers_share_a_store(project: CommandLine) -> None:
    said = run(
        project,
        "import pytest",
        "@pytest.mark.parametrize('number', range(4))",
        "def test_it(number, hermetica_output):",
        "    assert hermetica_output('./pkgs.py:two').read_text() == 'main\\n'",
        words=("-n2",),
    )
    assert "4 passed" in said


def test_a_run_that_asks_for_nothing_loads_nothing(project: CommandLine) -> None:
    said = run(
        project,
        "import sys",
        "def test_it():",
        "    assert 'hermetica.pytest_plugin' in sys.modules",
        "    assert not {'lmdb', 'hermetica.model', 'hermetica_store', 'attr'} & set(sys.modules)",
    )
    assert "1 passed" in said
