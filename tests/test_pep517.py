"""``pip wheel .`` builds what the project's module of derivations says, and says what is wrong."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from hermetica.pep517 import InvalidBackend, NoDistribution
from tests.cli.conftest import hermetica  # noqa: F401 -- a fixture  # pyright: ignore[reportUnusedImport]

if TYPE_CHECKING:
    from pathlib import Path

    from hermetica.errors import HermeticaError
    from tests.cli.conftest import CommandLine

pytestmark = pytest.mark.sandbox
WHEEL = "greet-1.0-py3-none-any.whl"
BACKEND = (
    '[build-system]\nrequires = []\nbuild-backend = "hermetica.pep517"\n[project]\nname = "greet"\nversion = "1.0"\n'
)


@pytest.fixture
def project(hermetica: CommandLine) -> CommandLine:  # noqa: F811 -- as pytest has it
    """A project whose target copies a wheel, and another one that copies a source distribution."""
    made = hermetica.directory / "made"
    made.mkdir()
    information = "greet-1.0.dist-info"
    with zipfile.ZipFile(made / WHEEL, "w") as written:
        written.writestr("greet.py", "print('hello')\n")
        written.writestr(f"{information}/METADATA", "Metadata-Version: 2.1\nName: greet\nVersion: 1.0\n")
        written.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        written.writestr(f"{information}/RECORD", "")
    hermetica.write("greet-1.0/PKG-INFO", "Metadata-Version: 2.1\nName: greet\nVersion: 1.0\n")
    with tarfile.open(made / "greet-1.0.tar.gz", "w:gz") as packed:
        packed.add(hermetica.directory / "greet-1.0", "greet-1.0")
    hermetica.module(
        "made = hm.source('made')",
        f"wheel = sh('wheel', f'mkdir $out && cp {{made}}/{WHEEL} $out/')",
        "sdist = sh('sdist', f'mkdir -p $out/dist && cp {made}/*.tar.gz $out/dist/')",
        "both = sh('both', f'mkdir $out && cp {made}/*.whl $out/ && cp {made}/*.whl $out/second-1-py3-none-any.whl')",
        "none = sh('none', 'echo nothing > $out')",
        "broken = sh('broken', 'echo this went wrong; exit 3')",
    )
    return hermetica


def declare(project: CommandLine, *lines: str) -> None:
    project.write("pyproject.toml", BACKEND + "[tool.hermetica]\n" + "\n".join(lines) + "\n")


def pip(project: CommandLine, *words: str, status: int = 0) -> str:
    """What pip says."""
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "wheel",
            "--no-build-isolation",
            "--no-deps",
            *words,
        ],
        cwd=project.directory,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == status, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def backend(project: CommandLine, call: str) -> subprocess.CompletedProcess[str]:
    """A hook of the backend, called as a front end calls it."""
    program = f"from hermetica import pep517\nprint(pep517.{call})"
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=project.directory,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_pip_builds_the_wheel_that_a_derivation_makes(project: CommandLine) -> None:
    declare(project, 'wheel = "pkgs.py:wheel"')
    pip(project, "-w", "out", ".")
    built: Path = project.directory / "out" / WHEEL
    assert built.read_bytes() == (project.directory / "made" / WHEEL).read_bytes()


def test_a_source_distribution_is_built_where_there_is_one(project: CommandLine) -> None:
    declare(project, 'wheel = "pkgs.py:wheel"', 'sdist = "pkgs.py:sdist"')
    assert backend(project, "build_sdist('out')").stdout == "greet-1.0.tar.gz\n"
    assert (project.directory / "out/greet-1.0.tar.gz").is_file()
    declare(project, 'wheel = "pkgs.py:wheel"')
    assert "UnsupportedOperation" in backend(project, "build_sdist('out')").stderr
    assert backend(project, "get_requires_for_build_wheel()").stdout == "[]\n"
    assert backend(project, "get_requires_for_build_sdist()").stdout == "[]\n"


def test_a_build_that_fails_is_told_with_its_log(project: CommandLine) -> None:
    declare(project, 'wheel = "pkgs.py:broken"')
    told = pip(project, "-w", "out", ".", status=1)
    assert "error[HM105] broken: the builder ended with status 3" in told
    assert "| this went wrong" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("line", "kind", "said"),
    [
        ("", InvalidBackend, "does not say which target is the project's wheel"),
        ("wheel = 1", InvalidBackend, "has no target but 1 as wheel"),
        ("wheel = ", InvalidBackend, "cannot be read"),
        ('wheel = "pkgs.py:none"', NoDistribution, "./pkgs.py:none has no wheel in it"),
        ('wheel = "pkgs.py:both"', NoDistribution, "./pkgs.py:both has 2 wheels in it"),
    ],
)
def test_a_declaration_that_leads_to_no_wheel_is_told(
    line: str, kind: type[HermeticaError], said: str, project: CommandLine
) -> None:
    declare(project, line)
    ended = backend(project, "build_wheel('out')")
    assert ended.returncode == 3
    assert f"error[{kind.code}] " in ended.stderr
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (project.directory / "out").exists()


def test_a_target_that_leads_nowhere_is_told_as_ever(project: CommandLine) -> None:
    declare(project, 'wheel = "pkgs.py:whele"')
    ended = backend(project, "build_wheel('out')")
    assert ended.returncode == 2
    assert "did you mean" in ended.stderr
