"""Runs git for a fetch: only protocols that reach a server, no prompt, nothing that a hostile address turns into more.

The user's git settings serve to reach the server (credentials, ``insteadOf``). Source: git(1), git-config(1).
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import attrs

from hermetica.errors import HermeticaError
from hermetica.fetch.git import REPOSITORY_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["CommandFailed", "Git", "GitFailed", "is_remote"]

_REMOTE: Final = ("https", "http", "ssh", "git")
_SCP: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:(?!:).+")
_POLL_S: Final = 0.05
_FETCHING: Final = ("-c", "http.lowSpeedLimit=256", "-c", "http.lowSpeedTime=30", "-c", "protocol.version=2")


class GitFailed(HermeticaError):
    """A commit cannot be had: there is no git, no answer, or no such commit; or it is not what a commit may be."""

    code = "HM139"


class CommandFailed(Exception):
    """Git said no; the text is what it said."""


def is_remote(address: str) -> bool:
    """Whether an address is one of a server, rather than of this machine's disk or of something else."""
    return urlsplit(address).scheme in _REMOTE or bool(_SCP.fullmatch(address))


def _environ() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in REPOSITORY_VARIABLES}
    limits = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "GIT_LFS_SKIP_SMUDGE": "1"}
    return kept | limits | {"GIT_ALLOW_PROTOCOL": ":".join((*_REMOTE, "file"))}


@attrs.frozen
class Git:
    """Git, run in one directory.

    Attributes:
        directory: where.
        cancelled: asked often; True ends a command within a moment.
    """

    directory: Path
    cancelled: Callable[[], bool] = lambda: False

    def run(self, *arguments: str, more: Mapping[str, str] | None = None) -> bytes:
        """What a command prints.

        Args:
            arguments: of git; addresses come after ``--``.
            more: variables.

        Raises:
            CommandFailed: it failed.
            GitFailed: there is no git, or the fetch was cancelled.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                process = subprocess.Popen(
                    ["git", "-C", os.fspath(self.directory), "-c", "safe.directory=*", *_FETCHING, *arguments],  # noqa: S607 -- as in `git`
                    env={**_environ(), **(more or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                raise GitFailed("there is no git on this machine", hint="install git") from error
            self._wait(process)
            out.seek(0)
            err.seek(0)
            if process.returncode:
                raise CommandFailed(_reason(err.read().decode("utf-8", "replace"), process.returncode))
            return out.read()

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        try:
            while process.poll() is None:
                if self.cancelled():
                    raise GitFailed("the fetch was cancelled")
                time.sleep(_POLL_S)
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _reason(said: str, status: int) -> str:
    """The line of git's that tells most: a fatal one, else the last."""
    lines = said.strip().splitlines()
    fatal = [line for line in lines if line.startswith("fatal: ")]
    return (fatal or lines or [f"status {status}"])[-1].removeprefix("fatal: ")
