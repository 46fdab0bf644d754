"""Pins Debian packages: signed indices in, pins out.

The mirror is trusted with nothing: ``InRelease`` must be signed by a key of Debian's archive keyring, indices must have
the hashes it lists, and the pins carry the hashes that the indices list. Deciding is pure and elsewhere (``debian_*``).
Sources: gpgv(1), apt-secure(8).
"""

from __future__ import annotations

import gzip
import lzma
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import attrs

from hermetica.fetch.debian_index import ArchiveFile, PackageIndex, SourceIndex
from hermetica.fetch.debian_release import Index, Release, UntrustedIndex
from hermetica.fetch.debian_resolve import UnresolvedPackages, resolve
from hermetica.fetch.download import DownloadFailed, download
from hermetica.fetch.hashes import UNKNOWN
from hermetica.fetch.lock_pin import Group, Pin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

KEYRINGS: Final = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
MIRROR: Final = "mirror://debian/"
"""What mirror the logical addresses are under."""
_RELEASE_LIMIT_BYTES: Final = 16 << 20
_UNPACKERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {".xz": lzma.decompress, ".gz": gzip.decompress}


class Resolver(Protocol):
    """What turns a logical address into addresses on hosts; ``Mirrors`` is one."""

    def resolve(self, url: str, /) -> Sequence[str]:
        """The addresses to try, in order."""
        ...


@attrs.frozen(kw_only=True)
class Archive:
    """One suite of an archive, as a mirror offers it.

    Attributes:
        suite: such as ``bookworm``.
        mirrors: resolve logical addresses.
        components: such as ``main``.
        architecture: of binary packages.
        keyring: public keys that may sign the release.
        now: when its validity is judged.
    """

    suite: str
    mirrors: Resolver
    components: Sequence[str] = ("main",)
    architecture: str = "amd64"
    keyring: Path | None = None
    now: datetime = attrs.field(factory=lambda: datetime.now(tz=UTC))

    def fetch(self, path: str, *, sha256: str | None = None, size_limit_bytes: int, more: Sequence[str] = ()) -> bytes:
        """The bytes of a file of the archive; ``more`` are other paths of the same bytes."""
        addresses = [address for each in (*more, path) for address in self.mirrors.resolve(MIRROR + each)]
        with tempfile.TemporaryDirectory(prefix="hermetica-lock-") as directory:
            destination = Path(directory, "file")
            expected = {"sha256": sha256 or UNKNOWN}
            download(addresses, destination, expected=expected, size_limit_bytes=size_limit_bytes)
            return destination.read_bytes()

    def release(self) -> Release:
        """The signed release of the suite.

        Raises:
            UntrustedIndex: it is not signed by a trusted key, is of another suite, or no longer holds.
        """
        signed = self.fetch(f"dists/{self.suite}/InRelease", size_limit_bytes=_RELEASE_LIMIT_BYTES)
        release = Release.parse(verified_text(signed, self.keyring))
        release.check(self.suite, self.now)
        return release

    def index_text(self, release: Release, path: str) -> str:
        """The text of an index, whatever form the mirror has it in.

        Raises:
            DownloadFailed: the mirror has it in no form.
        """
        forms = release.find(path)
        for form in forms[:-1]:
            try:
                return self._index_text(release, form)
            except DownloadFailed:
                continue
        return self._index_text(release, forms[-1])

    def _index_text(self, release: Release, form: Index) -> str:
        directory = f"dists/{self.suite}/"
        by_hash = (directory + form.path_by_hash,) if release.is_by_hash else ()
        data = self.fetch(directory + form.path, sha256=form.sha256, size_limit_bytes=form.size_bytes, more=by_hash)
        unpack = _UNPACKERS.get(form.path[-3:])
        return (unpack(data) if unpack else data).decode("utf-8")

    def packages(self, release: Release) -> PackageIndex:
        """The binary packages of the suite."""
        paths = [f"{component}/binary-{self.architecture}/Packages" for component in self.components]
        return PackageIndex.parse(self.index_text(release, path) for path in paths)

    def sources(self, release: Release) -> SourceIndex:
        """The source packages of the suite."""
        return SourceIndex.parse(
            self.index_text(release, f"{component}/source/Sources") for component in self.components
        )


