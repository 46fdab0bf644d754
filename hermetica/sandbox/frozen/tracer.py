"""The tracer's loop: every stop of every process of one sandbox, until none is left.

It runs in a process of its own (`hermetica.sandbox.frozen.process`), forked from one that may have many threads, so it
calls nothing that another thread could have held: the kernel, and memory of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import struct
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.sandbox.frozen import kernel as ptrace
from hermetica.sandbox.frozen.clock import FrozenClock
from hermetica.sandbox.frozen.strict import Chance, Strict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hermetica.sandbox.frozen.kernel import Answer, Kernel, Registers
    from hermetica.sandbox.frozen.order import Order
    from hermetica.sandbox.frozen.vdso import Patch

_STOPPED: Final = 0x7F
_AT_PAGESZ, _AT_RANDOM, _AT_SYSINFO_EHDR = 6, 25, 33
_AUXV_BYTES: Final = 1024
_STATUS_BYTES: Final = 1024
_FAMILY: Final = re.compile(rb"^Tgid:\t(\d+)$.*^PPid:\t(\d+)$", re.MULTILINE | re.DOTALL)
_SYSTEM_CALL: Final = signal.SIGTRAP | 0x80
_STOPS: Final = frozenset({signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})
_FORKS: Final = frozenset({ptrace.EVENT_FORK, ptrace.EVENT_VFORK, ptrace.EVENT_CLONE})


@attrs.define(kw_only=True)
class Report:
    """How it went.

    Attributes:
        usage: user and system time of the whole sandbox in seconds, and the peak memory of one process in KiB.
        failure: why a program could not be given the world; None where all were.
    """

    usage: tuple[float, float, int] | None = None
    failure: str | None = None

    def to_json(self) -> bytes:
        """The report as JSON."""
        return json.dumps(attrs.asdict(self)).encode()

    @classmethod
    def from_json(cls, document: bytes) -> Report:
        """A report from its JSON."""
        return cls(**json.loads(document))


@attrs.define(eq=False)
class Tracing:
    """One sandbox.

    Attributes:
        kernel: the calls.
        first: the first process of the sandbox, which this process traces.
        patches: what is written over the vDSO of every program.
        answers: system call -> what answers it.
        strict: what strict worlds do besides.
    """

    kernel: Kernel
    first: int
    patches: tuple[Patch, ...]
    answers: Mapping[int, Callable[[int, Registers], Answer]]
    strict: Strict
    report: Report = attrs.field(factory=Report)
    _at_exit: dict[int, Callable[[int], None]] = attrs.field(factory=dict[int, "Callable[[int], None]"])
    _held: dict[int, int] = attrs.field(factory=dict[int, int])

    @classmethod
    def of(cls, kernel: Kernel, first: int, order: Order, since_s: int, patches: tuple[Patch, ...]) -> Tracing:
        """The tracing of a sandbox whose first process is traced already."""
        chance = None if order.random_seed is None else Chance(order.random_seed)
        if chance is not None:
            chance.begin(first)
        strict = Strict(kernel, order, since_s, chance)
        answers = dict(strict.answers())
        if order.clock_s is not None:
            answers |= FrozenClock(kernel, order.clock_s).answers()
        return cls(kernel, first, patches, answers, strict)

    def follow(self) -> Report:
        """See to every stop until no process is left."""
        kernel, status = self.kernel, self.kernel.status
        while pid := kernel.wait():
            value = status.value
            if value & 0x7F != _STOPPED:
                self._gone(pid)
                continue
            event, number = value >> 16, (value >> 8) & 0xFF
            if event == ptrace.EVENT_SECCOMP:
                self._answer(pid)
            elif event == ptrace.EVENT_EXEC:
                self._executed(pid)
                kernel.resume(pid)
            elif event in _FORKS:
                self._forked(pid)
                kernel.resume(pid)
            elif event == ptrace.EVENT_STOP:
                self._stopped(pid, number)
            elif number == _SYSTEM_CALL:
                self._ended_call(pid)
                kernel.resume(pid)
            else:  # a builder's ``kill 0`` reaches the first process, too, which untraced would ignore it
                kernel.resume(pid, 0 if pid == self.first else number)
        return self.report

    def _gone(self, pid: int) -> None:
        if pid == self.first:
            self.report.usage = self.kernel.usage()
        self._at_exit.pop(pid, None)
        self.strict.gone(pid)
        chance = self.strict.chance
        if chance is None:
            return
        for orphan in [each for each, parent in self._held.items() if parent == pid]:  # its birth was never told
            del self._held[orphan]
            chance.born(orphan, pid)
            self.kernel.resume(orphan)
        self._held.pop(pid, None)
        chance.gone(pid)

    def _forked(self, pid: int) -> None:
        chance = self.strict.chance
        if chance is None:
            return
        child = self.kernel.message(pid)
        chance.born(child, pid)
        if self._held.pop(child, None) is not None:
            self.kernel.resume(child)

    def _stopped(self, pid: int, number: int) -> None:
        chance = self.strict.chance
        if number in _STOPS:
            self.kernel.leave_stopped(pid)
        elif chance is not None and not chance.knows(pid):
            self._held[pid] = _parent(pid)  # where it comes from is told by its parent, in a moment
        else:
            self.kernel.resume(pid)

    def _answer(self, pid: int) -> None:
        kernel = self.kernel
        if not kernel.read_registers(pid):
            return
        handler = self.answers.get(kernel.registers.orig_rax)
        answer = None if handler is None else handler(pid, kernel.registers)
        if answer is None:
            kernel.resume(pid)
        elif isinstance(answer, int):
            kernel.skip(pid, answer)
            kernel.resume(pid)
        else:
            self._at_exit[pid] = answer
            kernel.resume_to_exit(pid)

    def _ended_call(self, pid: int) -> None:
        finish = self._at_exit.pop(pid, None)
        if finish is not None:
            finish(pid)

    def _executed(self, pid: int) -> None:
        """Changes a fresh program before its first instruction."""
        self._at_exit.pop(pid, None)
        try:
            table = _beginning(f"/proc/{pid}/auxv", _AUXV_BYTES)
            rows = dict(struct.iter_unpack("<QQ", table[: len(table) & -16]))
            if _AT_PAGESZ not in rows:
                self._refuse("it is a 32-bit program, whose clock cannot be held")
                return
            self._write(pid, rows)
        except (ProcessLookupError, FileNotFoundError):
            return  # it was killed
        except OSError as error:
            self._refuse(f"{error.filename or 'its memory'}: {error.strerror}")

    def _write(self, pid: int, rows: dict[int, int]) -> None:
        base, chance = rows.get(_AT_SYSINFO_EHDR), self.strict.chance
        memory = os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)
        try:
            if base:
                for patch in self.patches:
                    os.pwrite(memory, patch.content, base + patch.offset)
            if chance is not None and (where := rows.get(_AT_RANDOM)):
                os.pwrite(memory, chance.take(pid, 16), where)
        finally:
            os.close(memory)

    def _refuse(self, why: str) -> None:
        """Ends the sandbox, for a program in it would see another world."""
        self.report.failure = self.report.failure or why
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.first, signal.SIGKILL)


def _parent(pid: int) -> int:
    """The process that started one, or the one that a thread belongs to."""
    try:
        found = _FAMILY.search(_beginning(f"/proc/{pid}/status", _STATUS_BYTES))
    except OSError:
        return 0
    group, parent = map(int, found.groups()) if found else (pid, 0)
    return group if group != pid else parent


def _beginning(path: str, size_bytes: int) -> bytes:
    """What a file of /proc begins with: at every fork and exec, so by the system calls alone."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, size_bytes)
    finally:
        os.close(fd)
