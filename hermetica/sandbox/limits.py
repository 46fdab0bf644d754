"""Resource limits of a build: the same numbers on every host, each reachable by an ordinary user.

Soft and hard limits are equal, but for the stack: compilers raise theirs. Source: setrlimit(2).
"""

from __future__ import annotations

import functools
from typing import Final

import attrs

MIB: Final = 1 << 20


@attrs.frozen(kw_only=True)
class Limits:
    """What one build may use; None is unlimited.

    Attributes:
        open_files: descriptors of one process. processes: threads and processes of the building user; the
        kernel does not hold the superuser's builds to it, so those are counted and ended. stack_bytes,
        stack_max_bytes: the main thread's stack, and how far a program may raise it. core_bytes: size of a core
        dump. file_size_bytes: size of any one file. memory_bytes: address space of one process. cpu_s:
        processor time of one process. locked_bytes: memory that a process may lock. temporary_bytes: size of
        /tmp and of /dev/shm, each; they live in memory. written_bytes, written_entries: what it may have on
        disk at once, outputs included; counted now and then, so it is ended a little later.
    """

    open_files: int = 4096
    processes: int = 4096
    stack_bytes: int = 8 * MIB
    stack_max_bytes: int = 64 * MIB
    core_bytes: int = 0
    file_size_bytes: int | None = None
    memory_bytes: int | None = None
    cpu_s: int | None = None
    locked_bytes: int = MIB // 16
    temporary_bytes: int | None = 2048 * MIB
    written_bytes: int | None = None
    written_entries: int | None = None


@attrs.frozen
class ResourceLimit:
    """One setrlimit(2): the constant's name, soft and hard value; None is unlimited."""

    name: str
    soft: int | None
    hard: int | None


@functools.cache
def resource_limits(limits: Limits) -> tuple[ResourceLimit, ...]:
    """Every resource the kernel knows, in the order to set them: the stack is the last."""
    same = {
        "RLIMIT_AS": limits.memory_bytes,
        "RLIMIT_CORE": limits.core_bytes,
        "RLIMIT_CPU": limits.cpu_s,
        "RLIMIT_DATA": None,
        "RLIMIT_FSIZE": limits.file_size_bytes,
        "RLIMIT_MEMLOCK": limits.locked_bytes,
        "RLIMIT_MSGQUEUE": 819200,
        "RLIMIT_NICE": 0,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_NPROC": limits.processes,
        "RLIMIT_RSS": None,
        "RLIMIT_RTPRIO": 0,
        "RLIMIT_SIGPENDING": 1024,
    }
    fixed = tuple(ResourceLimit(name, value, value) for name, value in same.items())
    return (*fixed, ResourceLimit("RLIMIT_STACK", limits.stack_bytes, limits.stack_max_bytes))
