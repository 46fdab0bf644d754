"""Pins from npm's ``package-lock.json``, versions 2 and 3. Pure.

Tarballs of registries become ``mirror://npm/NAME/-/FILE``, whichever registry they were locked from. What lies in the
project itself, or comes inside another tarball, needs no pin. Source: npm documentation, *package-lock.json*;
Subresource Integrity (W3C).
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from hermetica.fetch.lock_pin import Pin
from hermetica.fetch.locking.foreign import ForeignLockError, pins, read_json, table, word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_VERSIONS: Final = frozenset({2, 3})
_STRONG: Final = ("sha512", "sha256")  # the first that an integrity has is taken


def npm_pins(text: str, where: str) -> tuple[Pin, ...]:
    """A pin for every tarball that the lock names; a package in two versions has two.

    Args:
        text: of the lock.
        where: what errors call it.

    Raises:
        ForeignLockError: it is no such lock, or names something that is not pinned by a strong hash.
    """
    document = read_json(text, where)
    if document.get("lockfileVersion") not in _VERSIONS:
        raise ForeignLockError(
            f"{where} has lockfileVersion {document.get('lockfileVersion')!r}; 2 and 3 are read",
            hint="npm install --package-lock-only with npm 7 or later writes a new one",
            origin=where,
        )
    entries = table(document.get("packages"), where, "packages")
    return pins(_pins(entries, where), where)


def _pins(entries: Mapping[str, Any], where: str) -> Iterator[Pin]:
    for place, value in entries.items():
        entry = table(value, where, place or "the project")
        if "node_modules/" not in place or entry.get("link") or entry.get("inBundle"):
            continue
        name = entry.get("name") or place.rpartition("node_modules/")[2]
        what = f"{name} ({place})"
        algorithm, digest = _digest(word(entry, "integrity", where, what), where, what)
        yield Pin(
            kind="npm",
            name=str(name),
            version=word(entry, "version", where, what),
            algorithm=algorithm,
            hash=digest,
            size_bytes=None,
            addresses=(_address(entry, str(name), where, what),),
        )


def _digest(integrity: str, where: str, what: str) -> tuple[str, str]:
    given = dict(part.partition("?")[0].split("-", 1) for part in integrity.split() if "-" in part)
    for algorithm in _STRONG:
        if algorithm in given:
            try:
                return algorithm, base64.b64decode(given[algorithm], validate=True).hex()
            except binascii.Error as error:
                raise ForeignLockError(f"{where}: the integrity of {what} is no base64", origin=where) from error
    raise ForeignLockError(
        f"{where}: {what} is pinned by {', '.join(given) or 'nothing'} only",
        hint="lock it again from a registry that gives sha512",
        origin=where,
    )


def _address(entry: Mapping[str, Any], name: str, where: str, what: str) -> str:
    if "resolved" not in entry:  # npm was told to leave registries out
        return f"mirror://npm/{name}/-/{name.rpartition('/')[2]}-{word(entry, 'version', where, what)}.tgz"
    resolved = word(entry, "resolved", where, what)
    parts = urlsplit(resolved)
    if parts.scheme not in {"http", "https"}:
        raise ForeignLockError(
            f"{where}: {what} comes from {resolved}, which is no address of a tarball",
            hint="what comes from git is fetched with hm.fetchgit",
            origin=where,
        )
    head, separator, file = unquote(parts.path).rpartition("/-/")
    if not separator:
        return resolved
    scope, _, base = head.rpartition("/")
    scope = scope.rpartition("/")[2]
    return f"mirror://npm/{scope + '/' if scope.startswith('@') else ''}{base}/-/{file}"
