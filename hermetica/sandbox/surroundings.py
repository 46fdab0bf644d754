"""What a world takes beyond bubblewrap's options: processors, a terminal, another /bin/sh, names and numbers inside.

Nothing here runs for the default world.
"""

from __future__ import annotations

import functools
import os
import posixpath
import sys
import termios
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.sandbox.errors import WorldUnavailable
from hermetica.sandbox.spec import Mount
from hermetica.sandbox.world import FIRST_PID, World

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermetica.sandbox.limits import Limits
    from hermetica.sandbox.spec import SandboxSpec

_SETTLE_PROGRAM: Final = Path(__file__).with_name("settle.py")
_LINKS_MAX: Final = 40
_ENDS_OF_INPUT: Final = b"\x04" * 256


def processors(count: int) -> frozenset[int]:
    """The first ``count`` of the processors that this process may run on.

    Raises:
        WorldUnavailable: it may not run on so many.
    """
    allowed = sorted(os.sched_getaffinity(0))
    if count > len(allowed):
        raise WorldUnavailable("cpus", f"{count} processors are wanted, and {len(allowed)} may be used")
    return frozenset(allowed[:count])


def limits_in(world: World, limits: Limits) -> Limits:
    """The limits with those that the world has of its own."""
    if world.open_files is not None:
        limits = attrs.evolve(limits, open_files=world.open_files)
    if world.stack_bytes is not None:
        limits = attrs.evolve(
            limits, stack_bytes=world.stack_bytes, stack_max_bytes=max(world.stack_bytes, limits.stack_max_bytes)
        )
    return limits


def open_terminal() -> tuple[int, int]:
    """A new terminal: (our end, the builder's). It passes output on unchanged, and who reads from it finds the end."""
    ours, theirs = os.openpty()
    modes = termios.tcgetattr(theirs)
    modes[1] &= ~termios.OPOST
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(theirs, termios.TCSANOW, modes)
    os.write(ours, _ENDS_OF_INPUT)
    return ours, theirs


def _real(rootfs: str, path: str) -> str | None:
    """The path within a rootfs that a path leads to; None if it leads nowhere in it."""
    todo, done = path.strip("/").split("/"), ""
    links = 0
    while todo:
        part = todo.pop(0)
        place = posixpath.normpath(f"{done}/{part}")
        on_host = Path(f"{rootfs}{place}")
        if on_host.is_symlink():
            links += 1
            target = str(on_host.readlink())
            if links > _LINKS_MAX:
                return None
            if target.startswith("/"):
                done = ""
            todo = [*target.strip("/").split("/"), *todo]
        elif part not in {"", "."}:
            if not on_host.exists():
                return None
            done = place if place != "/" else ""
    return done


def _shells(spec: SandboxSpec) -> Iterable[tuple[str, str]]:
    """(path on the host of the program, the file in the sandbox that it covers)."""
    rootfs, wanted = spec.rootfs, spec.world.sh
    if rootfs is None or wanted is None:
        return
    covered, program = _real(rootfs, "/bin/sh"), _real(rootfs, wanted)
    if covered and program and covered != program:
        yield f"{rootfs}{program}", covered


def covers(spec: SandboxSpec) -> tuple[Mount, ...]:
    """Files of the rootfs to be mounted over others of it."""
    return tuple(Mount(source, target) for source, target in _shells(spec))


@functools.cache
def _domain_of_the_host() -> str | None:
    """The domain name that a new namespace has from the host's; None where it cannot be known."""
    try:
        return Path("/proc/sys/kernel/domainname").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None


def settle(first: int, world: World) -> None:
    """Set the domain name and the next process id of a sandbox whose first process waits.

    Args:
        first: that process, as the host counts.
        world: what it is to be.

    Raises:
        WorldUnavailable: the kernel refuses.
    """
    last = "" if world.first_pid == FIRST_PID else str(world.first_pid - 1)
    domain = "" if world.domain_name in {None, _domain_of_the_host()} else str(world.domain_name)
    if not domain and not last:
        return
    import subprocess  # noqa: PLC0415 -- studies only

    command = [sys.executable, "-I", "-S", "-B", str(_SETTLE_PROGRAM), str(first), domain, last]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        factor = " and ".join(name for name, text in (("domainname", domain), ("pid", last)) if text)
        cause = done.stderr.strip() or f"{command[0]} ended with {done.returncode}"
        raise WorldUnavailable(factor, cause, hint="leave it at its default")
