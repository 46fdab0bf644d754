"""The recorded runs of a store: the last twenty that had something to do, in files that anybody may delete."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.realize import RunFinished, RunStarted
from hermetica.report.recording import SUFFIX, NotARecording, Recorder, recorded_events

if TYPE_CHECKING:
    from pathlib import Path

    from hermetica_store import ObjectStore

KEPT_RUNS: Final = 20
_NAME: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}")
_ENDING: Final = f".jsonl{SUFFIX}"


@attrs.frozen(kw_only=True)
class RecordedRun:
    """One recorded run.

    Attributes:
        name: when it began, in UTC, and four digits that tell it from others.
        path: the file.
        size_bytes: of it.
    """

    name: str
    path: Path
    size_bytes: int

    def ends(self) -> tuple[RunStarted, RunFinished | None]:
        """How it began and how it ended; None where it was killed, or goes on.

        Raises:
            NotARecording: neither can be read.
        """
        started: RunStarted | None = None
        finished: RunFinished | None = None
        for event in recorded_events(self.path):
            started = event if isinstance(event, RunStarted) else started
            finished = event if isinstance(event, RunFinished) else finished
        if started is None:
            raise NotARecording(f"{self.path} holds no run: it was killed before it began")
        return started, finished


def recorded_runs(store: ObjectStore) -> tuple[RecordedRun, ...]:
    """The runs that are kept, newest first."""
    found: list[RecordedRun] = []
    with suppress(OSError):
        for path in _place(store).iterdir():
            name = path.name.removesuffix(_ENDING)
            if _NAME.fullmatch(name) and path.name != name:
                found.append(RecordedRun(name=name, path=path, size_bytes=path.stat().st_size))
    return tuple(sorted(found, key=lambda run: run.name, reverse=True))


def recorder_of_run(store: ObjectStore) -> Recorder | None:
    """What records a run that begins now, and lets go of the oldest; None where it cannot be written."""
    name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.urandom(2).hex()}"
    try:
        _place(store).mkdir(exist_ok=True)
        recorder = Recorder(_place(store) / (name + _ENDING))
    except OSError:
        return None
    for old in islice(recorded_runs(store), KEPT_RUNS, None):
        with suppress(OSError):
            old.path.unlink()
    return recorder


def _place(store: ObjectStore) -> Path:
    return store.root / "runs"
