"""What apt's source lists say about where packages are: both forms of the files. Pure.

Sources: sources.list(5), deb822(5), apt-transport-mirror(1).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["AptSource", "ordered_uris", "parse_list", "parse_sources"]

_ONE_LINE: Final = re.compile(r"(deb|deb-src)\s+(?:\[([^\]]*)\]\s*)?(.*)")
_TRUE: Final = frozenset({"yes", "true", "with", "on", "enable", "1"})


@attrs.frozen(kw_only=True)
class AptSource:
    """Archives that apt is told to use.

    Attributes:
        uris: of them, as written.
        suites: such as ``bookworm``, ``bookworm-security``.
        components: such as ``main``.
    """

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]


def parse_list(text: str) -> list[AptSource]:
    """The sources of a one-line file (``.list``); what is commented out or malformed is not used, as apt has it."""
    sources: list[AptSource] = []
    for line in text.splitlines():
        found = _ONE_LINE.fullmatch(line.partition("#")[0].strip())
        words = found[3].split() if found else []
        if len(words) >= 2:
            sources.append(AptSource(uris=(words[0],), suites=(words[1],), components=tuple(words[2:])))
    return sources


def parse_sources(text: str) -> list[AptSource]:
    """The sources of a deb822 file (``.sources``) that are enabled."""
    sources: list[AptSource] = []
    for fields in _stanzas(text):
        is_enabled = fields.get("enabled", "yes").strip().lower() in _TRUE
        uris = tuple(fields.get("uris", "").split())
        if is_enabled and uris and fields.get("types", "").split():
            suites = tuple(fields.get("suites", "").split())
            sources.append(AptSource(uris=uris, suites=suites, components=tuple(fields.get("components", "").split())))
    return sources


def _stanzas(text: str) -> list[dict[str, str]]:
    stanzas: list[dict[str, str]] = [{}]
    key = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if not line.strip():
            stanzas.append({})
        elif line[0] in " \t":
            stanzas[-1][key] = f"{stanzas[-1].get(key, '')} {line.strip()}"
        else:
            key, _, value = line.partition(":")
            key = key.strip().lower()
            stanzas[-1][key] = value.strip()
    return [stanza for stanza in stanzas if stanza]


def ordered_uris(sources: Iterable[AptSource], *, security_first: bool = False) -> tuple[str, ...]:
    """All distinct URIs: those of the main archive first, then its security archive, then other people's.

    A path of the pool may be in any of them: which one is not written in the path.
    """
    ranks: dict[str, int] = {}
    for source in sources:
        for uri in source.uris:
            plain = uri.rstrip("/")
            ranks[plain] = min(ranks.get(plain, 9), _rank(plain, source, security_first=security_first))
    return tuple(sorted(ranks, key=lambda uri: ranks[uri]))  # in the order met, where ranks are equal


def _rank(uri: str, source: AptSource, *, security_first: bool) -> int:
    if "main" not in source.components:
        return 3
    if "security" in uri or all("security" in suite for suite in source.suites):
        return 0 if security_first else 2
    return 1
