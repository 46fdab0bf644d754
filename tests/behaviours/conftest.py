"""What the behaviours share: a store that vanishes, a static shell as the only tool, and the command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

import hermetica as hm
from tests.measuring import unmeasured

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

pytestmark = pytest.mark.sandbox


def _tools() -> str:
    """A directory of the host with ``bin/sh``, a static busybox: the one tool of the behaviours' builders."""
    busybox = Path(shutil.which("busybox") or "/bin/busybox")
    stamp = busybox.stat().st_mtime_ns if busybox.exists() else 0
    place = Path(tempfile.gettempdir()) / f"hermetica-test-tools-{os.geteuid()}-{stamp}"
    if not place.exists() and stamp:
        making = Path(tempfile.mkdtemp(prefix="hermetica-test-tools-"))
        (making / "bin").mkdir()
        shutil.copy(busybox, making / "bin" / "busybox")
        (making / "bin" / "sh").symlink_to("busybox")
        making.chmod(0o755)
        try:
            making.rename(place)
        except OSError:  # another worker was first
            shutil.rmtree(making)
    return str(place)


TOOLS = _tools()


@attrs.frozen
class Shell:
    """Derivations by shell scripts, with busybox for a tool."""

    busybox: hm.Source

    def __call__(self, name: str, script: str, env: Mapping[str, str] | None = None, **fields: Any) -> hm.Derivation:
        """A derivation that runs ``script``; every applet of busybox is a command."""
        return hm.derivation(
            name=name, builder=f"{self.busybox}/bin/sh", args=("-euc", script), env=dict(env or {}), **fields
        )


@pytest.fixture
def sh() -> Iterator[Shell]:
    with hm.evaluation():
        yield Shell(hm.source(TOOLS, name="busybox"))


@pytest.fixture
def store_root(tmp_path: Path) -> Path:
    return tmp_path / "store-root"


@pytest.fixture
def store(store_root: Path) -> Iterator[hm.Store]:
    with hm.Store.open(store_root) as opened:
        yield opened


@attrs.frozen
class CommandLine:
    """The real command, as another process."""

    environment: dict[str, str]
    directory: Path

    def __call__(self, *arguments: str, status: int | None = 0, **more: Any) -> subprocess.CompletedProcess[str]:
        """Runs hermetica; checks its exit status unless ``status`` is None."""
        ended = subprocess.run(
            [sys.executable, "-m", "hermetica", *arguments],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            **more,
        )
        if status is not None:
            assert ended.returncode == status, f"exit {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended

    def write(self, name: str, text: str) -> Path:
        """A file in the directory where the command runs."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


def command_line(place: Path) -> CommandLine:
    """The command with a project, a home and a store below ``place``."""
    directory = place / "project"
    directory.mkdir()
    home = place / "home"
    home.mkdir()
    (place / ".jj").mkdir()
    (place / "pyproject.toml").write_text(f"[tool.hermetica.evaluation]\nreads = [{str(TOOLS)!r}]\n")
    kept = {name: value for name, value in unmeasured().items() if not name.startswith(("HERMETICA_", "XDG_"))}
    ours = {"HERMETICA_STORE": str(place / "store-root"), "HOME": str(home), "NO_COLOR": "1"}
    environment = kept | ours
    for name in ("HERMETICA_BWRAP", "PYTHONPATH"):
        if name in os.environ:
            environment[name] = os.environ[name]
    return CommandLine(environment, directory)


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    return command_line(tmp_path)


HEADER = f"import hermetica as hm\nbusybox = hm.source({TOOLS!r}, name='busybox')\n"


def module(*lines: str) -> str:
    """A module of derivations with ``busybox`` and ``sh(name, script, **fields)`` at hand."""
    return HEADER + "\n".join(
        (
            "def sh(name, script, **fields):",
            "    return hm.derivation(name=name, builder=f'{busybox}/bin/sh', args=['-euc', script], **fields)",
            *lines,
            "",
        )
    )


def read(store: hm.Store, path: hm.StorePath, below: str = "") -> str:
    """The text of an object, or of a file in it."""
    return (store.on_disk(path) / below).read_text() if below else store.on_disk(path).read_text()


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A directory of an ordinary user, in reach of that user: the caller, or ``nobody`` where the caller is root.

    Not below ``tmp_path``: every run of pytest that begins beside this one closes what pytest has made to all others.
    """
    with tempfile.TemporaryDirectory(prefix="hermetica-test-theirs-", ignore_cleanup_errors=True) as made:
        place = Path(made)
        if os.geteuid() == 0:
            os.chown(place, 65534, 65534)
        yield place


def as_self(command: Sequence[str], **more: Any) -> subprocess.CompletedProcess[str]:
    """Runs a command as whoever runs the tests."""
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def as_user(command: Sequence[str], **more: Any) -> subprocess.CompletedProcess[str]:
    """Runs a command as an ordinary user: the caller itself, or ``nobody`` where the caller is root."""
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *command]
    return as_self(command, **more)
