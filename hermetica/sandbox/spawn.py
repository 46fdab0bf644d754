"""Starts bubblewrap with a umask, address layout and descriptors of its own, and leaves the embedding process alone.

Umask and personality belong to a thread once it no longer shares them. So sandboxes are started by a thread
of this room, or by a worker thread that says it is nobody else's. The thread has to live as long as what it
started: its end is the end of its sandboxes (PR_SET_PDEATHSIG is tied to the thread).
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs

from hermetica.sandbox.descriptors import raised
from hermetica.sandbox.errors import SandboxError, SandboxUnavailable
from hermetica.sandbox.locate import find_bwrap
from hermetica.sandbox.mount_table import superfluous
from hermetica.sandbox.native import Action, Native

if TYPE_CHECKING:
    from hermetica.sandbox.frozen.process import Tracer

_Reply = queue.SimpleQueue[int | Exception]


@attrs.frozen(kw_only=True)
class Start:
    """One program to start: see `Native.spawn`, and the umask and address layout it gets."""

    program: str
    argv: tuple[str, ...]
    actions: tuple[Action, ...]
    first_closed: int
    session: bool
    umask: int
    randomise_addresses: bool


class Spawner:
    """Starts sandboxes; see `on_this_thread` and `with_own_thread`. Close it after the last of them has ended."""

    def __init__(self) -> None:
        self.native = Native()
        self._thread = threading.get_ident()
        self._pid = os.getpid()
        self._constants: dict[bytes, int] = {}
        self._lock = threading.Lock()
        self._bwrap: str | None = None
        self._tracers: list[Tracer] = []

    @classmethod
    def on_this_thread(cls) -> Self:
        """A spawner for sandboxes that the calling thread starts.

        The thread loses the umask and working directory it shares with the process, so it must be hermetica's own.

        Raises:
            SandboxUnavailable: the host refuses it.
        """
        spawner = cls()
        spawner._prepare()
        return spawner

    @staticmethod
    def with_own_thread() -> ThreadSpawner:
        """A spawner that any thread may use."""
        return ThreadSpawner()

    def _prepare(self) -> None:
        self._thread = threading.get_ident()
        try:
            self.native.own_file_system_attributes()
            self.native.randomise_addresses(wanted=False)
        except OSError as error:
            raise SandboxUnavailable(
                f"the kernel refuses {error.filename}: {error.strerror}",
                "a container's seccomp profile forbids it: run the container with --security-opt seccomp=unconfined",
                kind="seccomp",
            ) from error

    def spawn(self, start: Start) -> int:
        """Start a program; its process id.

        Raises:
            OSError: it could not be started.
        """
        if self._thread != threading.get_ident() or self._pid != os.getpid():
            raise SandboxError("a spawner was used by another thread or process than the one it was made for")
        return self._spawn(start)

    def _spawn(self, start: Start) -> int:
        os.umask(start.umask)
        if start.randomise_addresses:
            self.native.randomise_addresses(wanted=True)
        try:
            return self.native.spawn(
                start.program, start.argv, start.actions, start.first_closed, session=start.session
            )
        finally:
            if start.randomise_addresses:
                self.native.randomise_addresses(wanted=False)

    def bwrap(self) -> str:
        """The path of the bubblewrap program, looked up once.

        Raises:
            SandboxUnavailable: there is none.
        """
        if self._bwrap is None:
            self._bwrap = find_bwrap()
        return self._bwrap

    def readable(self, content: bytes) -> str:
        """A path that a started program can open to read ``content``; kept until `close`."""
        with self._lock:
            fd = self._constants.get(content)
            if fd is None:
                fd = self._constants[content] = raised(os.memfd_create("hermetica", os.MFD_CLOEXEC))
                os.write(fd, content)
        return f"/proc/self/fd/{fd}"

    def tracer(self) -> Tracer:
        """A tracer that nobody uses, which is the caller's until its report; it is kept until `close`.

        Raises:
            TierUnavailable: this machine has none.
        """
        from hermetica.sandbox.frozen.process import Tracer  # noqa: PLC0415 -- where a clock is to stand still

        with self._lock:
            for tracer in self._tracers:
                if tracer.is_free:
                    tracer.is_free = False
                    return tracer
        made = Tracer()
        with self._lock:
            self._tracers.append(made)
        return made

    def close(self) -> None:
        """Forget the constants, and end the tracers."""
        with self._lock:
            constants, self._constants = self._constants, {}
            tracers, self._tracers = self._tracers, []
        for tracer in tracers:
            tracer.close()
        for fd in constants.values():
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


class ThreadSpawner(Spawner):
    """A spawner with a thread of its own, from the first start to `close`."""

    def __init__(self) -> None:
        super().__init__()
        self._orders: queue.SimpleQueue[tuple[Start, _Reply] | None] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None

    def spawn(self, start: Start) -> int:
        """Start a program on the spawner's thread; see `Spawner.spawn`."""
        if self._pid != os.getpid():
            raise SandboxError("a spawner was used by another process than the one it was made for")
        with self._lock:
            if self._worker is None:
                worker = threading.Thread(target=self._work, name="hermetica-spawner", daemon=True)
                worker.start()
                self._worker = worker
        reply: _Reply = queue.SimpleQueue()
        self._orders.put((start, reply))
        answer = reply.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _work(self) -> None:
        refused: SandboxUnavailable | None = None
        try:
            self._prepare()
            self._shorten_mount_table()
        except SandboxUnavailable as error:
            refused = error
        while (order := self._orders.get()) is not None:
            start, reply = order
            try:
                reply.put(refused or self._spawn(start))
            except Exception as error:  # noqa: BLE001 -- raised again in the thread that asked
                reply.put(error)

    def _shorten_mount_table(self) -> None:
        """Where we may, spare bubblewrap what it has no use for of the table; this thread does nothing else with it."""
        with contextlib.suppress(OSError):
            self.native.own_mounts()
            for place in superfluous(Path("/proc/thread-self/mountinfo").read_text("utf-8", "surrogateescape")):
                self.native.detach(place)

    def close(self) -> None:
        """End the thread, and with it every sandbox that still runs."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            self._orders.put(None)
            worker.join()
        super().close()
