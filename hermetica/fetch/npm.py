"""Where npm finds tarballs: its settings, and the paths of registries. Pure. Source: npmrc(5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["parse_registries", "tarball_path"]

_TARBALL: Final = re.compile(r"(.+?)-\d+\.\d+\.\d+.*\.tgz")


def parse_registries(files: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Registry by scope (the empty one is everybody's), from files, least important first, and from variables."""
    found: dict[str, str] = {}
    for text in files:
        for line in text.splitlines():
            key, equals, value = line.partition("=")
            key, value = key.strip(), value.strip().strip("\"'")
            if equals and value and not key.startswith(("#", ";")) and (key == "registry" or key.endswith(":registry")):
                found[key.removesuffix("registry").removesuffix(":")] = _expanded(value, environ).rstrip("/")
    for variable, value in environ.items():
        if variable.lower() == "npm_config_registry" and value:
            found[""] = value.rstrip("/")
    return found


def _expanded(value: str, environ: Mapping[str, str]) -> str:
    return re.sub(r"\$\{([^}]+)\}", lambda found: environ.get(found[1], found[0]), value)


def tarball_path(path: str) -> str:
    """The path below a registry: ``name-1.0.0.tgz`` and ``@scope/name-1.0.0.tgz`` become ``name/-/name-1.0.0.tgz``."""
    if "/-/" in path:
        return path
    scope, _, file = path.rpartition("/")
    found = _TARBALL.fullmatch(file)
    if not found or (scope and not scope.startswith("@")):
        return path
    return "/".join(part for part in (scope, found[1], "-", file) if part)
