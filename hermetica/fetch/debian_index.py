"""Debian's indices as values: what packages there are, what each needs, and where its file lies.

Pure. An index holds tens of thousands of stanzas and a resolution looks at dozens: each is parsed when asked for.
Sources: deb822(5), Debian Policy 5 and 7; the repository format (wiki.debian.org/DebianRepository/Format).
"""

from __future__ import annotations

import posixpath
import re
from functools import cached_property
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.fetch.debian_control import MalformedControl, Wanted, parse_relations, parse_stanza, split_stanzas
from hermetica.fetch.debian_version import DebianVersion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NAME: Final = re.compile(r"^Package:[ \t]*(\S+)[ \t]*$", re.MULTILINE)
_VERSION: Final = re.compile(r"^Version:[ \t]*(\S+)[ \t]*$", re.MULTILINE)
_PROVIDES: Final = re.compile(r"^Provides:(.*)$", re.MULTILINE)
_FILE_LINE: Final = re.compile(r"\s*([0-9a-f]{64})\s+([0-9]+)\s+(\S+)\s*")
_ORIG: Final = re.compile(r".*\.orig(?:-([A-Za-z0-9-]+))?\.tar\.(?:gz|bz2|xz|lzma|zst)")
_DSC: Final = re.compile(r".*\.dsc")
_CHANGES: Final = re.compile(r".*\.(?:debian\.tar\.(?:gz|bz2|xz|lzma|zst)|diff\.gz)")
_NATIVE: Final = re.compile(r".*(?<!\.debian)\.tar\.(?:gz|bz2|xz|lzma|zst)")

Relations = tuple[tuple[Wanted, ...], ...]


@attrs.frozen(kw_only=True)
class ArchiveFile:
    """A file of the archive.

    Attributes:
        path: below the archive's root, such as ``pool/main/h/hello/hello_2.10-3_amd64.deb``.
        sha256: hexadecimal.
        size_bytes: its length.
    """

    path: str
    sha256: str
    size_bytes: int


@attrs.frozen(kw_only=True, slots=False)
class BinaryPackage:
    """A binary package of an index.

    Attributes:
        name: of the package.
        version: the one this index has.
        file: the ``.deb``.
        needs: its ``Pre-Depends`` and ``Depends``.
        refuses: its ``Conflicts`` and ``Breaks``.
        provides: what else it stands for; a version where it says which.
        is_essential: whether nothing declares that it needs it, because every system has it.
    """

    name: str
    version: DebianVersion
    file: ArchiveFile
    needs: Relations = ()
    refuses: Relations = ()
    provides: tuple[Wanted, ...] = ()
    is_essential: bool = False

    @classmethod
    def parse(cls, stanza: str) -> BinaryPackage:
        """The package that a stanza of ``Packages`` describes.

        Raises:
            MalformedControl: the stanza lacks a field or one cannot be read.
        """
        fields = parse_stanza(stanza)
        return cls(
            name=_field(fields, "package", stanza),
            version=DebianVersion.parse(_field(fields, "version", stanza)),
            file=ArchiveFile(
                path=_field(fields, "filename", stanza),
                sha256=_field(fields, "sha256", stanza),
                size_bytes=int(_field(fields, "size", stanza)),
            ),
            needs=(*parse_relations(fields.get("pre-depends", "")), *parse_relations(fields.get("depends", ""))),
            refuses=(*parse_relations(fields.get("conflicts", "")), *parse_relations(fields.get("breaks", ""))),
            provides=tuple(group[0] for group in parse_relations(fields.get("provides", ""))),
            is_essential=fields.get("essential") == "yes",
        )


def _field(fields: Mapping[str, str], name: str, stanza: str) -> str:
    if not fields.get(name):
        raise MalformedControl(f"a stanza lacks the field {name}", details=(("in", stanza.partition("\n")[0]),))
    return fields[name]


