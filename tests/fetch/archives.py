"""Archives for tests: honest ones by the real programs, hostile ones by hand."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest
import zstandard

from hermetica.fetch import ArchiveError, Limits, unpack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BLOCK = 512
SMALL = Limits(total_bytes=1 << 20, entries=1000)
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "bzip2": bz2.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


def header(
    name: bytes,
    *,
    size: int = 0,
    kind: bytes = b"0",
    target: bytes = b"",
    mode: int = 0o644,
    magic: bytes = b"ustar\x0000",
    prefix: bytes = b"",
) -> bytes:
    """A tar header with a right checksum, whatever it says."""
    block = bytearray(BLOCK)
    block[0 : len(name[:100])] = name[:100]
    block[100:108] = b"%07o\x00" % mode
    block[124:136] = b"%011o\x00" % size
    block[156:157] = kind
    block[157 : 157 + len(target[:100])] = target[:100]
    block[257:265] = magic
    block[345 : 345 + len(prefix)] = prefix
    return sealed(block)


def sealed(block: bytearray) -> bytes:
    """The block, with the checksum that it must have."""
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\x00 " % sum(block)
    return bytes(block)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def member(name: bytes, data: bytes = b"", **fields: object) -> bytes:
    """A header and its data."""
    return header(name, size=len(data), **fields) + padded(data)  # type: ignore[arg-type]  # fields of header


def pax(records: dict[bytes, bytes], kind: bytes = b"x") -> bytes:
    """A pax header of these records."""
    data = b"".join(pax_record(key, value) for key, value in records.items())
    return member(b"pax", data, kind=kind)


def pax_record(key: bytes, value: bytes) -> bytes:
    rest = b" %s=%s\n" % (key, value)
    size = len(rest)
    while len(b"%d" % size) + len(rest) != size:
        size = len(b"%d" % size) + len(rest)
    return b"%d%s" % (size, rest)


def tar(*members: bytes, ends: bool = True) -> bytes:
    """Members, and the mark of the end."""
    return b"".join(members) + (bytes(2 * BLOCK) if ends else b"")


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def run(*command: str | Path, cwd: Path | None = None) -> None:
    """Runs a program that must succeed."""
    subprocess.run([os.fspath(each) for each in command], check=True, cwd=cwd, capture_output=True)


def tree(root: Path) -> dict[bytes, tuple[str, object]]:
    """What is in a tree, as far as a store looks: names, content, the executable bit, link targets."""
    found: dict[bytes, tuple[str, object]] = {}
    pending = [root]
    while pending:
        for path in pending.pop().iterdir():
            name = os.fsencode(path.relative_to(root))
            if path.is_symlink():
                found[name] = ("symlink", os.fsencode(path.readlink()))
            elif path.is_dir():
                found[name] = ("directory", None)
                pending.append(path)
            else:
                found[name] = ("executable" if path.stat().st_mode & 0o111 else "file", path.read_bytes())
    return found


def names(root: Path) -> set[str]:
    return {os.fsdecode(name) for name in tree(root)}


def make_honest_tree(root: Path) -> Path:
    """A tree with what honest archives have."""
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "tool").write_bytes(b"#!/bin/sh\n")
    (root / "bin" / "tool").chmod(0o755)
    (root / "empty").write_bytes(b"")
    (root / "hollow" / "deep").mkdir(parents=True)
    (root / "big").write_bytes(os.urandom(700_001))
    (root / ("long-" + "x" * 200)).write_bytes(b"long")
    deep = root / "/".join(["directory-of-some-length"] * 15)
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(b"deep")
    (deep / "link").symlink_to("../" * 60 + "nowhere")
    (root / "link").symlink_to("bin/tool")
    (root / "absolute").symlink_to("/usr/bin/env")
    (root / "dangling").symlink_to("nowhere")
    os.link(root / "big", root / "hollow" / "hard")
    os.link(root / "link", root / "hard-link-to-link", follow_symlinks=False)
    (root / "name with spaces and ünicode").write_bytes(b"u")
    (root / "read-only").mkdir()
    (root / "read-only" / "file").write_bytes(b"r")
    (root / "read-only" / "file").chmod(0o400)
    (root / "read-only").chmod(0o555)
    with (root / "sparse").open("wb") as file:
        for offset in (0, 1 << 20, 3 << 20):
            file.seek(offset)
            file.write(b"data at %d" % offset)
        file.truncate(5 << 20)
    with (root / "many-holes").open("wb") as file:
        for index in range(60):
            file.seek(index * 65536)
            file.write(b"%d" % index)
    return root


def refused(
    kind: type[ArchiveError], data: bytes, where: Path, *, limits: Limits = SMALL, name: str = "a.tar"
) -> ArchiveError:
    """The error that an archive gets, which names the archive."""
    with pytest.raises(kind) as caught:
        unpack(written(where / name, data), where / "out", limits=limits)
    assert type(caught.value) is kind
    assert name in caught.value.message
    return caught.value


def zip_of(*entries: tuple[str, bytes, int], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of (name, data, mode)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data, mode in entries:
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, mode << 16
            archive.writestr(info, data, method)
    return buffer.getvalue()


def deb_of(*members: tuple[bytes, bytes]) -> bytes:
    """An ar of (name, data)."""
    parts = [
        b"%-16s%-12d%-6d%-6d%-8o%-10d`\n" % (name, 0, 0, 0, 0o100644, len(data)) + data + b"\n" * (len(data) % 2)
        for name, data in members
    ]
    return b"!<arch>\n" + b"".join(parts)
