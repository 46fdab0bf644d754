"""Many inputs: what the builder sees does not depend on who mounted them."""

# ruff: noqa: E501 -- scripts and tables are read as they are run
from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hermetica.sandbox import Mount, SandboxUnavailable
from hermetica.sandbox.command import DIRECT_MOUNTS, command_line
from tests.sandbox.conftest import ROOT, Box, as_ordinary_user

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.sandbox

LOOK = """
cd /hermetica/store
find . | sort | grep -v -e ./busybox -e ./more > /build/names
while read f; do stat -c '%A %u %g %s %N' $f; done < /build/names
for f in dir0 file1 link2; do (echo x > $f) 2>&1; (echo x > $f/inside) 2>&1; rm -rf $f 2>&1 | head -1; done
grep ' /hermetica/store/dir0 ' /proc/self/mountinfo | awk '{print $5, $6}'
cat dir0/name file1; tr '\\0' ' ' < /proc/1/cmdline | head -c 20; cat /proc/1/environ; umask; ulimit -s; cat /proc/self/personality
"""


def inputs(root: Path, count: int) -> tuple[Mount, ...]:
    """Directories, files and links, in turn; named by kind and number."""
    root.mkdir()
    made: list[Mount] = []
    for number in range(count):
        path = root / (("dir", "file", "link")[number % 3] + str(number))
        if number % 3 == 0:
            path.mkdir()
            (path / "name").write_text(f"{number}\n")
        elif number % 3 == 1:
            path.write_text(f"{number}\n")
        else:
            path.symlink_to("dir0")
        made.append(Mount(str(path), f"/hermetica/store/{path.name}"))
    return tuple(made)


def test_a_farm_shows_what_direct_mounts_show(box: Box, tmp_path: Path) -> None:
    mounts = inputs(tmp_path / "inputs", 300)
    few, many = mounts[:45], (*mounts[:45], *fill(mounts))
    assert not command_line(box.spec(":", inputs=few)).farm
    assert command_line(box.spec(":", inputs=many)).farm
    direct = box.run(LOOK, inputs=few)
    farmed = box.run(LOOK, inputs=many)
    assert farmed.text == direct.text
    assert len(direct.lines) > 70


def fill(mounts: Sequence[Mount]) -> tuple[Mount, ...]:
    """As many more mounts as make a farm, under names that the look leaves out."""
    return tuple(Mount(mounts[number * 3].source, f"/hermetica/store/more{number}") for number in range(60))


def test_the_first_farm_is_one_more_than_bubblewrap_mounts_itself(box: Box, tmp_path: Path) -> None:
    mounts = inputs(tmp_path / "inputs", 3 * DIRECT_MOUNTS)[::3]
    assert not command_line(box.spec(":", inputs=mounts[: DIRECT_MOUNTS - 1])).farm
    assert len(command_line(box.spec(":", inputs=mounts[:DIRECT_MOUNTS])).farm) == DIRECT_MOUNTS + 1
    ran = box.run("ls /hermetica/store | wc -l", inputs=mounts[:DIRECT_MOUNTS])
    assert ran.lines == [str(DIRECT_MOUNTS + 1)]


def test_the_host_sees_none_of_the_mounts(box: Box, tmp_path: Path) -> None:
    before = Path("/proc/self/mountinfo").read_text()
    box.run(":", inputs=inputs(tmp_path / "inputs", 100))
    assert Path("/proc/self/mountinfo").read_text() == before
    assert list((box.store_dir / "dir0").iterdir()) == []


def test_a_failing_farm_is_an_error_that_names_the_mount(box: Box, tmp_path: Path) -> None:
    mounts = inputs(tmp_path / "inputs", 100)
    (box.store_dir / "file1").mkdir()
    with pytest.raises(SandboxUnavailable, match="file1"):
        box.run(":", inputs=mounts)


def test_a_farm_without_an_interpreter_is_refused(box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(SandboxUnavailable, match="interpreter") as caught:
        box.run(":", inputs=inputs(tmp_path / "inputs", 100))
    assert caught.value.kind == "no-python"


def test_an_ordinary_user_has_farms_too() -> None:
    code = """
import sys, tempfile
from pathlib import Path
from tests.sandbox.conftest import make_box
from tests.sandbox.test_farm import inputs
with tempfile.TemporaryDirectory() as scratch:
    box = make_box(Path(scratch))
    ran = box.run("id; cat /hermetica/store/dir150/name; echo x > /hermetica/store/file1", inputs=inputs(Path(scratch, "in"), 200))
    print(ran.text)
"""
    done = subprocess.run(as_ordinary_user(code), capture_output=True, text=True, check=True, cwd=ROOT, timeout=60)
    assert done.stdout.splitlines()[:2] == ["uid=1000(build) gid=100(build)", "150"]
    assert "Read-only file system" in done.stdout


def test_of_fifteen_hundred_inputs_bubblewrap_itself_mounts_none(box: Box, tmp_path: Path) -> None:
    mounts = inputs(tmp_path / "inputs", 1500)
    assert box.run("ls /hermetica/store | wc -l", inputs=mounts).lines == ["1501"]
    launch = command_line(box.spec("true", inputs=mounts))
    assert len(launch.farm) == len(mounts) + 1  # and the shell
    # the start of bubblewrap grows with the square of the mounts that it makes
    assert not any(mount.target in launch.options for mount in mounts)
