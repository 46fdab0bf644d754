"""Reads a binary Debian package: its maintainer scripts as text, its files as a tar in memory.

Source: deb(5), ar(5).
"""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.fetch.ar import members
from hermetica.fetch.archive import DamagedArchive, TruncatedArchive
from hermetica.fetch.decompress import decompress
from hermetica.fetch.rootfs_merge import MalformedPackage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_KINDS: Final[Mapping[str, str]] = {".xz": "xz", ".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".lzma": "lzma"}
_CONTROL_LIMIT_BYTES: Final = 64 << 20
_SCRIPT_LIMIT_BYTES: Final = 1 << 20
DATA_LIMIT_BYTES: Final = 4 << 30
_SCRIPTS: Final = frozenset({"preinst", "postinst", "prerm", "postrm"})


@attrs.frozen(kw_only=True)
class Package:
    """A package that is read.

    Attributes:
        label: what errors call it.
        scripts: maintainer scripts by name; to be read, never to be run.
        data: its files, an uncompressed tar.
    """

    label: str
    scripts: Mapping[str, str]
    data: bytes = attrs.field(repr=False)

    def members(self) -> Iterator[tuple[tarfile.TarInfo, bytes | None]]:
        """The files in order; the bytes of regular files and hard links, None for the rest.

        Raises:
            MalformedPackage: the tar is damaged.
        """
        try:
            with tarfile.open(fileobj=io.BytesIO(self.data), mode="r:") as archive:
                end = 0
                for member in archive:
                    if member.offset < end or member.size > len(self.data):  # a header that leads back, or mere holes
                        raise MalformedPackage(f"the files of {self.label} contradict themselves: {member.name!r}")
                    end = member.offset + tarfile.BLOCKSIZE
                    opened = archive.extractfile(member) if member.isreg() or member.islnk() else None
                    yield member, None if opened is None else opened.read()
        except (tarfile.TarError, KeyError, EOFError, ValueError, OverflowError, RecursionError) as error:
            raise MalformedPackage(f"the files of {self.label} cannot be read: {error}") from error


def read_package(path: Path, label: str) -> Package:
    """Reads a package.

    Args:
        path: of a ``.deb``.
        label: what errors call it.

    Raises:
        MalformedPackage: it is none, or grows beyond all measure.
    """
    scripts: dict[str, str] = {}
    data: bytes | None = None
    content = path.read_bytes()
    try:
        for member in members(io.BytesIO(content), len(content)):
            name = member.name.decode("latin-1")
            packed = content[member.offset : member.offset + member.size_bytes]
            if name.startswith("control.tar"):
                scripts = _scripts(_unpacked(name, packed, _CONTROL_LIMIT_BYTES, label), label)
            elif name.startswith("data.tar"):
                data = _unpacked(name, packed, DATA_LIMIT_BYTES, label)
    except (DamagedArchive, TruncatedArchive) as error:
        raise MalformedPackage(f"{label} is no whole Debian package: {error.message}") from error
    if data is None:
        raise MalformedPackage(f"{label} is no Debian package: it has no data.tar")
    return Package(label=label, scripts=scripts, data=data)


def _unpacked(name: str, packed: bytes, limit_bytes: int, label: str) -> bytes:
    ending = name.rpartition("tar")[2]
    if ending == "":
        return packed
    if ending not in _KINDS:
        raise MalformedPackage(f"{label}: unknown compression of {name}")
    pieces: list[bytes] = []
    size = 0
    for piece in decompress(_KINDS[ending], [packed]):
        size += len(piece)
        if size > limit_bytes:
            raise MalformedPackage(f"{name} of {label} is larger than {limit_bytes} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _scripts(control: bytes, label: str) -> dict[str, str]:
    scripts: dict[str, str] = {}
    for member, content in Package(label=label, scripts={}, data=control).members():
        name = member.name.removeprefix("./")
        if name in _SCRIPTS and content is not None:
            if len(content) > _SCRIPT_LIMIT_BYTES:
                raise MalformedPackage(f"{name} of {label} is larger than {_SCRIPT_LIMIT_BYTES} bytes")
            scripts[name] = content.decode("utf-8", "replace")
    return scripts
