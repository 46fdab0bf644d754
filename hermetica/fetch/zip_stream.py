"""Reads the members of a zip archive. Finding and decompressing them is Python's; where they go is not.

Source: APPNOTE.TXT 6.3; Info-ZIP's use of the external attributes for Unix modes.
"""

from __future__ import annotations

import lzma
import stat
import zipfile
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final

from hermetica.fetch.archive import ArchiveError, DamagedArchive, Kind, Member, TruncatedArchive, UnknownArchive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermetica.fetch.budget import Budget

__all__ = ["zip_members"]

_UNIX: Final = 3
_ENCRYPTED: Final = 0x1
_UTF8: Final = 0x800
_LOCAL_HEADER_BYTES: Final = 30  # without name and extra fields
_TARGET_MAX_BYTES: Final = 4096
_PIECE_BYTES: Final = 1 << 18
_DENSE_PIECE_BYTES: Final = 4096  # so much is read at once, and what comes of it has no bound in other methods
_SPECIAL: Final = {
    stat.S_IFCHR: Kind.DEVICE,
    stat.S_IFBLK: Kind.DEVICE,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFSOCK: Kind.FIFO,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFDIR: Kind.DIRECTORY,
}


def zip_members(file: BinaryIO, budget: Budget) -> Iterator[tuple[Member, Iterator[bytes]]]:
    """(member, its bytes), in the order of the directory at the archive's end.

    Raises:
        TruncatedArchive: there is no such directory.
        DamagedArchive: it contradicts itself.
        UnknownArchive: it needs what is not supported: a password, a rare method.
    """
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        if "not a zip file" in str(error):
            raise TruncatedArchive("the directory at its end is missing") from error
        raise DamagedArchive(str(error)) from error
    except (NotImplementedError, ValueError, EOFError) as error:
        raise DamagedArchive(str(error)) from error
    with archive:
        _refuse_overlaps(archive)
        for info in archive.infolist():
            name = _name(info)
            if info.flag_bits & _ENCRYPTED:
                raise UnknownArchive("it is encrypted", member=name)
            yield _member(archive, info, name), _data(archive, info, name, budget)


def _refuse_overlaps(archive: zipfile.ZipFile) -> None:
    """Refuses members that share bytes: each would unpack to all of them, and no program writes such archives."""
    members = sorted(archive.infolist(), key=lambda info: info.header_offset)
    starts = [*(info.header_offset for info in members[1:]), archive.start_dir]
    for info, following in zip(members, starts, strict=False):
        if info.header_offset + _LOCAL_HEADER_BYTES + len(_name(info)) + info.compress_size > following:
            raise DamagedArchive("it shares its bytes with what follows", member=_name(info))


def _name(info: zipfile.ZipInfo) -> bytes:
    """The name; Unix programs that do not say in which encoding it is mean its bytes."""
    is_utf8 = info.flag_bits & _UTF8
    return info.orig_filename.encode("cp437" if info.create_system == _UNIX and not is_utf8 else "utf-8")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: bytes) -> Member:
    mode = info.external_attr >> 16 if info.create_system == _UNIX else 0
    kind = _SPECIAL.get(stat.S_IFMT(mode), Kind.FILE)
    if name.endswith(b"/"):
        kind = Kind.DIRECTORY
    if kind is Kind.SYMLINK:
        if info.file_size > _TARGET_MAX_BYTES:
            raise DamagedArchive("a symlink longer than file systems take", member=name)
        target = b"".join(_content(archive, info, name))
        return Member(name=name, kind=kind, target=target)
    size = info.file_size if kind is Kind.FILE else 0
    return Member(name=name, kind=kind, mode=mode & 0o7777 or 0o644, size_bytes=size)


def _data(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: bytes, budget: Budget) -> Iterator[bytes]:
    for piece in _content(archive, info, name):
        budget.stream(len(piece))
        yield piece


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: bytes) -> Iterator[bytes]:
    """The bytes of a member, which are as many as it says, with the checksum it says."""
    left = info.file_size
    size = _PIECE_BYTES if info.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} else _DENSE_PIECE_BYTES
    try:
        with archive.open(info) as member:
            while piece := member.read(size):
                left -= len(piece)
                if left < 0:
                    break
                yield piece
    except ArchiveError:
        raise
    except NotImplementedError as error:
        raise UnknownArchive(str(error), member=name) from error
    except EOFError as error:
        raise TruncatedArchive("it ends within the member", member=name) from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, ValueError, RuntimeError) as error:
        raise DamagedArchive(str(error), member=name) from error
    if left:
        raise DamagedArchive("a member of another size than the directory says", member=name)
