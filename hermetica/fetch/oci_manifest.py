"""What a registry says of an image: its layers, or, of an index, its images by platform. Pure.

Sources: OCI Image Specification 1.1, ``manifest.md`` and ``image-index.md``; Docker Image Manifest Version 2, Schema 2.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from hermetica.errors import HermeticaError
from hermetica.fetch.oci_name import BlobDigest, InvalidImageName

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ACCEPTED", "DOCUMENT_MAX_BYTES", "Descriptor", "ImageIndex", "ImageManifest", "ImageRefused"]

DOCUMENT_MAX_BYTES: Final = 4 << 20
"""How long a manifest, an index or a configuration may be; registries need not take longer ones."""
_INDICES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ACCEPTED: Final = ", ".join((*_INDICES, *_MANIFESTS))
"""The media types that are understood, as a request has them."""
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
_DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar"
_LAYERS: Final = frozenset(
    [
        *(_LAYER, f"{_LAYER}+gzip", f"{_LAYER}+zstd"),
        *(_DOCKER_LAYER, f"{_DOCKER_LAYER}.gzip", f"{_DOCKER_LAYER}.zstd"),
    ]
)
_FOREIGN: Final = (".foreign.", ".nondistributable.")
_SIZE_MAX_BYTES: Final = 1 << 40


class ImageRefused(HermeticaError):
    """An image that is not of the kind that a tree can be made of, or not for the platform that is wanted."""

    code = "HM443"


@attrs.frozen(kw_only=True)
class Descriptor:
    """Content that a manifest names.

    Attributes:
        media_type: of it.
        digest: of its bytes.
        size_bytes: how many there are.
        platform: of an image in an index, such as ``linux/arm64/v8``; empty where none is said.
    """

    media_type: str
    digest: BlobDigest
    size_bytes: int
    platform: str = ""


@attrs.frozen(kw_only=True)
class ImageManifest:
    """One image.

    Attributes:
        config: its configuration, which says for what platform it is.
        layers: lowest first.
    """

    config: Descriptor
    layers: tuple[Descriptor, ...]


@attrs.frozen(kw_only=True)
class ImageIndex:
    """Several images, one a platform.

    Attributes:
        images: in the index's order.
    """

    images: tuple[Descriptor, ...]

    def choose(self, platform: str | None, where: str) -> Descriptor:
        """The image for a platform; the first one that fits.

        Args:
            platform: ``OS/ARCHITECTURE`` with or without ``/VARIANT``.
            where: what errors call the index.

        Raises:
            ImageRefused: there is none.
        """
        for image in self.images:
            if platform is not None and fits(image.platform, platform):
                return image
        offered = ", ".join(sorted({each.platform for each in self.images if each.platform})) or "none"
        if platform is None:
            raise ImageRefused(
                f"{where} is an index of several images",
                details=(("platforms", offered),),
                hint='say which one: platform="…"; or take the digest of the image itself',
            )
        raise ImageRefused(f"{where} has no image for {platform}", details=(("platforms", offered),))


def fits(offered: str, wanted: str) -> bool:
    """Whether an image for one platform is one for another; a wanted platform without a variant takes any."""
    return offered == wanted or offered.startswith(f"{wanted}/")


def parse_document(data: bytes, where: str) -> ImageIndex | ImageManifest:
    """What a manifest or an index says.

    Raises:
        ImageRefused: it is neither, or one that no tree can be made of.
    """
    document = _object(data, where)
    kind = document.get("mediaType")
    if document.get("schemaVersion") != 2:
        raise ImageRefused(
            f"{where} is a manifest of version {document.get('schemaVersion')!r:.40}; version 2 is understood",
            hint="ask for an image that was pushed by a tool of this decade",
        )
    if "manifests" in document and "layers" in document:  # one digest must not name two things
        raise ImageRefused(f"{where} is an index and an image at once")
    if "manifests" in document and kind in {None, *_INDICES}:
        return ImageIndex(images=tuple(_descriptor(each, where) for each in _rows(document, "manifests", where)))
    if "layers" in document and kind in {None, *_MANIFESTS}:
        layers = tuple(_descriptor(each, where) for each in _rows(document, "layers", where))
        for layer in layers:
            _check_layer(layer, where)
        return ImageManifest(config=_descriptor(document.get("config"), where), layers=layers)
    raise ImageRefused(
        f"{where} is no image, but {kind!r:.120}",
        details=(("understood", ACCEPTED),),
    )


def platform_of(config: bytes, where: str) -> str:
    """The platform that an image's configuration says.

    Raises:
        ImageRefused: it says none.
    """
    return _platform(_object(config, where), where)


def _check_layer(layer: Descriptor, where: str) -> None:
    if any(word in layer.media_type for word in _FOREIGN):
        raise ImageRefused(
            f"{where} has the layer {layer.digest}, which its registry must not give out",
            details=(("media type", layer.media_type),),
            hint="such layers (of Windows, mostly) come from their owner; no tree is made of them",
        )
    if layer.media_type not in _LAYERS:
        raise ImageRefused(
            f"{where} has the layer {layer.digest} of a kind that is not known",
            details=(("media type", layer.media_type), ("known", ", ".join(sorted(_LAYERS)))),
        )


def _object(data: bytes, where: str) -> Mapping[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ImageRefused(f"{where} is no JSON", details=(("cause", str(error)[:200]),)) from error
    if not isinstance(document, dict):
        raise ImageRefused(f"{where} is no JSON object")
    return cast("dict[str, Any]", document)


def _rows(document: Mapping[str, Any], key: str, where: str) -> list[Any]:
    rows = document[key]
    if not isinstance(rows, list):
        raise ImageRefused(f"{where}: {key} is no list")
    return cast("list[Any]", rows)  # type: ignore[redundant-cast]  # pyright sees list[Unknown]


def _descriptor(row: Any, where: str) -> Descriptor:
    facts = cast("dict[str, Any]", row) if isinstance(row, dict) else {}
    kind, digest, size = facts.get("mediaType"), facts.get("digest"), facts.get("size")
    if not isinstance(kind, str) or not isinstance(digest, str) or type(size) is not int:
        raise ImageRefused(f"{where} names content without mediaType, digest and size")
    if not 0 <= size <= _SIZE_MAX_BYTES:
        raise ImageRefused(f"{where} names content of {size:,} bytes")
    try:
        parsed = BlobDigest.parse(digest)
    except InvalidImageName as error:
        raise ImageRefused(f"{where}: {error.message}") from error
    platform = facts.get("platform")
    said = "" if platform is None else _platform(platform, where)
    return Descriptor(media_type=kind[:200], digest=parsed, size_bytes=size, platform=said)


def _platform(row: Any, where: str) -> str:
    facts = cast("dict[str, Any]", row) if isinstance(row, dict) else {}
    words = [facts.get("os"), facts.get("architecture"), facts.get("variant") or ""]
    if not all(isinstance(word, str) for word in words) or not all(words[:2]):
        raise ImageRefused(f"{where} does not say its platform")
    return "/".join(word[:40] for word in words if word)
