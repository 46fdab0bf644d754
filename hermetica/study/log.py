"""The log of a study: a line of JSON for everything that happened, durable before anybody counts on it.

It is the study's only state: what a killed study goes on from, what its results are computed from, and what others can
analyse anew. A line that a crash cut short is taken back; every other line is whole, or the log is refused.
Source: docs/guides/read-a-study.md, ``hermetica.study-log/1``.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self, cast

from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

FORMAT: Final = "hermetica.study-log/1"
NAME: Final = "log.jsonl"


class LogDamaged(HermeticaError):
    """A log of a study that holds what no study wrote."""

    code = "HM502"


class StudyRunning(HermeticaError):
    """A study is to be carried out in a directory where another process does so."""

    code = "HM503"


class NoLog(HermeticaError):
    """A directory that no study has used."""

    code = "HM504"


class LogNotWritten(HermeticaError):
    """A log of a study cannot be made, or takes no more: the disk is full, or not to be written to."""

    code = "HM693"


def read_log(directory: Path) -> list[dict[str, Any]]:
    """Every event of a study, oldest first; a last line that was cut short is passed over.

    Raises:
        NoLog: there is none.
        LogDamaged: there is something else.
    """
    path = directory / NAME
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NoLog(
            f"{directory} holds no study: {error.strerror}", hint="hermetica study run STUDY.toml begins one"
        ) from error
    return _events(data[: data.rfind(b"\n") + 1], path)


def _events(data: bytes, path: Path) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for number, line in enumerate(data.splitlines(), 1):
        try:
            event = json.loads(line)
            fits = event["format"] == FORMAT and isinstance(event["kind"], str)
        except (ValueError, RecursionError, LookupError, TypeError):
            fits, event = False, None
        if not fits:
            raise LogDamaged(
                f"{path}:{number}: no line of a study's log",
                details=(("expected", f'an object with "format": "{FORMAT}"'),),
                hint="take the file away to begin the study anew",
            )
        events.append(cast("dict[str, Any]", event))
    return events


class Log:
    """Takes events, from any thread; each is on the disk when this returns.

    Args:
        directory: of the study; made where it is not there.

    Attributes:
        before: what was in it already.

    Raises:
        StudyRunning: another process writes to it.
        LogDamaged: what is in it is no log of a study.
        LogNotWritten: it cannot be written to.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME
        self._lock = threading.Lock()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+b", buffering=0)
        except OSError as error:
            raise _not_written(self._path, error) from error
        try:
            self.before = self._taken(directory)
        except (OSError, HermeticaError) as error:
            self._file.close()
            if isinstance(error, HermeticaError):
                raise
            raise _not_written(self._path, error) from error

    def _taken(self, directory: Path) -> list[dict[str, Any]]:
        """Makes it ours; what is in it, without a line that was cut short."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StudyRunning(f"another process carries out the study in {directory}", hint="wait for it") from error
        self._file.seek(0)
        data = self._file.read()
        self._size = data.rfind(b"\n") + 1
        before = _events(data[: self._size], self._path)
        if self._size != len(data):
            self._file.truncate(self._size)
        return before

    def write(self, kind: str, time_s: float, **fields: Any) -> dict[str, Any]:
        """Adds an event; what was written.

        Raises:
            LogNotWritten: it takes no more. What it holds is whole, and is gone on from once there is room.
        """
        event = {"format": FORMAT, "kind": kind, "time_s": round(time_s, 3), **fields}
        line = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        with self._lock:
            try:
                rest = memoryview(line)
                while rest:
                    rest = rest[self._file.write(rest) :]
                os.fdatasync(self._file.fileno())
            except OSError as error:
                with suppress(OSError):  # half a line would damage the log once others follow it
                    self._file.truncate(self._size)
                raise _not_written(self._path, error) from error
            self._size += len(line)
        return event

    def close(self) -> None:
        """Lets go of it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _not_written(path: Path, error: OSError) -> LogNotWritten:
    return LogNotWritten(
        f"{path}: {error.strerror}",
        details=(("needed for", "what was built, so that it counts and is not built again"),),
        hint="make room, or name another place with --directory (--study of `check --explain`); then run it again",
    )


def of_kind(events: list[dict[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    """The events of a kind, oldest first."""
    return [event for event in events if event["kind"] == kind]
