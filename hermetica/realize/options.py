"""How a run goes about its work: choices of the caller that no id depends on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias, TypedDict

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermetica.realize.post_build import PostBuild
    from hermetica_store import LowDisk

Hook: TypeAlias = "str | os.PathLike[str] | Callable[[PostBuild], object]"
"""A program's path, or what takes a ``PostBuild``."""

CLOCKS = ("running", "frozen", "strict")
"""What builds may have held still, each with what comes before it."""
DEFAULT_LOG_LIMIT_BYTES = 256 << 20
DEFAULT_BUILD_LIMIT_BYTES = 256 << 30
DEFAULT_BUILD_LIMIT_ENTRIES = 2_000_000


def available_cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0))


def default_jobs() -> int:
    """Two more than the processors: the kernel keeps a sandbox waiting while it makes one and takes it down."""
    return available_cores() + 2


@attrs.frozen(kw_only=True)
class Options:
    """The caller's choices.

    Attributes:
        jobs: how many derivations run at once.
        cores: what each builder is told it may use; never part of an id.
        timeout_s: how long a builder may run; None for ever.
        silence_timeout_s: how long it may say nothing; None for ever.
        log_limit_bytes: how much log it may write; None without end.
        build_limit_bytes: how much a builder may have on disk at once, and how large its outputs; None without end.
        build_limit_entries: how many files, directories and links it may have at once; None without end.
        keep_going: whether a failure lets independent work go on.
        keep_failed: whether the directory of a failed build stays, to be looked at and entered.
        trace_files: where to write which files a build looked for; when one fails, it runs once more under strace.
        check: whether what is asked for is built again, and compared with what the store has.
        rounds: how many times each derivation is built, all alike; with ``check``, how many times again.
        post_build_hook: a program's path, or what to call, for each derivation that the run makes; when its outputs are
            durable, one call after another, in a thread of the run's own.
        post_build_hook_timeout_s: how long such a program may run; None for ever. A call is not interrupted.
        substitute: whether the substituters of the settings are asked before anything is built.
        clock: ``running``, ``frozen`` or ``strict``: what is held still, where the host can, for builds that require
            nothing of their own; never part of an id.
        low_disk: when to collect beside the builds, and how much; None never does.
        requested_by: who asked, for the build record.
    """

    jobs: int = attrs.field(factory=default_jobs, validator=attrs.validators.ge(1))
    cores: int = attrs.field(factory=available_cores, validator=attrs.validators.ge(1))
    timeout_s: float | None = None
    silence_timeout_s: float | None = None
    log_limit_bytes: int | None = DEFAULT_LOG_LIMIT_BYTES
    build_limit_bytes: int | None = DEFAULT_BUILD_LIMIT_BYTES
    build_limit_entries: int | None = DEFAULT_BUILD_LIMIT_ENTRIES
    keep_going: bool = False
    keep_failed: bool = False
    trace_files: str | os.PathLike[str] | None = None
    check: bool = False
    rounds: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    post_build_hook: Hook | None = None
    post_build_hook_timeout_s: float | None = 600.0
    substitute: bool = True
    clock: str = attrs.field(default="running", validator=attrs.validators.in_(CLOCKS))
    low_disk: LowDisk | None = None
    requested_by: str = ""

    @property
    def builds_again(self) -> bool:
        """Whether targets are built although they are there."""
        return self.check or self.rounds > 1


class RunOptions(TypedDict, total=False):
    """The fields of ``Options``, as keyword arguments."""

    jobs: int
    cores: int
    timeout_s: float | None
    silence_timeout_s: float | None
    log_limit_bytes: int | None
    build_limit_bytes: int | None
    build_limit_entries: int | None
    keep_going: bool
    keep_failed: bool
    trace_files: str | os.PathLike[str] | None
    check: bool
    rounds: int
    post_build_hook: Hook | None
    post_build_hook_timeout_s: float | None
    substitute: bool
    clock: str
    low_disk: LowDisk | None
    requested_by: str
