"""Where in the store files with given digests are, by the manifests of the objects."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from hermetica_store.manifest import decode_manifest
from hermetica_store.schema import MANIFESTS

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from hermetica_store.digest import Digest
    from hermetica_store.shared import Shared

_BATCH: Final = 500

Places = dict[str, list[tuple[bytes, bytes]]]
"""Digest in hexadecimal -> (base of an object, path of the file below it)."""


def equal_files(shared: Shared, digests: Collection[Digest]) -> dict[str, list[Path]]:
    """Where files with these digests should be: in this store, then in those that it lies over."""
    found: dict[str, list[Path]] = {}
    for store in (shared, *shared.lowers):
        for digest, places in find_files(store, digests).items():
            for base, below in places:
                place = store.layout.objects / os.fsdecode(base)
                found.setdefault(digest, []).append(place / os.fsdecode(below) if below else place)
    return found


def find_files(shared: Shared, digests: Collection[Digest]) -> Places:
    """Every file that has one of ``digests``, as far as manifests say."""
    wanted = {digest.hex for digest in digests}
    found: Places = {}
    start = b""
    while wanted and (rows := _rows(shared, start)):
        start = rows[-1][0] + b"\0"
        for base, value in rows:
            try:
                entries = decode_manifest(value)
            except ValueError:
                continue
            for path, (kind, text) in entries.items():
                if text in wanted and kind.endswith("file"):
                    found.setdefault(text, []).append((base, path))
    return found


def _rows(shared: Shared, start: bytes) -> list[tuple[bytes, bytes]]:
    return shared.index.read(lambda tx: tx.items(MANIFESTS, start, _BATCH))
