"""A small world around the sandbox: busybox as the only input, and directories that vanish."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from hermetica.sandbox import Exit, Mount, SandboxSpec, run

if TYPE_CHECKING:
    from collections.abc import Sequence

BUSYBOX = "/hermetica/store/busybox/bin/busybox"
ROOT = Path(__file__).parents[2]
UNPRIVILEGED_ID = 12345


@attrs.frozen
class Ran:
    """The end of a run and what it wrote."""

    exit: Exit
    output: bytes

    @property
    def text(self) -> str:
        return self.output.decode()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


@attrs.frozen
class Box:
    """Runs shell scripts in sandboxes whose one input is busybox."""

    root: Path

    @property
    def store_dir(self) -> Path:
        return self.root / "store"

    @property
    def build_dir(self) -> Path:
        return self.root / "build"

    def spec(self, script: str, **changes: Any) -> SandboxSpec:
        inputs: tuple[Mount, ...] = changes.pop("inputs", ())
        fields: dict[str, Any] = {
            "builder": BUSYBOX,
            "args": ("sh", "-c", script),
            "env": (("PATH", "/hermetica/store/busybox/bin"),),
            "inputs": (Mount(str(self.root / "busybox"), "/hermetica/store/busybox"), *inputs),
            "store_dir": str(self.store_dir),
            "build_dir": str(self.build_dir),
        }
        return SandboxSpec(**{**fields, **changes})

    def run(self, script: str, *, limits_of_run: dict[str, Any] | None = None, **changes: Any) -> Ran:
        output = bytearray()
        ended = run(self.spec(script, **changes), log=output.extend, **(limits_of_run or {}))
        return Ran(ended, bytes(output))


def make_box(root: Path) -> Box:
    """A box below an existing directory."""
    tools = root / "busybox" / "bin"
    tools.mkdir(parents=True)
    busybox = shutil.which("busybox")
    assert busybox is not None
    shutil.copy(busybox, tools / "busybox")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in set(applets) - {"busybox"}:
        (tools / applet).symlink_to("busybox")
    for directory in (root, root / "busybox", tools):
        directory.chmod(0o755)
    (root / "store").mkdir()
    (root / "build").mkdir()
    return Box(root)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return make_box(tmp_path)


def processes_with(token: str) -> list[str]:
    """The command lines on this host that hold a text; zombies have none."""
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
            except OSError:
                continue
            if token in line:
                found.append(line)
    return found


def import_paths() -> str:
    """PYTHONPATH that lets any interpreter of this version import hermetica from here and its dependencies."""
    site = [path for path in sys.path if path.endswith("site-packages")]
    return os.pathsep.join([str(ROOT), str(ROOT / "store"), *site])


def as_ordinary_user(code: str, *arguments: str) -> Sequence[str]:
    """The command that runs Python code as an ordinary user, who is nobody on this host; skips where it cannot."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs to be root, and setpriv, to become somebody else")
    number = str(UNPRIVILEGED_ID)
    become = ["setpriv", "--reuid", number, "--regid", number, "--groups", f"{number},33"]
    environment = [
        "env",
        "-i",
        f"PYTHONPATH={import_paths()}",
        "PYTHONDONTWRITEBYTECODE=1",
        f"PATH={os.environ['PATH']}",
    ]
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        command = [*become, *environment, python]
        check = subprocess.run([*command, "-c", "import hermetica.sandbox"], capture_output=True, check=False)
        if check.returncode == 0:
            return [*command, "-c", code, *arguments]
    pytest.skip("an ordinary user can run no Python of this version, or not read these sources")
