"""Names of images, as people write them and as registries want them. Pure.

Sources: OCI Distribution Specification 1.1; the reference grammar of the ``distribution`` registry.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

import attrs

from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from urllib.parse import SplitResult

__all__ = ["BlobDigest", "ImageName", "InvalidImageName", "Repository"]

MIRROR: Final = "mirror://oci/"
"""Where images without a registry are looked for."""
_OFFICIAL: Final = "library/"  # the namespace of names without one
_PART: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY: Final = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGITS: Final = {"sha256": 64, "sha512": 128}
_HOST: Final = re.compile(r"(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class InvalidImageName(HermeticaError, ValueError):
    """A text that names no image, no registry's repository, or no digest."""

    code = "HM442"


@attrs.frozen
class BlobDigest:
    """What a registry names content by.

    Attributes:
        algorithm: ``sha256`` or ``sha512``.
        hex: the digest, in lower case.
    """

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The digest written as ``sha256:…``.

        Raises:
            InvalidImageName: it is none.
        """
        algorithm, _, digits = text.partition(":")
        if len(digits) != _DIGITS.get(algorithm) or set(digits) - set("0123456789abcdef"):
            raise InvalidImageName(f"not the digest of an image or layer: {text[:200]!r}", hint="such as sha256:0123…")
        return cls(algorithm, digits)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


@attrs.frozen(kw_only=True)
class Repository:
    """One repository of one registry.

    Attributes:
        registry: its address, up to the host and its port.
        name: of the repository.
    """

    registry: str
    name: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """The repository at ``https://HOST/NAME``; a mirror's path comes before the name.

        Raises:
            InvalidImageName: it is at none.
        """
        parts = _split(url)
        name = parts.path.strip("/").removeprefix("v2/")
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise InvalidImageName(f"not the address of an image: {_bare(parts)!r}", hint="https://REGISTRY/NAME")
        if not _REPOSITORY.fullmatch(name):
            raise InvalidImageName(f"{_bare(parts)!r} names no repository: {name!r}", hint="lower case, without a tag")
        return cls(registry=f"{parts.scheme}://{parts.netloc}", name=name)

    def manifest(self, reference: str) -> str:
        """Where the manifest of a tag or digest is."""
        return f"{self.registry}/v2/{self.name}/manifests/{reference}"

    def blob(self, digest: BlobDigest) -> str:
        """Where a layer or configuration is."""
        return f"{self.registry}/v2/{self.name}/blobs/{digest}"


@attrs.frozen(kw_only=True)
class ImageName:
    """What a user calls an image.

    Attributes:
        address: of its repository, logical or plain.
        name: of its repository, short.
        reference: a tag, or a digest.
    """

    address: str
    name: str
    reference: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The image that a text such as ``debian:bookworm``, ``host:5000/app`` or ``https://host/app@sha256:…`` names.

        What begins with a host (a word with a dot or a port, or ``localhost``) is there, by https unless it is this
        machine; anything else is at ``mirror://oci/``, and ``library/`` is added to a name of one part.

        Raises:
            InvalidImageName: it names none.
        """
        place, at, digest = text.partition("@")
        path = place.rpartition("/")[2]
        tag = path.partition(":")[2]
        place = place.removesuffix(f":{tag}") if tag else place
        reference = str(BlobDigest.parse(digest)) if at else tag or "latest"
        if not at and not _TAG.fullmatch(reference):
            raise InvalidImageName(f"not a tag: {reference!r}, of {text!r}")
        address = _address(place)
        name = address.removeprefix(MIRROR) if address.startswith(MIRROR) else _split(address).path.strip("/")
        if not _REPOSITORY.fullmatch(name):
            raise InvalidImageName(f"not the name of an image: {text!r}", hint="such as debian:bookworm-slim")
        return cls(address=address, name=name.removeprefix(_OFFICIAL), reference=reference)


def _address(place: str) -> str:
    if "://" in place:
        return place.rstrip("/")
    host, slash, _ = place.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        if not _HOST.fullmatch(host):
            raise InvalidImageName(f"not a registry: {host!r}, of {place!r}")
        scheme = "http" if _split(f"https://{host}").hostname in _LOOPBACK else "https"
        return f"{scheme}://{place}"
    return MIRROR + (place if slash else _OFFICIAL + place)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
    except ValueError as error:
        raise InvalidImageName(f"not an address: {url!r}", details=(("cause", str(error)),)) from error
    return parts


def _bare(parts: SplitResult) -> str:
    """The address as it may be printed."""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
