"""Builders that go on while their outputs are taken in: swapping, holding on, handing descriptors out."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica_store import Candidate
from tests.sandbox.conftest import processes_with

if TYPE_CHECKING:
    from hermetica_store import ObjectStore
    from tests.behaviours.conftest import Shell
    from tests.sandbox.conftest import Box

pytestmark = pytest.mark.sandbox
SWAP = """
mkdir -p $out/d; echo inside > $out/d/f; ln -s /etc $out/l
setsid sh -c '
    while :; do
        mv $out/d $out/e; mv $out/l $out/d; mv $out/d $out/l; mv $out/e $out/d; echo altered >> $out/d/f; : TOKEN
    done' >/dev/null 2>&1 &
sleep 0.2
"""


@pytest.mark.parametrize("attempt", range(3))
def test_a_daemon_that_swaps_links_and_directories_changes_nothing_of_the_host(
    store: hm.Store, sh: Shell, tmp_path: Path, attempt: int
) -> None:
    token = f"swap-{tmp_path.name}"
    before = Path("/etc").stat()
    try:
        path = store.realize(sh(f"swapper-{attempt}", SWAP.replace("TOKEN", token))).out
    except hm.HermeticaError:  # it may have been caught without its output
        path = None
    assert processes_with(token) == []
    after = Path("/etc").stat()
    assert (before.st_mode, before.st_uid, before.st_mtime_ns) == (after.st_mode, after.st_uid, after.st_mtime_ns)
    if path is not None:
        time.sleep(0.1)
        assert not store.objects.verify([path]).problems


SMUGGLER = """
import array, os, socket
os.makedirs("/hermetica/store/out/d")
files = [os.open(f"/hermetica/store/out/{name}", os.O_RDWR | os.O_CREAT, 0o644) for name in ("a", "d/b")]
for fd in files:
    os.write(fd, b"as it was built")
with socket.socket(socket.AF_UNIX) as made:
    made.bind("/build/socket")
    made.listen()
    print("ready", flush=True)
    other, _ = made.accept()
    other.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))])
    other.recv(1)
"""


@pytest.mark.skipif(shutil.which("python3", path="/usr/bin") is None, reason="needs /usr/bin/python3")
def test_a_smuggled_descriptor_writes_to_no_object(box: Box, object_store: ObjectStore) -> None:
    smuggled: list[int] = []

    def accomplice() -> None:
        place = box.build_dir / "socket"
        for _ in range(500):
            if place.exists():
                break
            time.sleep(0.02)
        with socket.socket(socket.AF_UNIX) as made:
            made.connect(str(place))
            smuggled.extend(socket.recv_fds(made, 1, 4)[1])
            made.send(b"x")

    thread = threading.Thread(target=accomplice)
    thread.start()
    ran = box.run("", builder="/usr/bin/python3", args=("-I", "-c", SMUGGLER), rootfs="/")
    thread.join()
    assert ran.exit.succeeded, ran.text
    with object_store.lease() as lease:
        prepared = object_store.prepare([Candidate(tree=box.store_dir / "out", name="out")])
        object_store.publish(prepared, lease=lease).wait()
        path = prepared[0].path
        assert len(smuggled) == 2
        for fd in smuggled:
            os.pwrite(fd, b"altered", 0)
            os.close(fd)
        place = object_store.on_disk(path)
        assert [(place / name).read_text() for name in ("a", "d/b")] == ["as it was built"] * 2
        assert not object_store.verify([path]).problems


def test_a_socket_left_in_an_output_is_refused(box: Box, object_store: ObjectStore) -> None:
    (box.store_dir / "out").mkdir()
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(box.store_dir / "out" / "socket"))
    with pytest.raises(hm.HermeticaError, match="socket"):
        object_store.prepare([Candidate(tree=box.store_dir / "out", name="out")])


def test_very_many_files_are_taken(store: hm.Store, sh: Shell) -> None:
    """Ten thousand here; the limit of entries bounds what taking in an output may cost."""
    script = "mkdir $out; cd $out; i=0; while [ $i -lt 10000 ]; do : > $i; i=$((i+1)); done"
    path = store.realize(sh("many", script)).out
    assert sum(1 for _ in store.on_disk(path).iterdir()) == 10_000
