"""What an archive holds, whatever its format: members, their names made plain, and the errors of reading them. Pure.

Names are bytes, as archives have them. A plain name is relative and has no empty, ``.`` or ``..`` component.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal

import attrs

from hermetica.errors import HermeticaError

__all__ = [
    "ArchiveError",
    "ArchiveTooLarge",
    "DamagedArchive",
    "Kind",
    "Limits",
    "Member",
    "SpecialBits",
    "TruncatedArchive",
    "UnknownArchive",
    "UnsafeArchive",
    "plain_name",
    "shown_name",
]

SpecialBits = Literal["refuse", "drop"]
"""What to do about a file with the setuid or setgid bit."""

NAME_MAX_BYTES: Final = 255
PATH_MAX_BYTES: Final = 4095


class ArchiveError(HermeticaError):
    """An archive that cannot be unpacked.

    Attributes:
        archive: its file name.
        member: the entry at fault; None where it is the whole.
        fault: what is wrong, without the names.
    """

    code = "HM130"

    def __init__(self, fault: str, *, member: bytes | None = None, archive: str = "", hint: str | None = None) -> None:
        self.fault, self.member, self.archive = fault, member, archive
        at = "" if member is None else f", member {shown_name(member)}"
        super().__init__(f"{archive or 'the archive'}{at}: {fault}", hint=hint)

    def of(self, archive: str) -> ArchiveError:
        """The same error of an archive with a name."""
        return type(self)(self.fault, member=self.member, archive=archive, hint=self.hint)


class UnsafeArchive(ArchiveError):
    """A member that would leave the destination, or make what no archive may make."""

    code = "HM131"


class TruncatedArchive(ArchiveError):
    """An archive that ends too early."""

    code = "HM132"


class ArchiveTooLarge(ArchiveError):
    """An archive that unpacks to more than it may."""

    code = "HM133"


class UnknownArchive(ArchiveError):
    """A format, or a feature of one, that cannot be unpacked."""

    code = "HM134"


class DamagedArchive(ArchiveError):
    """An archive that contradicts itself."""

    code = "HM135"


class Kind(Enum):
    """What a member is."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    HARD_LINK = "hard link"
    DEVICE = "device"
    FIFO = "fifo"


@attrs.frozen(kw_only=True)
class Member:
    """One entry.

    Attributes:
        name: as the archive has it.
        kind: of it.
        mode: permission bits, with setuid, setgid and sticky.
        size_bytes: of a file's content; its holes count.
        target: of a link: of a symlink as written, of a hard link the name of another member.
        holes: of a sparse file, the (offset, size) of its data, ascending; None where all of it is data.
    """

    name: bytes
    kind: Kind
    mode: int = 0o644
    size_bytes: int = 0
    target: bytes = b""
    holes: tuple[tuple[int, int], ...] | None = None


@attrs.frozen(kw_only=True)
class Limits:
    """How much an archive may unpack to.

    Attributes:
        total_bytes: of all files.
        entries: of all kinds, with the directories that are only implied.
        ratio: of unpacked to packed bytes, once more than ``ratio_floor_bytes`` are unpacked.
        ratio_floor_bytes: small archives may be as dense as they like.
    """

    total_bytes: int = 64 << 30
    entries: int = 2_000_000
    ratio: int = 500
    ratio_floor_bytes: int = 1 << 30


def shown_name(name: bytes) -> str:
    """A member's name, to be printed."""
    text = name.decode("utf-8", "backslashreplace")
    return text if text.isprintable() and text else repr(text)


def plain_name(name: bytes, strip_components: int = 0) -> bytes:
    """The member's path below the destination; empty where nothing of it is left.

    Raises:
        UnsafeArchive: it is absolute, has a ``..``, or a NUL.
        ArchiveTooLarge: no file system takes it.
    """
    if name.startswith(b"/"):
        raise UnsafeArchive("an absolute name", member=name)
    parts = [part for part in name.split(b"/") if part not in {b"", b"."}]
    if b".." in parts:
        raise UnsafeArchive("a name with ..", member=name)
    if b"\x00" in name:
        raise UnsafeArchive("a name with a NUL", member=name)
    parts = parts[strip_components:]
    plain = b"/".join(parts)
    if len(plain) > PATH_MAX_BYTES - 1 or any(len(part) > NAME_MAX_BYTES for part in parts):
        raise ArchiveTooLarge("a name longer than file systems take", member=name)
    return plain
