"""Fetches by a plug-in: how something is got is the plug-in's, what it must be is the derivation's. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hermetica.model.builtins import FETCH, NEUTRAL, FetchWithoutHash
from hermetica.model.defining import derivation
from hermetica.model.derivation import InvalidDerivation
from hermetica.model.origin import user_line
from hermetica.model.outputs import FixedOutput, Meta

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hermetica.model.canonical import Json
    from hermetica.model.derivation import Derivation

_OURS: Final = {"url": "fetchurl", "git": "fetchgit", "oci": "fetchoci", "nix": "fetchnix"}


def fetchwith(
    fetcher: str,
    address: str | Sequence[str],
    *,
    name: str,
    options: Mapping[str, Json] | None = None,
    sha256: str | None = None,
    blake3: str | None = None,
    meta: Meta | None = None,
) -> Derivation:
    """A file or a tree that an installed plug-in brings, pinned by its hash; fetched on the host, never in a sandbox.

    Dependants hash the content alone: the same content from elsewhere, or by another fetcher, changes none of them.

    Args:
        fetcher: name of an entry point of the group ``hermetica.fetchers``; needed when it is fetched, not before.
        address: what the fetcher takes for an address, or several.
        name: of the object.
        options: JSON for the fetcher.
        sha256: of the bytes of a file; ``hm.UNKNOWN``, to be told it by a failing build.
        blake3: tree digest of a directory; ``hm.UNKNOWN`` likewise.
        meta: what people want to know of it.

    Raises:
        FetchWithoutHash: not exactly one hash is given.
        InvalidDerivation: there is no address, or hermetica fetches such things itself.
    """
    addresses = (address,) if isinstance(address, str) else tuple(address)
    if fetcher in _OURS or not fetcher:
        raise InvalidDerivation(
            f"{name}: no plug-in fetches {fetcher!r}",
            hint=f"hm.{_OURS[fetcher]}(…) does" if fetcher else "name the fetcher",
            origin=user_line(),
        )
    if not addresses or not all(addresses):
        raise InvalidDerivation(f"{name}: a fetch without an address", origin=user_line())
    return derivation(
        name=name,
        builder=FETCH,
        env={"fetcher": fetcher, "urls": "\n".join(addresses)},
        structured=dict(options) if options else None,
        system=NEUTRAL,
        fixed=_fixed(addresses[0], sha256, blake3),
        meta=meta or Meta(),
    )


def _fixed(address: str, sha256: str | None, blake3: str | None) -> FixedOutput:
    if sha256 is not None and blake3 is None:
        return FixedOutput(digest=sha256)
    if blake3 is not None and sha256 is None:
        return FixedOutput(method="tree", algorithm="blake3", digest=blake3)
    raise FetchWithoutHash(
        f"fetch of {address} needs exactly one hash",
        hint="sha256=… of a file, or blake3=… of a directory; hm.UNKNOWN, to be told it",
        origin=user_line(),
    )
