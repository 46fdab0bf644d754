"""What of the host's table of mounts bubblewrap need not read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hermetica.sandbox.mount_table import superfluous
from hermetica.sandbox.native import Duplicate
from hermetica.sandbox.spawn import Spawner, Start

TABLE = r"""
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:21 / /proc rw,nosuid shared:12 - proc proc rw
24 22 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw
25 24 0:23 / /sys/fs/cgroup rw shared:8 - cgroup2 cgroup2 rw
26 22 0:24 / /dev rw,nosuid shared:2 - devtmpfs udev rw
27 26 0:25 / /dev/pts rw,nosuid shared:3 - devpts devpts rw
28 23 0:26 / /proc/sys/fs/binfmt_misc rw - binfmt_misc binfmt_misc rw
29 22 0:27 / /mnt/odd\040place rw - configfs none rw
30 22 0:28 / /home/sysfs rw - tmpfs sysfs rw
""".strip()


def test_what_the_kernel_shows_of_itself_is_superfluous_and_goes_innermost_first() -> None:
    assert superfluous(TABLE) == ["/mnt/odd place", "/proc/sys/fs/binfmt_misc", "/sys/fs/cgroup", "/sys"]


def places(table: str) -> set[str]:
    return {line.split(" ")[4] for line in table.splitlines()}


def table_of_what_is_started(spawner: Spawner) -> str:
    reading, writing = os.pipe()
    read, write = (os.dup2(fd, target, inheritable=False) for fd, target in ((reading, 70), (writing, 71)))
    os.close(reading)
    os.close(writing)
    pid = spawner.spawn(
        Start(
            program="/bin/cat",
            argv=("cat", "/proc/self/mountinfo"),
            actions=(Duplicate(write, 1),),
            first_closed=3,
            session=False,
            umask=0o022,
            randomise_addresses=False,
        )
    )
    os.close(write)
    with os.fdopen(read) as file:
        text = file.read()
    os.waitpid(pid, 0)
    return text


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser may have a table of its own")
def test_a_thread_that_only_starts_sandboxes_spares_them_that_and_changes_nothing_for_others() -> None:
    before = Path("/proc/self/mountinfo").read_text()
    with Spawner.with_own_thread() as spawner:
        found = table_of_what_is_started(spawner)
    assert superfluous(before), "a machine without /sys?"
    assert superfluous(found) == []
    assert {"/", "/proc"} <= places(found) < places(before)
    assert Path("/proc/self/mountinfo").read_text() == before
