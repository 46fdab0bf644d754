"""What a Nix binary cache says of an object: the text of a ``.narinfo``, and the words that its signatures cover.

Source: Nix 2.8, ``src/libstore/nar-info.cc`` and ``path-info.cc``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.digest import ALPHABET
from hermetica_store.errors import StoreError
from hermetica_store.path import STORE_PREFIX, StorePath

if TYPE_CHECKING:
    from collections.abc import Sequence

CACHE_INFO: Final = "nix-cache-info"
SUFFIXES: Final = {"zstd": ".zst", "xz": ".xz", "gzip": ".gz", "bzip2": ".bz2", "none": ""}
_HASH_LENGTH: Final = 52
_HASH_BYTES: Final = 32
_HEX_LENGTH: Final = 64
_URL: Final = re.compile(r"nar/[0-9a-z]{1,128}\.nar(\.[0-9a-z]{1,8})?")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_REQUIRED: Final = frozenset({"StorePath", "URL", "NarHash", "NarSize"})
_SEVERAL: Final = "Sig"


class InvalidNarInfo(StoreError, ValueError):
    """A text of a binary cache that is not what it has to be."""

    code = "HM433"

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where} is not what a binary cache holds: {what}")


@attrs.frozen(kw_only=True)
class NarInfo:
    """What a cache says of one object.

    Attributes:
        path: the object.
        url: of the compressed NAR, relative to the cache.
        compression: how it is compressed.
        file_hash: SHA-256 of the compressed NAR; None where it is not said.
        file_size: its length in bytes; None where it is not said.
        nar_hash: SHA-256 of the NAR.
        nar_size: its length in bytes.
        references: what the object refers to, ascending; itself among it if it mentions itself.
        signatures: ``name:base64`` each.
    """

    path: StorePath
    url: str
    compression: str
    file_hash: bytes | None
    file_size: int | None
    nar_hash: bytes
    nar_size: int
    references: tuple[StorePath, ...]
    signatures: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> bytes:
        """What is signed: everything that matters of the object, and nothing of how it travels."""
        return fingerprint(self.path, self.nar_hash, self.nar_size, self.references)

    def __str__(self) -> str:
        """The text of the ``.narinfo``."""
        lines = [f"StorePath: {self.path}", f"URL: {self.url}", f"Compression: {self.compression}"]
        if self.file_hash is not None:
            lines.append(f"FileHash: sha256:{nix_base32(self.file_hash)}")
        if self.file_size is not None:
            lines.append(f"FileSize: {self.file_size}")
        lines += [
            f"NarHash: sha256:{nix_base32(self.nar_hash)}",
            f"NarSize: {self.nar_size}",
            f"References: {' '.join(each.base for each in self.references)}",
            *(f"Sig: {signature}" for signature in self.signatures),
        ]
        return "\n".join(lines) + "\n"

    @classmethod
    def parse(cls, text: str, where: str) -> NarInfo:
        """A ``.narinfo``; fields that mean nothing to us are passed over.

        Args:
            text: of the file.
            where: what to call it in errors.

        Raises:
            InvalidNarInfo: it is none.
        """
        facts = NarFacts.parse(text, where)
        try:
            return cls(
                path=StorePath.parse(facts.path),
                url=facts.url,
                compression=facts.compression,
                file_hash=facts.file_hash,
                file_size=facts.file_size,
                nar_hash=facts.nar_hash,
                nar_size=facts.nar_size,
                references=tuple(sorted(map(StorePath.parse_base, facts.references))),
                signatures=facts.signatures,
            )
        except ValueError as error:
            message = error.message if isinstance(error, StoreError) else str(error)
            raise InvalidNarInfo(where, message) from error


@attrs.frozen(kw_only=True)
class NarFacts:
    """What a cache says of one object, whatever store directory it is for.

    Attributes:
        path: the object, as a text.
        url: of the compressed NAR, relative to the cache.
        compression: how it is compressed.
        file_hash: SHA-256 of the compressed NAR; None where it is not said.
        file_size: its length in bytes; None where it is not said.
        nar_hash: SHA-256 of the NAR.
        nar_size: its length in bytes.
        references: last components of the paths that it refers to, ascending, each once.
        signatures: ``name:base64`` each.
    """

    path: str
    url: str
    compression: str
    file_hash: bytes | None
    file_size: int | None
    nar_hash: bytes
    nar_size: int
    references: tuple[str, ...]
    signatures: tuple[str, ...]

    @property
    def fingerprint(self) -> bytes:
        """What is signed."""
        directory = self.path.rpartition("/")[0]
        return fingerprint(self.path, self.nar_hash, self.nar_size, [f"{directory}/{base}" for base in self.references])

    @classmethod
    def parse(cls, text: str, where: str) -> NarFacts:
        """A ``.narinfo``; fields that mean nothing to us are passed over.

        Raises:
            InvalidNarInfo: it is none.
        """
        fields, signatures = _fields(text, where)
        if missing := sorted(_REQUIRED - fields.keys()):
            raise InvalidNarInfo(where, f"it lacks {missing[0]}")
        try:
            return cls(
                path=fields["StorePath"],
                url=_url(fields["URL"]),
                compression=_compression(fields.get("Compression", "bzip2")),
                file_hash=_sha256(fields["FileHash"]) if "FileHash" in fields else None,
                file_size=_number(fields["FileSize"]) if "FileSize" in fields else None,
                nar_hash=_sha256(fields["NarHash"]),
                nar_size=_number(fields["NarSize"]),
                references=_references(fields.get("References", "")),
                signatures=signatures,
            )
        except ValueError as error:
            raise InvalidNarInfo(where, str(error)) from error


def fingerprint(
    path: StorePath | str, nar_hash: bytes, nar_size: int, references: Sequence[StorePath] | Sequence[str]
) -> bytes:
    """What is signed of an object."""
    named = ",".join(map(str, references))
    return f"1;{path};sha256:{nix_base32(nar_hash)};{nar_size};{named}".encode()


def nix_base32(data: bytes) -> str:
    """Bytes as Nix writes hashes: least significant digit last, of a number that is little-endian."""
    number = int.from_bytes(data, "little")
    length = (len(data) * 8 + 4) // 5
    return "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(length)))


def cache_info() -> str:
    """The text that says what a directory is the cache of."""
    return f"StoreDir: {STORE_PREFIX}\nWantMassQuery: 1\nPriority: 40\n"


def cache_store_dir(text: str, where: str) -> str:
    """The store directory whose objects a cache holds.

    Raises:
        InvalidNarInfo: the text does not say.
    """
    fields, _ = _fields(text, where)
    if "StoreDir" not in fields:
        raise InvalidNarInfo(where, "it lacks StoreDir")
    return fields["StoreDir"]


def _fields(text: str, where: str) -> tuple[dict[str, str], tuple[str, ...]]:
    fields: dict[str, str] = {}
    signatures: list[str] = []
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        name, colon, value = line.partition(":")
        if not colon or not name.isascii() or not name.isalnum():
            raise InvalidNarInfo(where, f"line {number} is no field")
        value = value.removeprefix(" ")
        if name == _SEVERAL:
            signatures.append(value)
        elif name in fields:
            raise InvalidNarInfo(where, f"{name} stands in it twice")
        else:
            fields[name] = value
    return fields, tuple(signatures)


def _url(text: str) -> str:
    if not _URL.fullmatch(text):
        raise ValueError(f"URL {text[:80]!r} leads elsewhere than to a file in nar/")
    return text


def _compression(text: str) -> str:
    if text not in SUFFIXES:
        raise ValueError(f"the compression {text[:80]!r} is unknown")
    return text


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is no size")
    return int(text)


def _sha256(text: str) -> bytes:
    kind, _, digits = text.partition(":")
    if kind == "sha256" and len(digits) == _HASH_LENGTH and not set(digits) - set(ALPHABET):
        number = 0
        for digit in digits:
            number = number << 5 | ALPHABET.index(digit)
        if number >> 8 * _HASH_BYTES == 0:
            return number.to_bytes(_HASH_BYTES, "little")
    if kind == "sha256" and len(digits) == _HEX_LENGTH and not set(digits) - set("0123456789abcdef"):
        return bytes.fromhex(digits)
    raise ValueError(f"{text[:80]!r} is no SHA-256 digest")


def _references(text: str) -> tuple[str, ...]:
    bases = tuple(base for base in text.split(" ") if base)
    if len(set(bases)) != len(bases):
        raise ValueError("it names a reference twice")
    return tuple(sorted(bases))