@attrs.frozen(slots=False)
class PackageIndex:
    """The binary packages of one or more ``Packages`` files; where two have a name, the later version stands.

    Attributes:
        stanzas: by package name.
    """

    stanzas: Mapping[str, str]

    @classmethod
    def parse(cls, texts: Iterable[str]) -> PackageIndex:
        """The index that these ``Packages`` files make together."""
        return cls(_newest(texts))

    @cached_property
    def _providers(self) -> Mapping[str, tuple[str, ...]]:
        providers: dict[str, list[str]] = {}
        for name, stanza in self.stanzas.items():
            match = _PROVIDES.search(stanza)
            for group in parse_relations(match[1]) if match else ():
                providers.setdefault(group[0].name, []).append(name)
        return {virtual: tuple(sorted(set(names))) for virtual, names in providers.items()}

    @cached_property
    def _parsed(self) -> dict[str, BinaryPackage]:
        return {}

    def find(self, name: str) -> BinaryPackage | None:
        """The package of this name; None where there is none."""
        if name not in self._parsed and name in self.stanzas:
            self._parsed[name] = BinaryPackage.parse(self.stanzas[name])
        return self._parsed.get(name)

    def providers(self, wanted: Wanted) -> tuple[BinaryPackage, ...]:
        """The packages that say they provide what is wanted, ascending by name."""
        packages = (self.find(name) for name in self._providers.get(wanted.name, ()))
        return tuple(package for package in packages if package is not None and provides(package, wanted))

    def essential(self) -> tuple[str, ...]:
        """The names of the packages that nothing declares to need, ascending."""
        return tuple(sorted(name for name, stanza in self.stanzas.items() if "\nEssential: yes\n" in stanza + "\n"))


def provides(package: BinaryPackage, wanted: Wanted) -> bool:
    """Whether ``package`` provides, under another name than its own, what is wanted."""
    return any(offer.name == wanted.name and wanted.takes(offer.version) for offer in package.provides)


@attrs.frozen(kw_only=True)
class SourcePackage:
    """A source package of an index.

    Attributes:
        name: of the package.
        version: the one this index has.
        files: all of its files, ascending by path: ``.dsc``, upstream's tarballs, Debian's changes.
    """

    name: str
    version: DebianVersion
    files: tuple[ArchiveFile, ...]

    @classmethod
    def parse(cls, stanza: str) -> SourcePackage:
        """The package that a stanza of ``Sources`` describes.

        Raises:
            MalformedControl: the stanza lacks a field or one cannot be read.
        """
        fields = parse_stanza(stanza)
        directory = _field(fields, "directory", stanza)
        files = (_parse_file(line, directory) for line in _field(fields, "checksums-sha256", stanza).splitlines())
        return cls(
            name=_field(fields, "package", stanza),
            version=DebianVersion.parse(_field(fields, "version", stanza)),
            files=tuple(sorted(files, key=lambda file: file.path)),
        )

    def upstream(self) -> Mapping[str, ArchiveFile]:
        """Upstream's tarballs by component; the main one's is empty. A native package's own tarball is its main one."""
        found = {match[1] or "": file for file in self.files if (match := _ORIG.fullmatch(file.path))}
        return found or dict([("", file) for file in self.files if _NATIVE.fullmatch(file.path)][:1])

    def packaging(self) -> Mapping[str, ArchiveFile]:
        """Debian's own part: ``debian-dsc``, and ``debian-changes`` unless the package is native."""
        kinds = (("debian-dsc", _DSC), ("debian-changes", _CHANGES))
        return {kind: file for kind, pattern in kinds for file in self.files if pattern.fullmatch(file.path)}


def _parse_file(line: str, directory: str) -> ArchiveFile:
    match = _FILE_LINE.fullmatch(line)
    if match is None or "/" in match[3]:
        raise MalformedControl(f"not a file of a source package: {line!r}")
    return ArchiveFile(path=posixpath.join(directory, match[3]), sha256=match[1], size_bytes=int(match[2]))


@attrs.frozen
class SourceIndex:
    """The source packages of one or more ``Sources`` files; where two have a name, the later version stands.

    Attributes:
        stanzas: by package name.
    """

    stanzas: Mapping[str, str]

    @classmethod
    def parse(cls, texts: Iterable[str]) -> SourceIndex:
        """The index that these ``Sources`` files make together."""
        return cls(_newest(texts))

    def find(self, name: str) -> SourcePackage | None:
        """The package of this name; None where there is none."""
        return SourcePackage.parse(self.stanzas[name]) if name in self.stanzas else None


def _newest(texts: Iterable[str]) -> Mapping[str, str]:
    newest: dict[str, str] = {}
    for text in texts:
        for stanza in split_stanzas(text):
            match = _NAME.search(stanza)
            if match is None:
                raise MalformedControl("a stanza names no package", details=(("in", stanza.partition("\n")[0]),))
            known = newest.get(match[1])
            if known is None or _version(stanza) > _version(known):
                newest[match[1]] = stanza
    return newest


def _version(stanza: str) -> DebianVersion:
    match = _VERSION.search(stanza)
    if match is None:
        raise MalformedControl("a stanza has no version", details=(("in", stanza.partition("\n")[0]),))
    return DebianVersion.parse(match[1])
