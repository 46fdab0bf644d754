"""Starts bubblewrap for a specification and leaves it running: descriptors, limits, arguments.

The order matters: bubblewrap's first process in the sandbox, of which the builder will be a child, waits on a pipe for
the system call filter, the last thing it reads. `Running.let_go` writes it once that process is bound to die with us
and has the limits that the builder inherits. If we die before that, the filter is empty, which the kernel refuses, and
the sandbox ends without a builder; bubblewrap's own --die-with-parent is too late for that.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import resource
import stat
import sys
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.sandbox.command import ARGUMENTS_FD, FIRST_DATA_FD, SECCOMP_FD, STATUS_FD, Launch, command_line
from hermetica.sandbox.descriptors import Descriptors
from hermetica.sandbox.errors import ArgumentsTooLong, InvalidSandboxSpec, MountSourceMissing, SandboxUnavailable
from hermetica.sandbox.init import Init
from hermetica.sandbox.limits import ResourceLimit, resource_limits
from hermetica.sandbox.native import Action, Duplicate, Open
from hermetica.sandbox.refusal import bwrap_missing, limit_refusal, too_many_processes
from hermetica.sandbox.rootfs import Entry
from hermetica.sandbox.seccomp import filter_for
from hermetica.sandbox.spawn import Start
from hermetica.sandbox.surroundings import covers, limits_in, open_terminal, processors, settle
from hermetica.sandbox.world import STORE_PREFIX, Tier, required_tier

if TYPE_CHECKING:
    from hermetica.sandbox.frozen.held import Held
    from hermetica.sandbox.frozen.process import TracedInit
    from hermetica.sandbox.limits import Limits
    from hermetica.sandbox.native import Native
    from hermetica.sandbox.spawn import Spawner
    from hermetica.sandbox.spec import Mount, SandboxSpec
    from hermetica.sandbox.status import Started
    from hermetica.sandbox.world import World

_FARM_PROGRAM: Final = os.path.join(os.path.dirname(__file__), "farm.py")  # noqa: PTH118, PTH120 -- handed to another process as text
_SCARCE: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})  # of this process, whatever it does


@attrs.define(kw_only=True)
class Running:
    """A started bubblewrap.

    Attributes:
        pid: its process id; it is our child. status: descriptor to read its reports from; at its end
        bubblewrap is gone. log: descriptor to read the builder's output from, non-blocking; None when it
        writes to the caller's terminal. gate: descriptor that waits for the system call filter; None once it has
        got it. limits: of the builder. cpus: the processors that it may run on; None for all. world: the surroundings
        that it is to have. held: what holds them still; None where nothing has to.
    """

    pid: int
    status: int
    log: int | None
    gate: int | None
    limits: Limits
    cpus: frozenset[int] | None
    world: World
    held: Held | None

    def attach(self, started: Started, native: Native) -> Init | TracedInit | None:
        """A handle on the sandbox, or None if it is gone already. Call it from the thread that will wait."""
        return Init.attach(started, native) if self.held is None else self.held.attach(started)

    def let_go(self, init: int) -> None:
        """Let the builder start, as a child of the sandbox's first process.

        Args:
            init: that process, as the host counts.

        Raises:
            SandboxUnavailable: a limit is beyond what this user may set; no builder starts.
            WorldUnavailable: the kernel refuses something of the world.
        """
        if self.gate is not None:
            _bind(init, self.limits, self.cpus)
            gate, self.gate = self.gate, None
            try:
                settle(init, self.world)
                _write_all(gate, filter_for(os.uname().machine) if self.held is None else self.held.filter)
            finally:
                os.close(gate)

    def close(self) -> None:
        """Close the descriptors; the process is another matter."""
        if self.held is not None:
            self.held.release()
        if self.gate is not None:
            os.close(self.gate)
            self.gate = None
        os.close(self.status)
        if self.log is not None:
            os.close(self.log)


def _entry(item: os.DirEntry[str], *, deep: bool) -> Entry:
    if item.is_symlink():
        return Entry(item.name, os.readlink(item.path))  # noqa: PTH115 -- text to text
    below = list_entries(item.path) if deep and item.is_dir() else ()
    return Entry(item.name, children=below)


def list_entries(directory: str, *, with_etc: bool = False) -> tuple[Entry, ...]:
    """The entries of a directory, ascending by name; with what is in ``etc`` if asked."""
    with os.scandir(directory) as found:
        entries = [_entry(item, deep=with_etc and item.name == "etc") for item in found]
    return tuple(sorted(entries, key=lambda entry: entry.name))


def _farm_plan(launch: Launch, spec: SandboxSpec) -> bytes:
    texts = [spec.store_dir]
    for mount in launch.farm:
        texts += [mount.source, mount.target.rpartition("/")[2]]
    return b"\0".join(os.fsencode(text) for text in texts)


def _program(launch: Launch, bwrap: str, *, plan_fd: int) -> tuple[str, tuple[str, ...]]:
    if not launch.farm:
        return bwrap, launch.argv
    python = sys.executable
    if not python or not os.access(python, os.X_OK):
        raise SandboxUnavailable(
            "more inputs than bubblewrap can mount need a Python interpreter, and sys.executable names none",
            "set sys.executable to one in the embedding program",
            kind="no-python",
        )
    return python, ("python", "-I", "-S", "-B", _FARM_PROGRAM, str(plan_fd), bwrap, *launch.argv)


def _stdio(log: int | None, *, is_terminal: bool) -> list[Action]:
    if log is None:
        return []
    if is_terminal:
        return [Duplicate(log, 0), Duplicate(log, 1), Duplicate(log, 2)]
    return [Duplicate(log, 1), Duplicate(1, 2), Open("/dev/null", 0)]


@functools.cache
def _numbers(limits: Limits) -> tuple[tuple[ResourceLimit, int, tuple[int, int]], ...]:
    """Each limit with what prlimit(2) takes for it."""

    def number(value: int | None) -> int:
        return resource.RLIM_INFINITY if value is None else value

    return tuple(
        (each, getattr(resource, each.name), (number(each.soft), number(each.hard))) for each in resource_limits(limits)
    )


def _bind(pid: int, limits: Limits, cpus: frozenset[int] | None) -> None:
    """Set what a process and all that it starts may use."""
    for limit, number, values in _numbers(limits):
        try:
            resource.prlimit(pid, number, values)
        except (PermissionError, ValueError) as error:
            allowed = resource.getrlimit(number)[1]
            raise limit_refusal(limit.name, limit.hard, allowed).error() from error
        except ProcessLookupError:
            return  # it died early; its own message says why
    if cpus is not None:
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(pid, cpus)


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(fd, rest) :]
    except BrokenPipeError:
        return  # it died early; its own message says why


def _spawn(spec: SandboxSpec, order: Start, spawner: Spawner) -> int:
    try:
        return spawner.spawn(order)
    except FileNotFoundError as error:
        raise bwrap_missing(()).error(str(error)) from error
    except OSError as error:
        if error.errno == errno.E2BIG:
            raise ArgumentsTooLong(spec.builder) from error
        if error.errno in _SCARCE:
            raise
        if error.errno == errno.EAGAIN:
            raise too_many_processes().error(str(error)) from error
        raise SandboxUnavailable(
            f"{order.program} cannot be started: {error.strerror}",
            "check it with `hermetica doctor`",
            kind="bwrap-missing",
        ) from error


def _order(
    spec: SandboxSpec,
    launch: Launch,
    bwrap: str,
    ends: tuple[int, int, int, int | None],
    paths: tuple[str, ...],
    tracer: tuple[str, ...],
) -> Start:
    arguments, status, gate, log = ends
    first_closed = FIRST_DATA_FD + len(paths)
    program, argv = _program(launch, bwrap, plan_fd=first_closed - 1)
    if tracer:
        program, argv = tracer[0], (*tracer, program, *argv[1:])
    return Start(
        program=program,
        argv=argv,
        actions=(
            *_stdio(log, is_terminal=spec.world.on_terminal),
            *(Duplicate(arguments, ARGUMENTS_FD), Duplicate(status, STATUS_FD), Duplicate(gate, SECCOMP_FD)),
            *(Open(path, FIRST_DATA_FD + index) for index, path in enumerate(paths)),
        ),
        first_closed=first_closed,
        session=not spec.terminal,
        umask=spec.world.umask,
        randomise_addresses=spec.world.randomise_addresses,
    )


def start(spec: SandboxSpec, bwrap: str, spawner: Spawner, tracer: tuple[str, ...] = ()) -> Running:
    """Start bubblewrap; its parent is the spawner's thread.

    Args:
        spec: what to run.
        bwrap: path of the program.
        spawner: starts it.
        tracer: a program and arguments that run bubblewrap in its place.

    Raises:
        SandboxUnavailable: the host refuses before bubblewrap could.
        TierUnavailable: the host cannot hold the world still.
        WorldUnavailable: the host has not what the world needs.
    """
    prepare_directories(spec)
    held = None if required_tier(spec.world) < Tier.T2 else _held(spec, spawner)
    if spec.rootfs and os.path.islink(spec.rootfs):  # noqa: PTH114 -- text, as a mount would follow it on the host
        raise InvalidSandboxSpec(f"a rootfs is a directory, not a symbolic link: {spec.rootfs}")
    mounted = _with_links_in_place(spec)
    entries = list_entries(spec.rootfs, with_etc=True) if spec.rootfs else ()
    launch = command_line(mounted, entries, covers(spec))
    cpus = None if spec.world.cpus is None else processors(spec.world.cpus)
    with Descriptors(FIRST_DATA_FD + len(launch.data) + bool(launch.farm)) as owned:
        arguments = owned.memory(launch.arguments)
        status_in, status_out = owned.pipe()
        gate_in, gate_out = owned.pipe()
        log_in, log_out = (None, None) if spec.terminal else _log(owned, spec.world)
        filter_for(os.uname().machine)  # refused for machines that have none, before anything starts
        paths = [spawner.readable(content) for content in launch.data]
        if launch.farm:  # no two builds have the same
            paths.append(f"/proc/self/fd/{owned.memory(_farm_plan(launch, spec))}")
        order = _order(spec, launch, bwrap, (arguments, status_out, gate_in, log_out), tuple(paths), tracer)
        pid = _spawn(spec, order, spawner)
        owned.release(status_in, gate_out)
        if log_in is not None:
            os.set_blocking(log_in, False)
            owned.release(log_in)
    return Running(
        pid=pid,
        status=status_in,
        log=log_in,
        gate=gate_out,
        limits=limits_in(spec.world, spec.limits),
        cpus=cpus,
        world=spec.world,
        held=held,
    )


def _held(spec: SandboxSpec, spawner: Spawner) -> Held:
    from hermetica.sandbox.frozen.held import hold  # noqa: PLC0415 -- where a clock is to stand still

    return hold(spec, spawner)


def _log(owned: Descriptors, world: World) -> tuple[int, int]:
    """(our end, the builder's) of what its output goes through."""
    return owned.pair(open_terminal()) if world.on_terminal else owned.pipe()


def _with_links_in_place(spec: SandboxSpec) -> SandboxSpec:
    """The spec without inputs that are symbolic links: a mount would follow them on the host, so they are copied."""
    links: list[Mount] = []
    for mount in spec.inputs:
        try:
            if stat.S_ISLNK(os.lstat(mount.source).st_mode):
                links.append(mount)
        except FileNotFoundError as error:
            raise MountSourceMissing(mount.source) from error
    for link in links:
        _copy_link(link, spec.store_dir)
    return attrs.evolve(spec, inputs=tuple(mount for mount in spec.inputs if mount not in links)) if links else spec


def _copy_link(link: Mount, store_dir: str) -> None:
    head, _, name = link.target.rpartition("/")
    if head != STORE_PREFIX:
        raise InvalidSandboxSpec(f"a symbolic link can only be an input directly in {STORE_PREFIX}: {link.target}")
    with contextlib.suppress(FileExistsError):  # a kept build is entered
        os.symlink(os.readlink(link.source), f"{store_dir}/{name}")  # noqa: PTH115, PTH211 -- text to text


def prepare_directories(spec: SandboxSpec) -> None:
    """Give the two writable directories the modes that the contract shows.

    Raises:
        MountSourceMissing: one of them does not exist.
    """
    try:
        os.chmod(spec.build_dir, 0o700)  # noqa: PTH101 -- one system call, a thousand times
        os.chmod(spec.store_dir, 0o755)  # noqa: PTH101, S103 -- what holds it is the caller's, and 0700
    except FileNotFoundError as error:
        raise MountSourceMissing(str(error.filename)) from error
