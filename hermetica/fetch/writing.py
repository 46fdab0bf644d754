"""What fetching and unpacking say where the disk does not take what they bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CannotWrite"]


class CannotWrite(HermeticaError):
    """What is fetched or unpacked has no room, or may not be written."""

    code = "HM126"

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"cannot write {path}: {error.strerror or error}")
        self.path = path
        self.errno = error.errno
