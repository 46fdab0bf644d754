"""One stream that holds a closure: written in order of reference, read back strictly.

Source: docs/format-archive.md, "Archives".
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from hermetica_store.errors import InvalidStorePath
from hermetica_store.exchange.holding import held
from hermetica_store.exchange.serialise import nar_size, serialise
from hermetica_store.exchange.staging import Claim, Imported, Staging
from hermetica_store.exchange.streams import LEVEL, Decompressed, InvalidArchive, Part, Sealed, Sealer, compressor
from hermetica_store.exchange.transfer import transferring
from hermetica_store.nar import nar_string
from hermetica_store.path import StorePath

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hermetica_store.codec import ObjectInfo
    from hermetica_store.exchange.transfer import Sink
    from hermetica_store.leases import Lease
    from hermetica_store.nar_reader import ByteStream
    from hermetica_store.store import ObjectStore

FORMAT: Final = "hermetica.archive/1"
_MAGIC: Final = b"hermetica-archive-1"
_HEADER_MAX: Final = 1 << 24
_WORD_MAX: Final = 32
_SIZE_MAX: Final = 1 << 53


@attrs.frozen(kw_only=True)
class Exported:
    """What an export wrote.

    Attributes:
        paths: the objects, in order of reference.
        skipped: how many of them were there already.
        nar_bytes: the length of the NARs written.
        written_bytes: what they take, compressed.
    """

    paths: tuple[StorePath, ...]
    skipped: int
    nar_bytes: int
    written_bytes: int


def in_order(infos: Iterable[ObjectInfo]) -> tuple[ObjectInfo, ...]:
    """Objects, each after those that it refers to; otherwise ascending, so that equal closures give equal archives."""
    by_path = {info.path: info for info in sorted(infos, key=lambda info: info.path)}
    graph = {
        path: [each for each in info.references if each in by_path and each != path] for path, info in by_path.items()
    }
    return tuple(by_path[path] for path in TopologicalSorter(graph).static_order())


def export_archive(
    store: ObjectStore, paths: Iterable[StorePath], sink: Sink, *, closure: bool = True, level: int = LEVEL
) -> Exported:
    """Write objects and all that they refer to as one archive. A collection beside it leaves them alone.

    Args:
        store: where they are.
        paths: what is wanted.
        sink: what the archive is written to; after an error what it got is no archive.
        closure: whether what they refer to is written too; the reader needs it from elsewhere otherwise.
        level: of the compression, 1 to 19.

    Raises:
        NotRegistered: one is not in the store.
        ObjectDamaged: one is not what was registered.
        CannotTransfer: it cannot be written.
    """
    roots = tuple(sorted(set(paths)))
    with held(store, store.closure(roots) if closure else roots) as infos:
        ordered = in_order(infos)
        writer = _Writer(sink, level)
        writer.word(_MAGIC)
        objects = [info.path.base for info in ordered]
        writer.header({"format": FORMAT, "objects": objects, "roots": [path.base for path in roots]})
        nar_bytes = 0
        for info in ordered:
            place = store.on_disk(info.path)
            size_bytes = nar_size(place)
            writer.word(b"object")
            references = [each.base for each in info.references]
            writer.header({"nar_size_bytes": size_bytes, "path": info.path.base, "references": references})
            serialise(info, place, writer.put)
            nar_bytes += size_bytes
        written_bytes = writer.end()
    paths = tuple(info.path for info in ordered)
    return Exported(paths=paths, skipped=0, nar_bytes=nar_bytes, written_bytes=written_bytes)


class _Writer:
    def __init__(self, sink: Sink, level: int) -> None:
        self._sealer = Sealer(sink, "the archive")
        self._compressor = compressor(level, threads=os.cpu_count() or 1)

    def put(self, data: bytes) -> None:
        self._sealer.write(self._compressor.compress(data))

    def word(self, data: bytes) -> None:
        self.put(nar_string(data))

    def header(self, value: Mapping[str, Any]) -> None:
        self.word(_canonical(value))

    def end(self) -> int:
        """Ends the archive; its length."""
        self.word(b"end")
        self._sealer.write(self._compressor.flush())
        self._sealer.seal()
        return self._sealer.written_bytes


def import_archive(store: ObjectStore, stream: ByteStream, *, lease: Lease, where: str = "the archive") -> Imported:
    """Take every object of an archive into a store; those that are there already are skipped.

    Args:
        store: where they go.
        stream: the archive and nothing else.
        lease: holds the objects, new or not.
        where: what to call the archive in errors.

    Raises:
        InvalidArchive: it is not an archive, or not whole.
        InvalidNar: an object in it is none.
        IncompleteClosure: it lacks something that an object refers to.
        ContentMismatch: an object is not what it is said to be.
        CannotTransfer: it cannot be read.
    """
    with (
        contextlib.closing(_Reader(stream, where)) as reader,
        store.scratch() as room,
        Staging(store, lease, room.path, where) as staging,
    ):
        reader.expect(_MAGIC)
        objects, roots = reader.beginning()
        present = staging.present(objects)
        for path in objects:
            claim, size_bytes = reader.claim(path)
            part = Part(reader, size_bytes)
            if path in present:
                part.skip()
            else:
                staging.take_nar(claim, part)
            if part.left:
                raise reader.error("it is cut short")
        reader.end()
        prepared = staging.publish()
    return Imported(
        roots=roots,
        added=tuple(each.path for each in prepared),
        present=len(present),
        size_bytes=sum(each.size_bytes for each in prepared),
    )


class _Reader:
    """Words and headers of an archive."""

    def __init__(self, stream: ByteStream, where: str) -> None:
        self._sealed = Sealed(stream, where)
        self._source = Decompressed(self._sealed, "zstd", where, ahead=True)
        self._where = where

    def close(self) -> None:
        self._source.close()

    def error(self, what: str) -> InvalidArchive:
        return InvalidArchive(self._where, what)

    def read(self, size: int, /) -> bytes:
        with transferring(self._where):
            return self._source.read(size)

    def word(self, limit_bytes: int) -> bytes:
        (size_bytes,) = struct.unpack("<Q", self._exactly(8))
        if size_bytes > limit_bytes:
            raise self.error(f"a word of {size_bytes} bytes where at most {limit_bytes} may be")
        padded = self._exactly(size_bytes + -size_bytes % 8)
        if any(padded[size_bytes:]):
            raise self.error("padding that is not zero")
        return padded[:size_bytes]

    def expect(self, expected: bytes) -> None:
        if self.word(_WORD_MAX) != expected:
            raise self.error(f"{expected.decode()} does not stand where it has to")

    def beginning(self) -> tuple[tuple[StorePath, ...], tuple[StorePath, ...]]:
        header = self._header({"format": str, "objects": list, "roots": list})
        if header["format"] != FORMAT:
            raise self.error("it is of another version")
        objects, roots = self._paths(header["objects"]), self._ascending(header["roots"])
        if len(set(objects)) != len(objects) or not set(objects).issuperset(roots):
            raise self.error("its beginning names objects twice, or roots that are none of them")
        return objects, roots

    def claim(self, path: StorePath) -> tuple[Claim, int]:
        self.expect(b"object")
        header = self._header({"nar_size_bytes": int, "path": str, "references": list})
        if header["path"] != path.base:
            raise self.error(f"{path.base} does not stand where its beginning says")
        return Claim(path=path, references=self._ascending(header["references"])), header["nar_size_bytes"]

    def end(self) -> None:
        self.expect(b"end")
        with transferring(self._where):
            self._source.finish()
        self._sealed.check()

    def _exactly(self, size_bytes: int) -> bytes:
        data = b""
        while len(data) < size_bytes:
            more = self.read(size_bytes - len(data))
            if not more:
                raise self.error("it is cut short")
            data += more
        return data

    def _header(self, fields: dict[str, type]) -> dict[str, Any]:
        data = self.word(_HEADER_MAX)
        try:
            header = cast("dict[str, Any]", json.loads(data))
            canonical = type(header) is dict and _canonical(header) == data
        except (ValueError, RecursionError) as error:
            raise self.error("a header in it is no canonical JSON") from error
        if not canonical or {name: type(value) for name, value in header.items()} != fields:
            raise self.error("a header in it has another form")
        if any(type(value) is int and not 0 <= value < _SIZE_MAX for value in header.values()):
            raise self.error("a header in it has a number that cannot be")
        return header

    def _paths(self, bases: list[Any]) -> tuple[StorePath, ...]:
        try:
            return tuple(StorePath.parse_base(str(base)) for base in bases)
        except InvalidStorePath as error:
            raise self.error("a header in it names what is no object") from error

    def _ascending(self, bases: list[Any]) -> tuple[StorePath, ...]:
        paths = self._paths(bases)
        if any(left >= right for left, right in pairwise(paths)):
            raise self.error("a header in it names objects out of order")
        return paths


def _canonical(value: Mapping[str, Any]) -> bytes:
    """JSON with sorted keys, no spaces, and ASCII only: everything that a header may hold is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")
