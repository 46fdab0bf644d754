"""The calls of the C library that Python lacks: posix_spawn with closefrom, unshare, personality, ptrace, mount.

Everything here releases the interpreter's lock while it runs. Source: posix_spawn(3), unshare(2),
personality(2), ptrace(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

_CLONE_FS: Final = 0x200
_CLONE_NEWNS: Final = 0x20000
_MS_REC: Final = 0x4000
_MS_SLAVE: Final = 0x80000
_MNT_DETACH: Final = 2
_ADDR_NO_RANDOMIZE: Final = 0x0040000
_PTRACE_CONT: Final = 7
_PTRACE_SEIZE: Final = 0x4206
_PTRACE_O_EXITKILL: Final = 0x00100000
_SETSIGDEF, _SETSIGMASK, _SETSID = 0x04, 0x08, 0x80
_OPAQUE: Final = 1024  # more than sizeof of any opaque type here, in glibc and musl: at most 336


@attrs.frozen
class Duplicate:
    """In the child: descriptor ``target`` becomes a copy of ``source``."""

    source: int
    target: int


@attrs.frozen
class Open:
    """In the child: descriptor ``target`` is ``path``, opened for reading."""

    path: str
    target: int


Action = Duplicate | Open


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        raise OSError(result, os.strerror(result), what)


def _failed(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), what)


@attrs.frozen(eq=False)
class Native:
    """The C library, opened."""

    library: ctypes.CDLL = attrs.field(factory=_library)

    def own_file_system_attributes(self) -> None:
        """Give the calling thread a umask and a working directory of its own."""
        if self.library.unshare(_CLONE_FS) != 0:
            raise _failed("unshare(CLONE_FS)")

    def randomise_addresses(self, *, wanted: bool) -> None:
        """Set whether programs started by the calling thread get random addresses."""
        persona = 0 if wanted else _ADDR_NO_RANDOMIZE
        if self.library.personality(ctypes.c_ulong(persona)) == -1:
            raise _failed(f"personality({persona:#x})")

    def own_mounts(self) -> None:
        """Give the calling thread a table of mounts of its own; what others mount still comes into it, none goes out.

        Raises:
            OSError: it may not.
        """
        if self.library.unshare(_CLONE_NEWNS) != 0:
            raise _failed("unshare(CLONE_NEWNS)")
        if self.library.mount(b"none", b"/", None, ctypes.c_ulong(_MS_REC | _MS_SLAVE), None) != 0:
            raise _failed("mount(MS_SLAVE)")

    def detach(self, place: str) -> None:
        """Take a mount out of the calling thread's table, and what is mounted below it; no error if it is not there."""
        self.library.umount2(os.fsencode(place), _MNT_DETACH)

    def seize(self, pid: int) -> None:
        """Make the calling thread the tracer of a process, without stopping it; the process dies with the thread."""
        options = ctypes.c_ulong(_PTRACE_O_EXITKILL)
        if self.library.ptrace(ctypes.c_ulong(_PTRACE_SEIZE), ctypes.c_int(pid), None, options) == -1:
            raise _failed("ptrace(PTRACE_SEIZE)")

    def resume(self, pid: int) -> None:
        """Let a traced process go on, without the signal that stopped it; nothing happens if it is not stopped."""
        self.library.ptrace(ctypes.c_ulong(_PTRACE_CONT), ctypes.c_int(pid), None, None)

    def spawn(
        self, program: str, argv: Sequence[str], actions: Sequence[Action], first_closed: int, *, session: bool
    ) -> int:
        """Start a program with an empty environment, default signals and no descriptor from ``first_closed`` on.

        Args:
            program: its path; PATH is not searched.
            argv: from ``argv[0]``.
            actions: carried out in order, before the descriptors are closed.
            first_closed: the lowest descriptor it does not get.
            session: whether it leads a new session.

        Raises:
            OSError: it could not be started.
        """
        table = ctypes.create_string_buffer(_OPAQUE)
        attributes = ctypes.create_string_buffer(_OPAQUE)
        vector = (ctypes.c_char_p * (len(argv) + 1))(*(os.fsencode(argument) for argument in argv), None)
        nothing = (ctypes.c_char_p * 1)(None)
        pid = ctypes.c_int()
        _checked(self.library.posix_spawn_file_actions_init(table), "posix_spawn_file_actions_init")
        try:
            self._fill_actions(table, actions, first_closed)
            self._fill_attributes(attributes, session=session)
            path = os.fsencode(program)
            _checked(self.library.posix_spawn(ctypes.byref(pid), path, table, attributes, vector, nothing), program)
        finally:
            self.library.posix_spawn_file_actions_destroy(table)
        return pid.value

    def _fill_actions(self, table: ctypes.Array[ctypes.c_char], actions: Sequence[Action], first_closed: int) -> None:
        for action in actions:
            if isinstance(action, Duplicate):
                result = self.library.posix_spawn_file_actions_adddup2(table, action.source, action.target)
            else:
                path = os.fsencode(action.path)
                result = self.library.posix_spawn_file_actions_addopen(table, action.target, path, os.O_RDONLY, 0)
            _checked(result, "posix_spawn_file_actions")
        if hasattr(self.library, "posix_spawn_file_actions_addclosefrom_np"):
            _checked(self.library.posix_spawn_file_actions_addclosefrom_np(table, first_closed), "closefrom")
            return
        for fd in inheritable_descriptors(first_closed):  # glibc before 2.34, musl
            _checked(self.library.posix_spawn_file_actions_addclose(table, fd), "posix_spawn_file_actions_addclose")

    def _fill_attributes(self, attributes: ctypes.Array[ctypes.c_char], *, session: bool) -> None:
        library = self.library
        signals = ctypes.create_string_buffer(_OPAQUE)
        _checked(library.posix_spawnattr_init(attributes), "posix_spawnattr_init")
        library.sigemptyset(signals)
        _checked(library.posix_spawnattr_setsigmask(attributes, signals), "posix_spawnattr_setsigmask")
        library.sigfillset(signals)
        _checked(library.posix_spawnattr_setsigdefault(attributes, signals), "posix_spawnattr_setsigdefault")
        flags = _SETSIGDEF | _SETSIGMASK | (_SETSID if session else 0)
        _checked(library.posix_spawnattr_setflags(attributes, ctypes.c_short(flags)), "posix_spawnattr_setflags")


def inheritable_descriptors(first: int) -> list[int]:
    """The descriptors of this process from ``first`` on that a started program would inherit."""
    inheritable: list[int] = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 -- names wanted
        fd = int(name)
        try:
            if fd >= first and os.get_inheritable(fd):
                inheritable.append(fd)
        except OSError as error:
            if error.errno != errno.EBADF:  # the listing's own descriptor is gone by now
                raise
    return inheritable
