"""B34, B35: a running build is out of reach of other users and builds; a build in a build says what is wrong."""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from tests.behaviours.conftest import as_user
from tests.sandbox.conftest import ROOT, import_paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.behaviours.conftest import Shell

pytestmark = pytest.mark.sandbox
TRIES = """
cd "$1" && echo "entered $1"
ls "$1" && echo "listed $1"
echo altered > "$1/build/mark" && echo "altered a build"
mkdir "$1/../intruder" && echo "made a scratch directory"
mv "$1" "$1-moved" && echo "moved a scratch directory"
for process in $2; do
    ls /proc/$process/root/build/ && echo "entered through /proc/$process/root"
    ls /proc/$process/cwd/ && echo "entered through /proc/$process/cwd"
    ls /proc/$process/fd/ && echo "saw descriptors of $process"
    kill -9 $process && echo "killed $process"
done
"""


class Running:
    """A build that runs until it is told to end."""

    def __init__(self, store: hm.Store, derivation: hm.Derivation) -> None:
        self.said = threading.Event()
        self.failure: BaseException | None = None
        self._store = store
        self._derivation = derivation
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self._store.realize(self._derivation, on_event=self._listen, timeout_s=60)
        except BaseException as error:  # noqa: BLE001 -- looked at by the test
            self.failure = error

    def _listen(self, event: object) -> None:
        if "ready" in getattr(event, "text", ""):
            self.said.set()

    def __enter__(self) -> Path:
        """The scratch directory in which it is being built."""
        self._thread.start()
        assert self.said.wait(30), self.failure
        (scratch,) = (self._store.objects.root / "tmp").iterdir()
        return scratch

    def __exit__(self, *_exception: object) -> None:
        self._thread.join()
        assert self.failure is None


def processes_in(scratch: Path) -> Iterator[int]:
    """The processes on this host whose root holds the build directory of ``scratch``."""
    wanted = (scratch / "build").stat()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found = Path(f"/proc/{entry.name}/root/build").stat()
            except OSError:
                continue
            if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                yield int(entry.name)


WAITING = "echo mine > /build/mark; echo ready; sleep 2; cat /build/mark > $out"


@pytest.mark.parametrize("umask", [0o022, 0o000])
def test_b34_another_user_can_neither_enter_nor_alter_a_running_build(
    store_root: Path, sh: Shell, tmp_path: Path, umask: int
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to be somebody else as well")
    for parent in (tmp_path, *tmp_path.parents):
        if not parent.stat().st_mode & 0o001:
            parent.chmod(0o755)  # no other directory keeps the other user out
    before = os.umask(umask)
    try:
        with hm.Store.open(store_root) as store:
            derivation = sh("victim", WAITING)
            with Running(store, derivation) as scratch:
                assert stat.S_IMODE(scratch.stat().st_mode) == 0o700
                inside = " ".join(map(str, processes_in(scratch)))
                assert inside
                tried = as_user(["sh", "-c", TRIES, "sh", str(scratch), inside])
                assert tried.stdout == ""
            assert store.on_disk(store.realize(derivation).out).read_text() == "mine\n"
        open_to_all = [path for path in store_root.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o022]
        assert open_to_all == []
    finally:
        os.umask(before)


def test_b34_builds_of_one_user_see_nothing_of_each_other(store: hm.Store, sh: Shell) -> None:
    first = sh("first", f"touch /tmp/trace /dev/shm/trace; nc -lU /build/socket & {WAITING}")
    look = """
        { ls -A /tmp /dev/shm /build /hermetica/store; ls -d /proc/[0-9]*; cat /proc/net/unix; } > $out
    """
    with Running(store, first) as scratch:
        seen = store.on_disk(store.realize(sh("second", look)).out).read_text()
        assert str(scratch) not in Path("/proc/self/mounts").read_text()  # nor does the host see its mounts
    assert "trace" not in seen
    assert "first" not in seen
    assert "socket" not in seen
    assert len([line for line in seen.split() if line.startswith("/proc/")]) <= 5  # pid 1, the shell, and what it runs


def test_b35_a_build_inside_a_build_says_precisely_why_it_cannot_be(tmp_path: Path) -> None:
    from hermetica.sandbox import Mount
    from tests.sandbox.conftest import make_box

    box = make_box(tmp_path)
    place = "/hermetica/store/checkout"  # this checkout may lie where the sandbox has something of its own
    paths, interpreter = (text.replace(str(ROOT), place) for text in (import_paths(), sys.executable))
    (box.build_dir / "pkgs.py").write_text(
        "import hermetica as hm\ninner = hm.derivation(name='inner', builder='/bin/sh', args=['-c', 'echo > $out'])\n"
    )
    script = (
        f"cd /build; export PYTHONPATH={paths} TMPDIR=/tmp PATH=/usr/bin:/bin HOME=/build; "
        f"HERMETICA_STORE=/build/store {interpreter} -m hermetica build --no-link ./pkgs.py:inner; echo status $?"
    )
    ran = box.run(script, inputs=(Mount(str(ROOT), place),), rootfs="/", env=(("PATH", "/usr/bin:/bin"),))
    assert "error[HM301]" in ran.text
    assert "this is a build inside a hermetica sandbox" in ran.text
    assert "make the inner build a derivation of its own" in ran.text
    assert ran.lines[-1] == "status 4"


def test_b35_what_a_build_inside_a_build_may_do_works(tmp_path: Path) -> None:
    """Evaluating, and asking a store of its own, needs no sandbox."""
    from hermetica.sandbox import Mount
    from tests.sandbox.conftest import make_box

    box = make_box(tmp_path)
    place = "/hermetica/store/checkout"
    paths, interpreter = (text.replace(str(ROOT), place) for text in (import_paths(), sys.executable))
    code = (
        "import hermetica as hm, pathlib\n"
        "with hm.Store.open(pathlib.Path('/build/store')) as store:\n"
        "    print(store.objects.paths() is not None, len(list(store.objects.paths())))\n"
    )
    (box.build_dir / "inner.py").write_text(code)
    script = f"cd /build; PYTHONPATH={paths} TMPDIR=/tmp {interpreter} inner.py"
    ran = box.run(script, inputs=(Mount(str(ROOT), place),), rootfs="/", env=(("PATH", "/usr/bin:/bin"),))
    assert ran.lines == ["True 0"]
