"""Makes real Debian packages and a real, signed archive of them in a directory: what the tests fetch from."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import subprocess
import tarfile
from typing import TYPE_CHECKING

import attrs
import zstandard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

COMPRESSORS: Mapping[str, Callable[[bytes], bytes]] = {
    ".xz": lzma.compress,
    ".gz": gzip.compress,
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
    "": lambda data: data,
}


@attrs.frozen
class Link:
    """A symbolic link of a package."""

    target: str


@attrs.frozen
class HardLink:
    """A hard link of a package, to another of its members."""

    target: str


@attrs.frozen
class Special:
    """A device or another special file."""

    type: bytes = tarfile.CHRTYPE


Content = bytes | Link | HardLink | Special | None  # None is a directory


def tar_of(files: Mapping[str, Content], modes: Mapping[str, int] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.mode = (modes or {}).get(name, 0o755 if content is None else 0o644)
            if isinstance(content, bytes):
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
                continue
            if content is None:
                member.type = tarfile.DIRTYPE
            elif isinstance(content, Special):
                member.type = content.type
            else:
                member.type = tarfile.SYMTYPE if isinstance(content, Link) else tarfile.LNKTYPE
                member.linkname = content.target
            archive.addfile(member)
    return buffer.getvalue()


def ar_of(members: Mapping[str, bytes]) -> bytes:
    parts = [b"!<arch>\n"]
    for name, data in members.items():
        parts.append(f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode())
        parts.append(data + b"\n" * (len(data) % 2))
    return b"".join(parts)


def deb_of(
    files: Mapping[str, Content],
    *,
    scripts: Mapping[str, str] | None = None,
    modes: Mapping[str, int] | None = None,
    compression: str = ".xz",
) -> bytes:
    """The bytes of a binary package."""
    control = tar_of({f"./{name}": text.encode() for name, text in (scripts or {}).items()})
    compress = COMPRESSORS[compression]
    return ar_of({
        "debian-binary": b"2.0\n",
        f"control.tar{compression}": compress(control),
        f"data.tar{compression}": compress(tar_of(files, modes)),
    })  # fmt: skip


class Archive:
    """A signed archive below a directory; ``resolve`` makes it a mirror."""

    def __init__(self, root: Path, key: Key) -> None:
        self.root, self._key = root, key
        self.asked: list[str] = []

    def resolve(self, url: str) -> Sequence[str]:
        self.asked.append(url)
        return [url.replace("mirror://debian/", f"file://{self.root}/")]

    def publish(
        self,
        *,
        packages: str = "",
        sources: str = "",
        fields: str = "Suite: stable\n",
        endings: Sequence[str] = (".xz", ""),
    ) -> None:
        directory = self.root / "dists" / "stable"
        lines: list[str] = []
        for path, text in {"main/binary-amd64/Packages": packages, "main/source/Sources": sources}.items():
            for ending in endings:
                data = COMPRESSORS[ending](text.encode())
                where = directory / (path + ending)
                where.parent.mkdir(parents=True, exist_ok=True)
                where.write_bytes(data)
                lines.append(f" {hashlib.sha256(data).hexdigest()} {len(data)} {path}{ending}\n")
        self._key.sign(f"Codename: test\n{fields}SHA256:\n{''.join(lines)}", directory / "InRelease")


@attrs.frozen
class Key:
    """A key that signs, in a keyring of its own."""

    home: Path

    @property
    def keyring(self) -> Path:
        return self.home / "public.gpg"

    @classmethod
    def make(cls, home: Path) -> Key:
        home.mkdir(mode=0o700)
        key = cls(home)
        key._gpg("--quick-gen-key", "--passphrase", "", "archive@example.org", "ed25519", "sign", "never")
        key.keyring.write_bytes(key._gpg("--export"))
        return key

    def sign(self, text: str, where: Path) -> None:
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_bytes(self._gpg("--clearsign", "--output", "-", data=text.encode()))

    def stop(self) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "all"], check=True, capture_output=True)

    def _gpg(self, *arguments: str, data: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--yes", "--pinentry-mode", "loopback", *arguments]
        return subprocess.run(command, input=data, check=True, capture_output=True).stdout
