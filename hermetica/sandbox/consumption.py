"""What a build uses up that no resource limit of the kernel bounds: disk, files, and as the superuser processes.

Looked at now and then while it runs, so a limit is exceeded by as much as fits between two looks. Free space and the
number of tasks of the whole machine are asked first, a few microseconds; only when those leave room for doubt is the
build itself measured: its directories, the files that it holds open without a name, its processes. Source: statvfs(3),
proc(5).
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.sandbox.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hermetica.sandbox.limits import Limits
    from hermetica.sandbox.spec import SandboxSpec

_BLOCK_BYTES: Final = 512
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_MAX: Final = 64
"""How deep a walk keeps directories open; what lies deeper cannot be measured."""
_REST: Final = 20
"""After a measurement comes a pause of so many times its duration."""
_ANYWAY_S: Final = 300.0
"""After so long a build is measured even though free space has not shrunk: somebody else may have freed some."""
_BAFFLED_MAX: Final = 3


@attrs.frozen
class Amount:
    """Bytes on disk, and entries."""

    size_bytes: int = 0
    entries: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.size_bytes + other.size_bytes, self.entries + other.entries)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.size_bytes - other.size_bytes, self.entries - other.entries)

    def exceeds(self, limits: Limits) -> bool:
        """Whether it is more than a build may write."""
        return (limits.written_bytes is not None and self.size_bytes > limits.written_bytes) or (
            limits.written_entries is not None and self.entries > limits.written_entries
        )


def free(directories: Sequence[str]) -> Amount:
    """What is free on the file systems of directories."""
    seen: dict[int, Amount] = {}
    for directory in directories:
        found = os.statvfs(directory)
        seen[found.f_fsid] = Amount(found.f_bfree * found.f_frsize, found.f_ffree)
    return sum(seen.values(), Amount())


@attrs.define
class Measurement:
    """One look at everything that a build has written; it ends where the limits do.

    Attributes:
        limits: of the build.
        found: what there is. A file with several names counts once, its names each.
        baffled: whether something could not be looked at: too deep, closed, or moved meanwhile.
    """

    limits: Limits
    found: Amount = attrs.field(factory=Amount)
    baffled: bool = False
    _counted: set[tuple[int, int]] = attrs.field(factory=set[tuple[int, int]])

    def directory(self, path: str) -> None:
        """Count what is below a directory; no link is followed."""
        levels = [(-1, [path])]
        while levels and not self.found.exceeds(self.limits):
            fd, names = levels[-1]
            if names:
                self._enter(names.pop(), fd, levels)
            else:
                levels.pop()
                os.close(fd) if fd >= 0 else None
        for fd, _ in levels[1:]:
            os.close(fd)

    def _enter(self, name: str, above: int, levels: list[tuple[int, list[str]]]) -> None:
        try:
            fd = os.open(name, _DIRECTORY, dir_fd=above if above >= 0 else None)
        except OSError:
            self.baffled = True
            return
        below: list[str] = []
        levels.append((fd, below))
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    self._count(entry.stat(follow_symlinks=False), entry.is_dir(follow_symlinks=False))
                    if entry.is_dir(follow_symlinks=False):
                        below.append(entry.name)
                    if self.found.exceeds(self.limits):
                        return
        except OSError:
            self.baffled = True
        if len(levels) > _OPEN_MAX and below:
            self.baffled = True
            below.clear()

    def unnamed(self, init: int) -> None:
        """Count the files without a name that processes of the sandbox of ``init`` hold open."""
        for pid in processes(init):
            try:
                for fd in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208 -- names wanted
                    status = os.stat(f"/proc/{pid}/fd/{fd}")  # noqa: PTH116 -- a descriptor, not a path
                    if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                        self._count(status, is_directory=False)
            except OSError:
                continue  # it ended, or its descriptor was closed

    def _count(self, status: os.stat_result, is_directory: bool) -> None:  # noqa: FBT001 -- beside its status
        size_bytes = status.st_blocks * _BLOCK_BYTES
        if status.st_nlink != 1 and not is_directory:
            key = status.st_dev, status.st_ino
            size_bytes = 0 if key in self._counted else size_bytes
            self._counted.add(key)
        self.found += Amount(size_bytes, 1)


def processes(init: int) -> Iterator[int]:
    """The processes of a sandbox, in the numbers of the host, by its process-id namespace."""
    try:
        namespace = os.readlink(f"/proc/{init}/ns/pid")  # noqa: PTH115 -- text wanted
    except OSError:
        return
    for name in os.listdir("/proc"):  # noqa: PTH208 -- names wanted
        if name.isdigit():
            try:
                if os.readlink(f"/proc/{name}/ns/pid") == namespace:  # noqa: PTH115 -- text wanted
                    yield int(name)
            except OSError:
                continue


def tasks(init: int, enough: int) -> int:
    """How many processes and threads the sandbox of ``init`` has, as far as ``enough``; counted in its own /proc."""
    place = f"/proc/{init}/root/proc"
    try:
        names = [name for name in os.listdir(place) if name.isdigit()]  # noqa: PTH208 -- names wanted
    except OSError:
        return 0  # it ended
    if (count := len(names)) > enough:
        return count
    for name in names:
        try:
            count += os.stat(f"{place}/{name}/task").st_nlink - 3  # noqa: PTH116 -- one system call each; ``.``, ``..``, itself
        except OSError:
            continue
    return count


def _tasks_of_the_machine() -> int | None:
    """How many processes and threads there are; None where /proc does not say."""
    try:
        fd = os.open("/proc/loadavg", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return int(os.read(fd, 128).split()[3].partition(b"/")[2])
        finally:
            os.close(fd)
    except (OSError, ValueError, IndexError):
        return None


@attrs.define(kw_only=True)
class Consumption:
    """Watches one build; used by one thread.

    Attributes:
        directories: those it may write, on the host. limits: of it. init: the first process of its sandbox.
        is_root: whether the kernel exempts it from its limit of processes.
    """

    directories: tuple[str, ...]
    limits: Limits
    init: int
    is_root: bool
    _free: Amount | None = None
    _known: Amount = attrs.field(factory=Amount)
    _not_before_s: float = 0.0
    _at_last_s: float = 0.0
    _baffled: int = 0

    @classmethod
    def of(cls, spec: SandboxSpec, init: int) -> Consumption:
        """What the build of ``spec`` uses, whose first process is ``init``."""
        return cls(
            directories=(spec.build_dir, spec.store_dir), limits=spec.limits, init=init, is_root=os.geteuid() == 0
        )

    def verdict(self, now_s: float) -> Outcome | None:
        """The limit that is exceeded, if any; ``now_s`` is of a steady clock."""
        if self.is_root and self._has_too_many_processes():
            return Outcome.PROCESS_LIMIT
        if self.limits.written_bytes is None and self.limits.written_entries is None:
            return None
        left = free(self.directories)
        if self._free is None:  # the first look: what was written before it is measured with the rest
            self._free, self._at_last_s = left, now_s
        doubtful = (self._known + (self._free - left)).exceeds(self.limits) or now_s - self._at_last_s > _ANYWAY_S
        if not doubtful or now_s < self._not_before_s:
            return None
        return Outcome.SIZE_LIMIT if self._measure(left, now_s) else None

    def _has_too_many_processes(self) -> bool:
        limit = self.limits.processes
        everywhere = _tasks_of_the_machine()
        return (everywhere is None or everywhere > limit) and tasks(self.init, limit) > limit

    def _measure(self, left: Amount, now_s: float) -> bool:
        """Whether the build has written more than it may."""
        started_s = time.monotonic()
        measurement = Measurement(self.limits)
        for directory in self.directories:
            measurement.directory(directory)
        measurement.unnamed(self.init)
        self._not_before_s = now_s + (1 + _REST) * (time.monotonic() - started_s)
        shrunk = (self._known + ((self._free or left) - left)).exceeds(self.limits)
        self._baffled = self._baffled + 1 if measurement.baffled and shrunk else 0
        if self._baffled:  # what cannot be looked at may be anything: free space decides, if it stays so
            return measurement.found.exceeds(self.limits) or self._baffled >= _BAFFLED_MAX
        self._free, self._known, self._at_last_s = left, measurement.found, now_s
        return measurement.found.exceeds(self.limits)
