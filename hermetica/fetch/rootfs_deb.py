"""Reads a binary Debian package: its maintainer scripts as text, its files as a tar in memory.

Source: deb(5), ar(5).
"""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
from typing import TYPE_CHECKING, Final

import attrs
import zstandard

from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_MAGIC: Final = b"!<arch>\n"
_HEADER_BYTES: Final = 60
_CHUNK_BYTES: Final = 1 << 20
_CONTROL_LIMIT_BYTES: Final = 64 << 20
DATA_LIMIT_BYTES: Final = 4 << 30
_SCRIPTS: Final = frozenset({"preinst", "postinst", "prerm", "postrm"})


class MalformedPackage(HermeticaError):
    """A file that is no binary Debian package, or holds what no tree of tools may have."""

    code = "HM137"


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
                for member in archive:
                    opened = archive.extractfile(member) if member.isreg() or member.islnk() else None
                    yield member, None if opened is None else opened.read()
        except (tarfile.TarError, KeyError, EOFError) as error:
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
    for name, content in _ar_members(path.read_bytes(), label):
        if name.startswith("control.tar"):
            scripts = _scripts(_decompress(name, content, _CONTROL_LIMIT_BYTES, label), label)
        elif name.startswith("data.tar"):
            data = _decompress(name, content, DATA_LIMIT_BYTES, label)
    if data is None:
        raise MalformedPackage(f"{label} is no Debian package: it has no data.tar")
    return Package(label=label, scripts=scripts, data=data)


def _ar_members(data: bytes, label: str) -> Iterator[tuple[str, memoryview]]:
    if not data.startswith(_MAGIC):
        raise MalformedPackage(f"{label} is no Debian package: it is no ar archive")
    position, view = len(_MAGIC), memoryview(data)
    while position < len(data):
        header = data[position : position + _HEADER_BYTES]
        size = header[48:58].strip()
        start = position + _HEADER_BYTES
        if len(header) < _HEADER_BYTES or not size.isdigit() or start + int(size) > len(data):
            raise MalformedPackage(f"{label} is cut short, or its ar archive is damaged")
        yield header[:16].decode("latin-1").strip().rstrip("/"), view[start : start + int(size)]
        position = start + int(size) + int(size) % 2


def _decompress(name: str, content: memoryview, limit_bytes: int, label: str) -> bytes:
    try:
        with _reader(name, content, label) as reader:
            pieces: list[bytes] = []
            size = 0
            while piece := reader.read(_CHUNK_BYTES):
                size += len(piece)
                if size > limit_bytes:
                    raise MalformedPackage(f"{name} of {label} is larger than {limit_bytes} bytes")
                pieces.append(piece)
    except (lzma.LZMAError, zstandard.ZstdError, EOFError, OSError) as error:
        raise MalformedPackage(f"{name} of {label} cannot be decompressed: {error}") from error
    return b"".join(pieces)


def _reader(name: str, content: memoryview, label: str) -> io.BufferedIOBase | lzma.LZMAFile | gzip.GzipFile:
    raw = io.BytesIO(content)
    if name.endswith(".xz"):
        return lzma.LZMAFile(raw)
    if name.endswith(".gz"):
        return gzip.GzipFile(fileobj=raw)
    if name.endswith(".zst"):
        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(raw))
    if name.endswith(".tar"):
        return raw
    raise MalformedPackage(f"{label}: unknown compression of {name}")


def _scripts(control: bytes, label: str) -> dict[str, str]:
    scripts: dict[str, str] = {}
    for member, content in Package(label=label, scripts={}, data=control).members():
        name = member.name.removeprefix("./")
        if name in _SCRIPTS and content is not None:
            scripts[name] = content.decode("utf-8", "replace")
    return scripts
