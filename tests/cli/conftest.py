"""The real command, in a process of its own, with a store and a home that vanish."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.measuring import measured

HEADER = """\
import hermetica as hm

busybox = hm.source(TOOLS, name="busybox")


def sh(name, script, **fields):
    return hm.derivation(name=name, builder=f"{busybox}/bin/sh", args=["-euc", script], **fields)


"""


def make_tools(place: Path) -> None:
    """A directory with ``bin/sh``, a static busybox: the one tool of the builders here."""
    (place / "bin").mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "/bin/busybox", place / "bin" / "busybox")
    (place / "bin" / "sh").symlink_to("busybox")


@attrs.frozen
class CommandLine:
    """Runs hermetica in a directory of its own.

    Attributes:
        directory: the working directory.
        environment: of the process.
    """

    directory: Path
    environment: dict[str, str]

    @property
    def store_root(self) -> Path:
        return Path(self.environment["HERMETICA_STORE"])

    @property
    def words(self) -> list[str]:
        return [sys.executable, "-m", "hermetica"]

    def __call__(self, *arguments: str, status: int = 0, **more: Any) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            [*self.words, *arguments],
            cwd=more.pop("cwd", self.directory),
            env=self.environment | more.pop("env", {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            **more,
        )
        assert ended.returncode == status, f"exit {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended

    def module(self, *lines: str, name: str = "pkgs.py") -> Path:
        """A module of derivations with the shell at hand."""
        tools = repr(str(self.directory.parent / "tools"))
        return self.write(name, HEADER.replace("TOOLS", tools) + "\n".join(lines) + "\n")

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def hermetica(tmp_path: Path) -> CommandLine:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HERMETICA_", "XDG_", "GITHUB_", "GITLAB_"))
    }
    for name in ("project", "home"):
        (tmp_path / name).mkdir()
    make_tools(tmp_path / "tools")
    (tmp_path / ".jj").mkdir()  # all of it is one work tree: an evaluation sees the tools too
    ours = {"HERMETICA_STORE": str(tmp_path / "store-root"), "HOME": str(tmp_path / "home"), "NO_COLOR": "1"}
    return CommandLine(tmp_path / "project", kept | ours | measured())
