"""Pins of container images: the digest that each tag has now, and the tree digest of its files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hermetica.fetch.lock_pin import LockError, Pin
from hermetica.fetch.oci import Registry, fetch_image
from hermetica.fetch.oci_name import ImageName
from hermetica_store import hash_tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermetica.fetch.lock_debian import Resolver
    from hermetica.fetch.waiting import Patience


def image_pins(images: Sequence[str], platform: str, mirrors: Resolver, patience: Patience) -> tuple[Pin, ...]:
    """A pin for each image; each is fetched once to learn its tree digest.

    Args:
        images: as people write them, with a tag or a digest.
        platform: such as ``linux/amd64``.
        mirrors: resolve logical addresses.
        patience: how long to wait for one.

    Raises:
        InvalidImageName: one names no image.
        ImageRefused: no tree can be made of one, or it is not for the platform.
        DownloadFailed: one cannot be fetched.
    """
    return tuple(_pin(ImageName.parse(image), platform, mirrors, patience) for image in images)


def _pin(image: ImageName, platform: str, mirrors: Resolver, patience: Patience) -> Pin:
    registry = Registry.at(mirrors.resolve(image.address), patience=patience)
    with tempfile.TemporaryDirectory(prefix="hermetica-lock-") as directory:
        tree = Path(directory) / "tree"
        digest = fetch_image(registry, image.reference, tree, platform=platform)
        content = hash_tree(tree).tree.hex
    if "@" in image.address:
        raise LockError(f"the address of {image.name} has a password in it", hint="put it into netrc")
    return Pin(
        kind="oci",
        name=image.name,
        version=digest.hex[:12] if ":" in image.reference else image.reference,
        method="tree",
        algorithm="blake3",
        hash=content,
        facts={"digest": str(digest), "platform": platform},
        addresses=(image.address,),
    )
