"""Closures out of a Nix binary cache, as derivations that hermetica builds itself. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hermetica.errors import EvaluationError
from hermetica.model.builtins import FETCHNIX, NEUTRAL, FetchWithoutHash
from hermetica.model.defining import derivation
from hermetica.model.origin import user_line
from hermetica.model.outputs import UNKNOWN, FixedOutput, Meta

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermetica.model.derivation import Derivation

NIX_STORE: Final = "/nix/store"
NIX_CACHE_INFO: Final = "nix-cache-info"
_PATH: Final = re.compile(
    rf"{NIX_STORE}/[0-9abcdfghijklmnpqrsvwxyz]{{32}}-([A-Za-z0-9+_?=-][A-Za-z0-9+._?=-]{{0,210}})"
)
_KEY: Final = re.compile(r"[0-9A-Za-z._+-]{1,128}:[0-9A-Za-z+/]{43}=")


class InvalidNixPath(EvaluationError, ValueError):
    """A text that is no path of a Nix store, or no key that signs such paths."""

    code = "HM445"


def _check(paths: Sequence[str], trusted_keys: Sequence[str]) -> None:
    for each in paths or ("",):
        if not _PATH.fullmatch(each):
            raise InvalidNixPath(f"not a path of a Nix store: {each[:300]!r}", origin=user_line())
    for key in trusted_keys or ("",):
        if not _KEY.fullmatch(key):
            raise InvalidNixPath(
                f"not a public key of a Nix cache: {key[:200]!r}", hint="it is written NAME:BASE64", origin=user_line()
            )


def fetchnix(
    path: str | Sequence[str],
    *,
    cache: str | Sequence[str],
    trusted_keys: Sequence[str],
    name: str | None = None,
    blake3: str | None = None,
    hash: str | None = None,  # noqa: A002 -- the word of the interface: hash=hm.UNKNOWN
    meta: Meta | None = None,
) -> Derivation:
    """Objects of a Nix binary cache with all that they refer to, below ``nix/store``: as ``rootfs`` they are at home.

    Every object must be signed by one of the keys; what counts is ``blake3``. Fetched on the host, never in a sandbox.

    Args:
        path: ``/nix/store/…``, or several.
        cache: address of the cache, plain or ``mirror://NAME``; or several that are tried in order.
        trusted_keys: public keys as Nix writes them, ``name:base64``.
        name: of the object; that of the first path where none is given.
        blake3: tree digest of all of it.
        hash: ``hm.UNKNOWN``, to be told the digest by a failing build.
        meta: what people want to know of it.

    Raises:
        FetchWithoutHash: not exactly one of ``blake3`` and ``hash`` is given.
        InvalidNixPath: a path or key has another form, or there is none.
    """
    paths = (path,) if isinstance(path, str) else tuple(path)
    caches = (cache,) if isinstance(cache, str) else tuple(cache)
    if not caches or (blake3 is None) == (hash is None) or hash not in {None, UNKNOWN}:
        raise FetchWithoutHash(
            f"fetchnix of {paths[0] if paths else 'nothing'} needs a cache and exactly one hash",
            hint="add blake3=…, or hash=hm.UNKNOWN to be told it",
            origin=user_line(),
        )
    _check(paths, trusted_keys)
    return derivation(
        name=name or paths[0].rpartition("/")[2].partition("-")[2].lstrip("."),
        builder=FETCHNIX,
        env={
            "urls": "\n".join(f"{each.rstrip('/')}/{NIX_CACHE_INFO}" for each in caches),
            "paths": "\n".join(sorted(set(paths))),
            "trusted_keys": "\n".join(sorted(set(trusted_keys))),
        },
        system=NEUTRAL,
        fixed=FixedOutput(method="tree", algorithm="blake3", digest=blake3 or UNKNOWN),
        meta=meta or Meta(),
    )
