"""A shell in the sandbox of a kept build: the same mounts, environment and user, with the caller's terminal.

The sandbox shares the caller's session, so that job control works; pushing input into the terminal is refused by the
system call filter.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import attrs

from hermetica.sandbox.errors import BuilderNotFound, InvalidSandboxSpec, SandboxUnavailable
from hermetica.sandbox.outcome import Watchdog
from hermetica.sandbox.refusal import RefusalKind
from hermetica.sandbox.run import Session
from hermetica.sandbox.spawn import Spawner
from hermetica.sandbox.start import start
from hermetica.sandbox.terminal import given_back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermetica.sandbox.spec import SandboxSpec

SHELL_VARIABLE = "HERMETICA_SHELL"


def entered(spec: SandboxSpec, command: Sequence[str]) -> SandboxSpec:
    """The same sandbox with another program and a terminal; HERMETICA_SHELL=1 tells the program so.

    Raises:
        InvalidSandboxSpec: there is no program.
    """
    if not command:
        raise InvalidSandboxSpec("no command to run in the sandbox")
    env = (*spec.env, (SHELL_VARIABLE, "1"))
    return attrs.evolve(spec, builder=command[0], args=tuple(command[1:]), env=env, terminal=True)


def _discard(_output: bytes) -> None:
    """There is no log: the program writes to the terminal itself."""


def enter(spec: SandboxSpec, command: Sequence[str]) -> int:
    """Run a command in the sandbox with the caller's standard input, output and error.

    Args:
        spec: of the build; its directories must still be there.
        command: an absolute path in the sandbox, and arguments.

    Returns:
        The exit status of the command; 128 + n if signal n killed it.

    Raises:
        SandboxUnavailable: bubblewrap or the kernel refuses.
        BuilderNotFound: the command cannot be executed there.
        InvalidSandboxSpec: there is no command.
        TierUnavailable: the host cannot hold its world still.
        FrozenClockFailed: a program could not be given it.
    """
    wanted = entered(spec, command)
    with Spawner.with_own_thread() as spawner, given_back():
        bwrap = spawner.bwrap()
        with contextlib.closing(start(wanted, bwrap, spawner)) as running:
            session = Session(running, spawner.native, _discard, Watchdog(started_s=time.monotonic()))
            try:
                session.watch(None)
            finally:
                session.end()
            if broken := session.broken():
                raise broken
            if error := session.failure(wanted, bwrap):
                if isinstance(error, SandboxUnavailable) and error.kind == RefusalKind.UNKNOWN.value and not error.said:
                    raise BuilderNotFound(command[0], "bubblewrap said it on the terminal") from error
                raise error
            return session.reader.exit_status or 0