def verified_text(signed: bytes, keyring: Path | None = None) -> str:
    """What a clear-signed file says, without the parts that nobody signed.

    Args:
        signed: the file.
        keyring: public keys that may sign; that of the system's Debian archive where none is named.

    Raises:
        UntrustedIndex: no good signature of such a key, or nothing to check it with.
    """
    keyring = keyring or next((path for path in KEYRINGS if path.exists()), KEYRINGS[0])
    if not keyring.exists():
        raise UntrustedIndex(f"no keyring {keyring}", hint="apt-get install debian-archive-keyring")
    command = ["gpgv", "--quiet", "--keyring", str(keyring), "--output", "-"]
    try:
        ended = subprocess.run(command, input=signed, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise UntrustedIndex("there is no gpgv to check signatures with", hint="apt-get install gpgv") from error
    if ended.returncode != 0:
        cause = ended.stderr.decode("utf-8", "replace").strip().replace("gpgv: ", "")
        raise UntrustedIndex(
            "the mirror's InRelease has no good signature", details=(("keyring", str(keyring)), ("gpgv", cause))
        )
    return ended.stdout.decode("utf-8")


def lock_debian(
    suite: str,
    packages: Sequence[str],
    *,
    sources: Sequence[str] = (),
    packaging: bool = False,
    mirrors: Resolver,
    components: Sequence[str] = ("main",),
    architecture: str = "amd64",
    keyring: Path | None = None,
) -> tuple[Pin, ...]:
    """Pins packages with all they need, and upstream's tarballs of source packages.

    Args:
        suite: such as ``bookworm``.
        packages: names of binary packages; essential ones that are used must be among them.
        sources: names of source packages.
        packaging: whether Debian's own part of those is pinned too: ``.dsc`` and changes.
        mirrors: resolve ``mirror://debian/…``.
        components: where to look.
        architecture: of the binary packages.
        keyring: public keys that may sign; the system's Debian archive keyring where none is named.

    Raises:
        UntrustedIndex: signature, suite or age are wrong.
        UnresolvedPackages: the suite has no fitting set of packages.
        DownloadFailed: the mirror does not give what it lists.
    """
    archive = Archive(suite=suite, mirrors=mirrors, components=components, architecture=architecture, keyring=keyring)
    release = archive.release()
    pins: list[Pin] = []
    if packages:
        found = resolve(archive.packages(release), packages)
        pins += (_pin("debian", each.name, str(each.version), each.file) for each in found)
    if sources:
        pins += source_pins(archive.sources(release), sources, packaging=packaging)
    return tuple(sorted(pins))


def lock_debian_group(
    name: str,
    suite: str,
    packages: Sequence[str],
    *,
    sources: Sequence[str] = (),
    packaging: bool = False,
    mirrors: Resolver,
    keyring: Path | None = None,
) -> Group:
    """A group of pins together with what was asked for, so that it can be made again."""
    pins = lock_debian(suite, packages, sources=sources, packaging=packaging, mirrors=mirrors, keyring=keyring)
    request = {"suite": (suite,), "packages": tuple(packages), "sources": tuple(sources)}
    request["packaging"] = ("1",) if packaging else ()
    return Group(name=name, request={key: values for key, values in request.items() if values}, pins=pins)


def source_pins(index: SourceIndex, names: Sequence[str], *, packaging: bool = False) -> tuple[Pin, ...]:
    """Upstream's tarballs of source packages; those of components are called ``NAME+COMPONENT``.

    Args:
        index: where to look.
        names: of source packages.
        packaging: whether Debian's own part is pinned too, as ``debian-dsc`` and ``debian-changes``.

    Raises:
        UnresolvedPackages: the index lacks a name.
    """
    pins: list[Pin] = []
    for name in sorted(set(names)):
        source = index.find(name)
        if source is None:
            raise UnresolvedPackages(f"the indices have no source package {name!r}")
        for component, file in source.upstream().items():
            called = f"{name}+{component}" if component else name
            pins.append(_pin("debian-source", called, str(source.version), file))
        for kind, file in source.packaging().items() if packaging else ():
            pins.append(_pin(kind, name, str(source.version), file))
    return tuple(pins)


def _pin(kind: str, name: str, version: str, file: ArchiveFile) -> Pin:
    return Pin(
        kind=kind,
        name=name,
        version=version,
        algorithm="sha256",
        hash=file.sha256,
        size_bytes=file.size_bytes,
        addresses=(MIRROR + file.path,),
    )
