"""Unpacking of archives that nobody vouches for: the format is told from the bytes, nothing leaves the destination."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import attrs

from hermetica.fetch import ar
from hermetica.fetch.archive import (
    ArchiveError,
    Kind,
    Limits,
    Member,
    SpecialBits,
    TruncatedArchive,
    UnknownArchive,
)
from hermetica.fetch.budget import Budget
from hermetica.fetch.decompress import decompress
from hermetica.fetch.extraction import Extraction
from hermetica.fetch.kinds import COMPRESSED, HEAD_BYTES, guess_kind, is_tar_header
from hermetica.fetch.stream import ReadAhead, Stream
from hermetica.fetch.tar_stream import TarReader
from hermetica.fetch.writing import CannotWrite
from hermetica.fetch.zip_stream import zip_members

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from contextlib import AbstractContextManager

__all__ = ["drop_single_directory", "single_directory", "unpack", "unpack_into"]

_CHUNK_BYTES: Final = 1 << 16
_FORMATS: Final = "tar, zip and .deb, and single files; compressed by gzip, xz, bzip2 or zstd"


def unpack(
    archive: Path,
    destination: Path,
    *,
    strip_components: int | None = 0,
    limits: Limits = Limits(),  # noqa: B008 -- a frozen value
    special_bits: SpecialBits = "refuse",
) -> None:
    """Unpacks a tar, zip, ar or Debian package; or decompresses a file that is no archive.

    Directories and executable files get mode 0755, other files 0644; owners and times are not kept. Of a Debian
    package these are its data. Where a name comes twice, the later member counts. After a failure, what was unpacked
    until then is still there.

    Args:
        archive: a file; its name matters only where its bytes leave a doubt.
        destination: a directory that is made, or is empty; a file, where the archive is one compressed file.
        strip_components: how many leading parts of each name to drop; None drops one where the archive has nothing
            but one directory at its top.
        limits: how much it may come to.
        special_bits: ``refuse`` files that are setuid or setgid, or ``drop`` the bits.

    Raises:
        UnsafeArchive: a member would leave the destination, or is a device, a fifo, or setuid.
        TruncatedArchive: the archive ends too early.
        ArchiveTooLarge: it comes to more than ``limits``.
        UnknownArchive: it is of no known format.
        DamagedArchive: it contradicts itself.
        CannotWrite: the destination is taken, or the disk refuses.
    """
    try:
        with archive.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            job = _Unpacking(
                destination=destination,
                name=archive.name,
                budget=Budget(limits, size),
                strip_components=strip_components or 0,
                special_bits=special_bits,
            )
            job.run(file, 0, size)
    except ArchiveError as error:
        raise error.of(archive.name) from error
    except OSError as error:
        raise ArchiveError(f"it cannot be read: {error.strerror or error}", archive=archive.name) from error
    if strip_components is None:
        drop_single_directory(destination)


def unpack_into(archive: Path, extraction: Extraction, budget: Budget, *, label: str) -> None:
    """Unpacks a tar, compressed or not, into what is being made.

    Args:
        archive: a file.
        extraction: takes the members.
        budget: counts what comes out of a decompressor.
        label: what errors call the archive.

    Raises:
        ArchiveError: as for `unpack`.
    """
    try:
        with archive.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            job = _Unpacking(
                destination=archive,
                name=f"{archive.name}.tar",
                budget=budget,
                strip_components=0,
                special_bits="drop",
                must_be_tar_of="a layer",
                extraction=extraction,
            )
            job.run(file, 0, size)
    except ArchiveError as error:
        raise error.of(label) from error
    except OSError as error:
        raise ArchiveError(f"it cannot be read: {error.strerror or error}", archive=label) from error


def single_directory(tree: Path) -> str | None:
    """The name of the only entry of a directory, if that is itself a directory."""
    if not tree.is_dir() or tree.is_symlink():
        return None
    with os.scandir(tree) as entries:
        first, second = next(entries, None), next(entries, None)
        return first.name if first and not second and first.is_dir(follow_symlinks=False) else None


def drop_single_directory(tree: Path) -> None:
    """Puts what is in the only directory of ``tree`` in its place; does nothing where there is more.

    Raises:
        CannotWrite: there is no right to move it.
    """
    top = single_directory(tree)
    if top is None:
        return
    try:
        holder = Path(tempfile.mkdtemp(prefix=f".{tree.name[:100]}.", dir=tree.parent))
        inner = (tree / top).rename(holder / "top")
        tree.rmdir()
        inner.rename(tree)
        holder.rmdir()
    except OSError as error:
        raise CannotWrite(tree, error) from error


@attrs.frozen(kw_only=True)
class _Unpacking:
    """One archive and where it goes."""

    destination: Path
    name: str
    budget: Budget
    strip_components: int
    special_bits: SpecialBits
    must_be_tar_of: str | None = None
    extraction: Extraction | None = None

    def run(self, file: BinaryIO, start: int, size: int) -> None:
        """Unpacks the ``size`` bytes of ``file`` from ``start``."""
        file.seek(start)
        head = file.read(min(HEAD_BYTES, size))
        kind = guess_kind(head)
        if kind in COMPRESSED:
            self._compressed(kind, _chunks(file, start, size))
        elif kind == "tar" or self._is_empty_tar(head):
            self._tar(Stream(_chunks(file, start, size)), must_end=True)
        elif self.must_be_tar_of:
            raise UnknownArchive(f"{self.must_be_tar_of} whose data are {kind}, not tar")
        elif kind == "zip":
            self._members(zip_members(file, self.budget))
        elif kind == "ar":
            self._ar(file, size)
        elif kind == "empty":
            raise TruncatedArchive("it is empty")
        else:
            raise UnknownArchive(f"no archive: it looks like {kind}", hint=f"these can be unpacked: {_FORMATS}")

    def _is_empty_tar(self, head: bytes) -> bool:
        name = self.name.lower()
        is_called_tar = ".tar" in name or name.endswith((".tgz", ".txz", ".tbz", ".tbz2", ".tzst"))
        return is_called_tar and len(head) == HEAD_BYTES and not any(head)

    def _compressed(self, kind: str, chunks: Iterator[bytes]) -> None:
        with ReadAhead(self._counted(decompress(kind, chunks))) as ahead:
            stream = Stream(ahead)
            head = stream.peek(HEAD_BYTES)
            if is_tar_header(head) or self._is_empty_tar(head):
                self._tar(stream, must_end=False)
            elif self.must_be_tar_of:
                raise UnknownArchive(f"{self.must_be_tar_of} whose data are no tar")
            else:
                self._file(stream)

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.budget.stream(len(piece))
            yield piece

    def _extraction(self) -> AbstractContextManager[Extraction]:
        if self.extraction is not None:
            return nullcontext(self.extraction)
        return Extraction(
            self.destination,
            self.budget,
            strip_components=self.strip_components,
            special_bits=self.special_bits,
        )

    def _tar(self, stream: Stream, *, must_end: bool) -> None:
        self._members(iter(TarReader(stream, must_end=must_end)))
        for _ in stream.everything():  # to the end, where a checksum may tell of damage
            pass

    def _members(self, members: Iterator[tuple[Member, Iterator[bytes | memoryview]]]) -> None:
        with self._extraction() as extraction:
            for member, data in members:
                _add(extraction, member, data)

    def _file(self, stream: Stream) -> None:
        with _created(self.destination) as file:
            for piece in stream.everything():
                try:
                    file.write(piece)
                except OSError as error:
                    raise CannotWrite(self.destination, error) from error

    def _ar(self, file: BinaryIO, size: int) -> None:
        members = list(ar.members(file, size))
        if not members and self.name.lower().endswith((".deb", ".udeb")):
            raise TruncatedArchive("a Debian package without a member")
        if not members or members[0].name != b"debian-binary":
            self._members(_ar_members(file, members))
            return
        data = [member for member in members if member.name.startswith(b"data.tar")]
        if len(data) != 1:
            raise UnknownArchive("a Debian package without its data")
        inner = attrs.evolve(self, name=data[0].name.decode("ascii", "replace"), must_be_tar_of="a Debian package")
        inner.run(file, data[0].offset, data[0].size_bytes)


def _add(extraction: Extraction, member: Member, data: Iterator[bytes | memoryview]) -> None:
    try:
        extraction.add(member, data)
    except ArchiveError as error:
        if error.member is not None:
            raise
        raise type(error)(error.fault, member=member.name, hint=error.hint) from error


def _ar_members(file: BinaryIO, members: list[ar.ArMember]) -> Iterator[tuple[Member, Iterator[bytes]]]:
    for each in members:
        member = Member(name=each.name, kind=Kind.FILE, mode=each.mode, size_bytes=each.size_bytes)
        yield member, _chunks(file, each.offset, each.size_bytes)


def _chunks(file: BinaryIO, start: int, size: int) -> Iterator[bytes]:
    file.seek(start)
    while size and (chunk := file.read(min(_CHUNK_BYTES, size))):
        size -= len(chunk)
        yield chunk


@contextmanager
def _created(path: Path) -> Generator[BinaryIO]:
    try:
        file = path.open("xb")
    except OSError as error:
        raise CannotWrite(path, error) from error
    with file:
        yield file
