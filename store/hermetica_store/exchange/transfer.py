"""What lies outside the store: errors of reading and writing it, and files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from typing import TYPE_CHECKING, BinaryIO, Protocol

from hermetica_store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


class CannotTransfer(StoreError):
    """An archive or a cache that the system does not let us read or write; the store itself is not at fault."""

    code = "HM438"

    def __init__(self, where: str, error: OSError) -> None:
        super().__init__(f"cannot work on {where}", details=(("cause", error.strerror or str(error)),))
        self.errno = error.errno


class Sink(Protocol):
    """What bytes are written to."""

    def write(self, data: bytes | memoryview, /) -> int | None:
        """Takes ``data``, or as much of its beginning as the number says."""
        ...


@contextlib.contextmanager
def transferring(where: str | os.PathLike[str]) -> Generator[None]:
    """Turn what the system refuses into a `CannotTransfer`; a reader that went away is nobody's fault."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CannotTransfer(os.fspath(where), error) from error


@contextlib.contextmanager
def replacing(path: Path) -> Generator[BinaryIO]:
    """A file that takes its name, durable and whole, when it is left without an error; otherwise nothing changes.

    A device or a pipe of that name is written to as it is.

    Raises:
        CannotTransfer: the system refused.
    """
    with transferring(path):
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            with path.open("wb", buffering=0) as special:
                yield special
            return
        temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(6)}.tmp")
        try:
            with temporary.open("xb", buffering=0) as file:
                yield file
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Returns when the names in a directory are durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
