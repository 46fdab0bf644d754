"""Events in a file: one JSON object a line, compressed where the name ends with ``.zst``; and read back from there.

What was written can be read while it goes on, and after a crash as far as it got. Source: docs/events.md; RFC 8878.
"""

from __future__ import annotations

import io
import json
import time
from typing import TYPE_CHECKING, Any, Final

from hermetica.errors import HermeticaError
from hermetica.realize import NotAnEvent, read_event
from hermetica.realize.event_lines import event_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hermetica.realize import Event

SUFFIX: Final = ".zst"
LOG_BYTES_MAX: Final = 64 << 20
"""Text of logs that one recording keeps: beyond that a run is recorded without, for each log is in the store anyway."""
_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_FLUSH_PAUSE_S: Final = 1.0
_LEVEL: Final = 1
_PIECE_LENGTH: Final = 1 << 16  # a call of the compressor for each line costs more than the compression


class NotARecording(HermeticaError):
    """A file that should hold recorded events and does not."""

    code = "HM662"


class Recorder:
    """Writes the events that it is called with. Where that fails it stops, and says so in ``failure``.

    Args:
        path: the file; it is replaced.

    Attributes:
        failure: why the recording ends early; None where it does not.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.failure: OSError | None = None
        self._log_bytes = 0
        self._flushed_s = float("-inf")  # that a run began is written at once
        self._file = path.open("wb", buffering=0)
        self._packer: Any = None
        self._waiting: list[str] = []
        self._waiting_length = 0
        if path.name.endswith(SUFFIX):
            import zstandard  # noqa: PLC0415 -- plain files need none

            self._packer = zstandard.ZstdCompressor(level=_LEVEL).compressobj()

    def __call__(self, event: Event) -> None:
        """Takes the next event."""
        if self.failure is not None or self._is_too_much(event):
            return
        line = event_line(event)
        if self._packer is None:
            self._put(_bytes(line))
            return
        self._waiting.append(line)
        self._waiting_length += len(line)
        if self._waiting_length > _PIECE_LENGTH or time.monotonic() - self._flushed_s > _FLUSH_PAUSE_S:
            self._pack()

    def _is_too_much(self, event: Event) -> bool:
        if event.kind == "log":
            self._log_bytes += len(getattr(event, "text", ""))
            return self._log_bytes > LOG_BYTES_MAX
        return False

    def _pack(self) -> None:
        """Compresses what waits; once a second so that it can be read as it stands."""
        data = self._packer.compress(_bytes("".join(self._waiting)))
        self._waiting.clear()
        self._waiting_length = 0
        now_s = time.monotonic()
        if now_s - self._flushed_s > _FLUSH_PAUSE_S:
            self._flushed_s = now_s
            data += self._packer.flush(1)  # COMPRESSOBJ_FLUSH_BLOCK
        self._put(data)

    def _put(self, data: bytes) -> None:
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            self.failure = error

    def close(self) -> None:
        """Ends the recording."""
        if self._packer is not None and self.failure is None:
            self._put(self._packer.compress(_bytes("".join(self._waiting))) + self._packer.flush())
        self._file.close()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def recorded_events(path: Path) -> Iterator[Event]:
    """The events in a file, as far as they were written; those of kinds that this version does not know are left out.

    Raises:
        NotARecording: the file cannot be read, or something else is in it.
    """
    try:
        with path.open("rb") as file:
            is_packed = file.read(len(_MAGIC)) == _MAGIC
            file.seek(0)
            yield from _events(path, _unpacked(file) if is_packed else file)
    except OSError as error:
        raise NotARecording(f"{path} cannot be read: {error.strerror}") from error


def _events(path: Path, lines: io.BufferedIOBase) -> Iterator[Event]:
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"\n"):  # the run was killed while it wrote this
            return
        try:
            event = read_event(json.loads(line))
        except (ValueError, NotAnEvent) as error:
            raise NotARecording(
                f"{path} is no recording of a run",
                details=((f"line {number}", str(error)),),
                hint="hermetica build --events FILE writes one; hermetica replay without a file shows the last run",
            ) from error
        if event is not None:
            yield event


def _unpacked(file: io.BufferedReader) -> io.BufferedIOBase:
    import zstandard  # noqa: PLC0415 -- plain files need none

    unpacker = zstandard.ZstdDecompressor().decompressobj()
    read = bytearray()
    while data := file.read(1 << 16):
        try:
            read += unpacker.decompress(data)
        except zstandard.ZstdError:  # the end was lost in a crash
            break
    return io.BytesIO(read)
