"""The root file systems of container images, as derivations that hermetica builds itself. Pure."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from hermetica.errors import EvaluationError
from hermetica.model.builtins import FETCHOCI, NEUTRAL, FetchWithoutHash
from hermetica.model.defining import derivation
from hermetica.model.origin import user_line
from hermetica.model.outputs import UNKNOWN, FixedOutput, Meta

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermetica.model.derivation import Derivation

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_PLATFORM: Final = re.compile(r"[a-z0-9]+/[a-z0-9]+(/[a-z0-9.]+)?")


class InvalidImage(EvaluationError, ValueError):
    """What should name an image names none, or one that can move."""

    code = "HM444"


def fetchoci(
    url: str | Sequence[str],
    *,
    digest: str,
    platform: str | None = None,
    name: str | None = None,
    blake3: str | None = None,
    hash: str | None = None,  # noqa: A002 -- the word of the interface: hash=hm.UNKNOWN
    meta: Meta | None = None,
) -> Derivation:
    """The files of a container image, all its layers applied, pinned by their content; to be a ``rootfs``, mostly.

    The digest only says where to look: what counts is ``blake3``. Fetched on the host, never in a sandbox.

    Args:
        url: ``https://REGISTRY/NAME`` or ``mirror://oci/NAME``, without a tag; or several that are tried in order.
        digest: of the image, or of an index of images: ``sha256:…``. Tags move.
        platform: such as ``linux/amd64``: which image of an index; of an image, what it must be for.
        name: of the object; the last part of the first address where none is given.
        blake3: tree digest of the files.
        hash: ``hm.UNKNOWN``, to be told the digest by a failing build.
        meta: what people want to know of it.

    Raises:
        FetchWithoutHash: not exactly one of ``blake3`` and ``hash`` is given.
        InvalidImage: ``digest`` or ``platform`` has another form.
    """
    urls = (url,) if isinstance(url, str) else tuple(url)
    if not urls or (blake3 is None) == (hash is None) or hash not in {None, UNKNOWN}:
        raise FetchWithoutHash(
            f"fetchoci of {urls[0] if urls else 'nothing'} needs exactly one hash",
            hint="add blake3=…, or hash=hm.UNKNOWN to be told it",
            origin=user_line(),
        )
    if not _DIGEST.fullmatch(digest):
        raise InvalidImage(
            f"not the digest of an image: {digest[:200]!r}",
            hint="such as sha256:0123…; hermetica lock oci NAME:TAG pins the one that a tag has now",
            origin=user_line(),
        )
    if platform is not None and not _PLATFORM.fullmatch(platform):
        raise InvalidImage(f"not a platform: {platform!r}", hint="such as linux/amd64", origin=user_line())
    return derivation(
        name=name or unquote(posixpath.basename(urlsplit(urls[0]).path.rstrip("/"))) or "image",
        builder=FETCHOCI,
        env={"urls": "\n".join(urls), "digest": digest, "platform": platform or ""},
        system=NEUTRAL,
        fixed=FixedOutput(method="tree", algorithm="blake3", digest=blake3 or UNKNOWN),
        meta=meta or Meta(),
    )
