"""Examples as users have them: copied somewhere, run by their own commands. One store for all, as toolchains take long.

``HERMETICA_TEST_STORE`` names it; CI gives the one that the demonstration has filled.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from tests.measuring import unmeasured

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parents[2] / "docs/examples"


@attrs.frozen
class Example:
    """A copy of an example.

    Attributes:
        directory: where it lies.
        environment: of the processes that are run in it.
    """

    directory: Path
    environment: dict[str, str]

    def run(self, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Runs a command in it; ``hermetica`` and ``python`` are those of the tests."""
        programs = {"hermetica": [sys.executable, "-m", "hermetica"], "python": [sys.executable]}
        command = [*programs.get(words[0], [words[0]]), *words[1:]]
        ended = subprocess.run(
            command, cwd=self.directory, env=self.environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert ended.returncode == status, f"{shlex.join(words)}\n{ended.stdout}\n{ended.stderr}"
        return ended

    def edit(self, name: str, old: str, new: str) -> None:
        """Changes one of its files."""
        file = self.directory / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def commands(self) -> list[list[str]]:
        """What its README tells to type."""
        lines = (self.directory / "README.md").read_text().splitlines()
        return [shlex.split(line.removeprefix("$ "), comments=True) for line in lines if line.startswith("$ ")]


@pytest.fixture
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Example]:
    """A copy of the example that the module of tests is named after."""
    store = os.environ.get("HERMETICA_TEST_STORE")
    if store is None:
        pytest.skip("builds a toolchain; HERMETICA_TEST_STORE=DIRECTORY says where")
    name = request.path.stem.removeprefix("test_").replace("_", "-")
    place = tmp_path / name
    shutil.copytree(EXAMPLES / name, place)
    kept = {key: value for key, value in unmeasured().items() if not key.startswith(("HERMETICA_", "XDG_", "GITHUB_"))}
    home = tmp_path / "home"
    home.mkdir()
    mirrors = {key: value for key, value in os.environ.items() if key.startswith("HERMETICA_MIRROR_")}
    ours = {"HERMETICA_STORE": str(Path(store).absolute()), "HOME": str(home), "NO_COLOR": "1"}
    yield Example(place, kept | mirrors | ours)
    if (result := place / "result").is_symlink():
        result.unlink()
