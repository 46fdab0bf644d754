"""Builders that want out: as root and as an ordinary user, every way that we know of is shut."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.hostile.attacks import ATTACKS
from tests.sandbox.conftest import ROOT, as_ordinary_user

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.conftest import Box

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of the calls are those of x86-64"),
    pytest.mark.skipif(shutil.which("python3", path="/usr/bin") is None, reason="attacks with /usr/bin/python3"),
]

GONE = {"ENOENT", "ENOTDIR", "ESRCH"}
REFUSED = {"EPERM", "EACCES", "EROFS", "EINVAL"}
ABSENT = {"ENOSYS"}
SHUT = REFUSED | ABSENT | GONE | {"ENOSPC", "EIO", "ENODEV", "ENXIO", "EBUSY"}
EXPECTED: dict[str, set[str]] = {
    "read /proc/1/environ": {"empty", *REFUSED},
    "host process": {"ESRCH"},
    "host file": {"ENOENT"},
    "host file by /proc/1/root": GONE | REFUSED,
    "host file by /proc/1/cwd": GONE | REFUSED,
    "another root": {"the same", *REFUSED},
    "descriptors of pid 1": {"['/dev/null', 'anon_inode', 'pipe']", "['/dev/null', 'pipe']", *REFUSED},
    "own descriptors": {"[0, 1, 2, 3]"},  # the last is the directory of descriptors itself
    "kill pid 1": {"None"},  # it goes through, and the kernel drops it
    "alive after that": {"1"},
    "capabilities": {"{'0000000000000000'}"},
    "no new privileges": {"1"},
    "filter": {"2"},
    "own memory": {"own only", *SHUT},
    **dict.fromkeys(("keyctl", "add_key", "io_uring", "bpf", "perf", "userfaultfd"), ABSENT),
    "tiocsti": {"EPERM"},
    **{key: {*REFUSED, "ValueError", "PermissionError"} for key in ("nice", "realtime", "more files")},
    "network": {"ENETUNREACH"},
    "loopback": {"ECONNREFUSED", "ENETUNREACH"},
    **{key: {"EAFNOSUPPORT"} for key in ("vsock", "alg socket")},
    "host's socket": {"ENOENT"},
    "host's abstract socket": {"ECONNREFUSED"},
}
"""What else is tried has to end in one of `SHUT`."""

IN_ANOTHER_PROCESS = """
import sys, tempfile
from pathlib import Path
from tests.hostile.attacks import ATTACKS
from tests.sandbox.conftest import make_box
with tempfile.TemporaryDirectory() as scratch:
    box = make_box(Path(scratch))
    print(box.run("", builder="/usr/bin/python3", args=("-I", "-c", ATTACKS, *sys.argv[1:]), rootfs=None or "/").text)
"""


def judged(text: str) -> dict[str, str]:
    """The tries that did not end as they must."""
    parts = (line.partition(": ") for line in text.splitlines() if ": " in line)
    outcomes = {name: outcome for name, _, outcome in parts}
    assert len(outcomes) > 70, text
    assert EXPECTED.keys() <= outcomes.keys()
    return {name: outcome for name, outcome in outcomes.items() if outcome not in EXPECTED.get(name, SHUT)}


@pytest.fixture
def words() -> Iterator[list[str]]:
    """What the attacker is told: a file, a process and two listening sockets of the host.

    They lie in /tmp, which the sandbox does not share even where its rootfs is the host's.
    """
    with tempfile.TemporaryDirectory(dir="/tmp") as place, contextlib.ExitStack() as open_sockets:
        Path(place).chmod(0o755)
        secret = Path(place, "secret")
        secret.write_text("of the host")
        found = [str(secret), str(os.getpid()), f"{place}/socket", f"hermetica-hostile-{Path(place).name}"]
        for address in (found[2], f"\0{found[3]}"):
            each = open_sockets.enter_context(socket.socket(socket.AF_UNIX))
            each.bind(address)
            each.listen()
        yield found


def test_nothing_gets_out_as_whoever_runs_the_tests(box: Box, words: list[str]) -> None:
    ran = box.run("", builder="/usr/bin/python3", args=("-I", "-c", ATTACKS, *words), rootfs="/")
    assert judged(ran.text) == {}


def test_nothing_gets_out_as_an_ordinary_user(words: list[str]) -> None:
    done = subprocess.run(
        as_ordinary_user(IN_ANOTHER_PROCESS, *words), capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    assert judged(done.stdout) == {}


def test_the_attacks_do_hurt_outside(words: list[str]) -> None:
    """What is refused inside is possible outside, at least in part: the attacks are real ones."""
    head = ATTACKS[: ATTACKS.index("for path in")]
    harmless = ("host process", "host file", "host's socket", "host's abstract socket")
    tries = [line for line in ATTACKS.splitlines() if line.startswith(tuple(f'attempt("{name}"' for name in harmless))]
    script = "\n".join((head, *tries))
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, *words], capture_output=True, text=True, check=True, timeout=60
    )
    assert "host process: None" in done.stdout
    assert "host file: read b'of the host'" in done.stdout
    assert "host's socket: connected" in done.stdout
    assert "host's abstract socket: connected" in done.stdout
