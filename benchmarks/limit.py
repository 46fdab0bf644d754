"""The sandbox contract and nothing else: a program that starts bubblewrap with hermetica's own options.

No store, no hashing, no log, no record: what it takes is what any builder with this contract has to pay on this
machine. ``python -m benchmarks.limit COUNT JOBS DIRECTORY`` with the tools in ``DIRECTORY/tools``.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from hermetica.sandbox import SandboxSpec
from hermetica.sandbox.command import FIRST_DATA_FD, SECCOMP_FD, STATUS_FD, command_line
from hermetica.sandbox.locate import find_bwrap
from hermetica.sandbox.seccomp import filter_for
from hermetica.sandbox.spec import Mount

_TOOLS = "/hermetica/store/hx000000000000000000000000000000-tools"


def _memory(content: bytes) -> int:
    fd = os.memfd_create("limit")
    os.write(fd, content)
    return fd


def _start(bwrap: str, number: int, slot: Path, tools: Path, data: dict[bytes, int]) -> int:
    spec = SandboxSpec(
        builder=f"{_TOOLS}/bin/sh",
        args=("-c", f"echo {number} > /build/out"),
        env=(),
        inputs=(Mount(str(tools), _TOOLS),),
        store_dir=str(slot / "store"),
        build_dir=str(slot / "build"),
        rootfs=None,
    )
    launch = command_line(spec)
    contents = {SECCOMP_FD: filter_for(platform.machine())}
    contents |= {FIRST_DATA_FD + index: content for index, content in enumerate(launch.data)}
    actions = [(os.POSIX_SPAWN_OPEN, STATUS_FD, "/dev/null", os.O_WRONLY, 0)]
    for target, content in contents.items():
        source = data.setdefault(content, -1)
        if source < 0:
            source = data[content] = _memory(content)
        actions.append((os.POSIX_SPAWN_OPEN, target, f"/proc/self/fd/{source}", os.O_RDONLY, 0))
    return os.posix_spawn(bwrap, ["bwrap", *launch.options, "--", spec.builder, *spec.args], {}, file_actions=actions)


def main(count: int, jobs: int, directory: Path) -> int:
    """Starts ``count`` sandboxes, ``jobs`` at a time; 1 where one of them failed."""
    bwrap, data = find_bwrap(), dict[bytes, int]()
    slots = [directory / f"slot{index}" for index in range(jobs)]
    for slot in slots:
        for name in ("store", "build"):
            (slot / name).mkdir(parents=True)
    running: dict[int, Path] = {}
    failed = started = 0
    while started < count or running:
        while slots and started < count:
            slot = slots.pop()
            running[_start(bwrap, started, slot, directory / "tools", data)] = slot
            started += 1
        pid, status = os.wait()
        slots.append(running.pop(pid))
        failed += status != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
