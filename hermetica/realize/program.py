"""A program of the user's on the host: its words collected, its time limited, ended with the run.

It runs as the user, with the user's environment, in a session of its own. What it starts and leaves behind is let be,
unless it is ended from here.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from hermetica.sandbox import Cancellation

GRACE_S: Final = 2.0
_READ_BYTES: Final = 1 << 16


def run_program(
    program: str,
    *arguments: str,
    stdin: bytes,
    variables: Mapping[str, str],
    timeout_s: float | None,
    cancellation: Cancellation,
    on_output: Callable[[bytes], object],
    fine: Container[int] = (0,),
) -> str | None:
    """Runs a program to its end.

    Args:
        program: its path.
        arguments: of it.
        stdin: what it can read.
        variables: added to the environment of this process.
        timeout_s: how long it may run; None for ever.
        cancellation: ends it.
        on_output: takes what it writes, stdout and stderr together.
        fine: the statuses with which nothing went wrong.

    Returns:
        What went wrong, for people; None where nothing did.
    """
    try:
        process, output = _start([program, *arguments], stdin, variables)
    except OSError as error:
        return f"cannot be run: {error.strerror or error}"
    try:
        why = _follow(process, output, timeout_s, cancellation, on_output)
        _drain(output, on_output)
    finally:
        os.close(output)
        _end(process)
    if why is not None:
        return why
    if process.returncode < 0:
        return f"was killed by signal {-process.returncode}"
    return None if process.returncode in fine else f"ended with status {process.returncode}"


def _start(words: Sequence[str], stdin: bytes, variables: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], int]:
    """The program, running, and where its output comes out."""
    output, theirs = os.pipe()
    try:
        with tempfile.TemporaryFile() as document:
            document.write(stdin)
            document.seek(0)
            process = subprocess.Popen(
                words,
                stdin=document,
                stdout=theirs,
                stderr=subprocess.STDOUT,
                env={**os.environ, **variables},
                start_new_session=True,
            )
    except BaseException:
        os.close(output)
        raise
    finally:
        os.close(theirs)
    return process, output


def _follow(
    process: subprocess.Popen[bytes],
    output: int,
    timeout_s: float | None,
    cancellation: Cancellation,
    on_output: Callable[[bytes], object],
) -> str | None:
    """Reads until the program has ended; why it has to be ended, if so."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    ended = os.pidfd_open(process.pid)
    try:
        poller = select.poll()
        for fd in (output, ended, cancellation.fileno()):
            poller.register(fd, select.POLLIN)
        while True:
            left_ms = None if deadline is None else max(0.0, (deadline - time.monotonic()) * 1000)
            ready = {fd for fd, _ in poller.poll(left_ms)}
            if output in ready:
                data = os.read(output, _READ_BYTES)
                if data:
                    on_output(data)
                else:
                    poller.unregister(output)
            if ended in ready:
                return None
            if cancellation.is_cancelled:
                return "was ended with the run"
            if deadline is not None and time.monotonic() >= deadline:
                return f"ran longer than {timeout_s:g} s"
    finally:
        os.close(ended)


def _drain(output: int, on_output: Callable[[bytes], object]) -> None:
    """Takes what is written already; what it left running may hold the pipe open for ever."""
    os.set_blocking(output, False)
    with contextlib.suppress(BlockingIOError):
        while data := os.read(output, _READ_BYTES):
            on_output(data)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the program and all of its session, if it still runs: asked first, killed after a moment."""
    if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        os.killpg(process.pid, signal.SIGTERM)
        ended = os.pidfd_open(process.pid)
        try:
            poller = select.poll()
            poller.register(ended, select.POLLIN)
            poller.poll(GRACE_S * 1000)
        finally:
            os.close(ended)
        os.killpg(process.pid, signal.SIGKILL)  # it is not waited for yet, so its number is still its own
    process.wait()
