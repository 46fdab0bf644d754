"""Fuzz targets that write trees: NARs, and archives of every kind."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from hermetica.fetch import unpack
from hermetica.fetch.rootfs import unpack_deb
from hermetica.fetch.rootfs_alternatives import alternatives_of, chosen_links
from hermetica_store.nar import nar_chunks
from hermetica_store.nar_reader import restore_nar
from tests.fetch.archives import BLOCK, COMPRESSORS, SMALL, sealed
from tests.fuzz.target import Target, destination, expect

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = slice(257, 262)


def _nar(data: bytes) -> None:
    with destination() as out:
        restore_nar(io.BytesIO(data), out)
        written = b"".join(nar_chunks(out))
        expect(written == data, "a tree has two NARs")


def _archive(data: bytes, name: str = "a") -> None:
    with destination() as out:
        archive = _beside(out, name, data)
        try:
            unpack(archive, out, limits=SMALL)
        finally:
            archive.unlink()


def _beside(out: Path, name: str, data: bytes) -> Path:
    archive = out.parent / name
    archive.write_bytes(data)
    return archive


def _tar(data: bytes) -> None:
    """A tar whose headers have right checksums, which mutations would hardly find."""
    blocks = [data[start : start + BLOCK] for start in range(0, len(data), BLOCK)]
    whole = (sealed(bytearray(block)) if block[_MAGIC] == b"ustar" else block for block in blocks)
    _archive(b"".join(whole), "a.tar")


def _compressed(data: bytes) -> None:
    """The first byte chooses how the rest was compressed: what comes out is the mutation."""
    names = list(COMPRESSORS)
    _archive(COMPRESSORS[names[data[0] % len(names)]](data[1:]) if data else b"")


def _deb(data: bytes) -> None:
    """A Debian package unpacked for trees of tools; its maintainer scripts are read for the links that they make."""
    with destination() as out:
        archive = _beside(out, "a.deb", data)
        try:
            unpack_deb(archive, out)
        finally:
            archive.unlink()


def _maintainer_script(data: bytes) -> None:
    chosen_links(alternatives_of(data.decode("utf-8", "replace")))


TARGETS = (
    Target("nar", _nar, (b"(", b")", b"type", b"entry", b"node", b"name", b"..", b"/", b"symlink", b"regular")),
    Target("tar", _tar, (b"ustar", b"../", b"GNU.sparse.map", b"path=", b"\x80", b"7777777")),
    Target("archive", _archive, (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"!<arch>\n", b"`\n", b"../")),
    Target("compressed", _compressed, (b"ustar", b"../")),
    Target("deb", _deb, (b"!<arch>\n", b"data.tar", b"control.tar.xz", b"`\n")),
    Target("maintainer-script", _maintainer_script, (b"update-alternatives --install ", b"--slave ", b"$A", b"\n")),
)
