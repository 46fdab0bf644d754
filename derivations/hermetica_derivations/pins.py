"""The pinned content that these recipes start from: ``hermetica.lock`` of this package, as derivations that fetch it.

Whether the lock is well formed is held by a test; ``docs/format.md`` describes it.
"""

from __future__ import annotations

import functools
import re
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, TypedDict, cast

import hermetica as hm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9+._?=-]")


class Pin(TypedDict):
    """One pinned file, as the lock has it."""

    kind: str
    name: str
    version: str
    sha256: str
    size_bytes: int
    addresses: list[str]


class UnknownPin(hm.EvaluationError, LookupError):
    """A package that the lock of these recipes does not pin."""

    code = "HM229"


@functools.cache
def _groups() -> Mapping[str, Mapping[str, Sequence[Pin]]]:
    text = (resources.files("hermetica_derivations") / "hermetica.lock").read_text(encoding="utf-8")
    return cast("Mapping[str, Mapping[str, Sequence[Pin]]]", tomllib.loads(text)["groups"])


def fetch(pin: Pin) -> hm.Derivation:
    """The file that ``pin`` names."""
    architecture = "source" if pin["kind"] == "debian-source" else "amd64"
    return hm.fetchurl(
        pin["addresses"],
        name=_NOT_IN_A_NAME.sub("-", pin["addresses"][0].rpartition("/")[2]),
        sha256=pin["sha256"],
        size_bytes=pin["size_bytes"],
        meta=hm.Meta(purl=f"pkg:deb/debian/{pin['name']}@{pin['version']}?arch={architecture}"),
    )


def debs(group: str) -> list[hm.Derivation]:
    """The binary packages of a group of the lock."""
    return [fetch(pin) for pin in _groups()[group]["pins"] if pin["kind"] == "debian"]


def source(name: str) -> hm.Derivation:
    """Upstream's tarball of a source package.

    Raises:
        UnknownPin: the lock has none of this name.
    """
    pins = {pin["name"]: pin for pin in _groups()["sources"]["pins"]}
    if name not in pins:
        raise UnknownPin(f"the lock pins no source of {name!r}", details=(("sources", ", ".join(pins)),))
    return fetch(pins[name])
