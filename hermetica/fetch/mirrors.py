"""From a logical address to addresses on hosts, at run time: ``mirror://debian/pool/…``.

The user's configuration decides; where it is silent, the system's own (apt's sources, pip's index, npm's registry,
Go's proxies).
No host is written here, and none goes into a lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote, unquote, urlsplit

import attrs

from hermetica.errors import HermeticaError
from hermetica.fetch.apt import ordered_uris
from hermetica.fetch.connection import shown
from hermetica.fetch.go_proxy import unescaped
from hermetica.fetch.npm import tarball_path
from hermetica.fetch.python_index import ListedFile, PipSettings
from hermetica.fetch.system import SystemMirrors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermetica.config import Config

__all__ = ["InvalidMirrorAddress", "Mirrors", "NoMirror"]

SCHEME: Final = "mirror"


class NoMirror(HermeticaError):
    """A logical address that nothing here resolves.

    Attributes:
        name: of the mirror.
    """

    code = "HM422"

    def __init__(self, url: str, name: str, *, why: str, details: tuple[tuple[str, str], ...] = ()) -> None:
        variable = f"HERMETICA_MIRROR_{name.upper().replace('-', '_')}"
        super().__init__(
            f"no mirror {name!r} for {url}: {why}",
            details=details,
            hint=f'set it in config.toml: [mirrors] {name} = ["https://…"], or {variable}=https://…',
        )
        self.name = name


class InvalidMirrorAddress(HermeticaError, ValueError):
    """A ``mirror://`` address without a name or a plain path."""

    code = "HM423"


@attrs.frozen(kw_only=True)
class Mirrors:
    """What resolves logical addresses.

    Attributes:
        configured: (name, URLs without a final slash): what the user set.
        system: what the system has; read when it is first needed.
    """

    configured: tuple[tuple[str, tuple[str, ...]], ...] = ()
    system: SystemMirrors = attrs.field(factory=SystemMirrors)

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """The user's mirrors, before the system's."""
        return cls(configured=config.mirrors)

    def known(self) -> tuple[tuple[str, tuple[str, ...], str], ...]:
        """Every mirror, ascending by name: (name, addresses as they may be printed, who says so).

        Who says so is empty for what the user set.
        """
        system = self.system
        found = {
            "debian": (system.apt_addresses(ordered_uris(system.apt_sources())), "apt"),
            "pypi": (system.pip_settings().indices, "pip"),
            "npm": (tuple(system.npm_registries().values()), "npm"),
            "go": (system.go_settings().proxies, "go"),
            **{name: (addresses, "") for name, addresses in self.configured},
        }
        named = [(name, *found[name]) for name in sorted(found)]
        return tuple((name, tuple(map(shown, urls)), said_by) for name, urls, said_by in named if urls)

    def resolve(self, url: str) -> tuple[str, ...]:
        """The addresses to try for ``url``, in order; a plain URL is its own.

        Raises:
            NoMirror: it is logical, and nobody says where its mirror is.
            InvalidMirrorAddress: it is malformed.
        """
        if not url.startswith(f"{SCHEME}:"):
            return (url,)
        name, path = _parse(url)
        prefixes = dict(self.configured).get(name)
        if prefixes is None:
            return self._from_system(url, name, path)
        indices = tuple(prefix for prefix in prefixes if urlsplit(prefix).path.endswith("/simple"))
        if name == "pypi" and indices:
            return self._from_pages(url, PipSettings(indices=indices), path)
        if name == "npm":
            path = tarball_path(path)
        return tuple(f"{prefix}/{quote(path, safe=_SAFE)}" for prefix in prefixes)

    def resolve_all(self, urls: Iterable[str]) -> tuple[str, ...]:
        """The addresses for several that name the same content; one that does not resolve spares the others.

        Raises:
            NoMirror: none of them resolves.
            InvalidMirrorAddress: one is malformed.
        """
        found: list[str] = []
        failure: NoMirror | None = None
        for url in urls:
            try:
                found += self.resolve(url)
            except NoMirror as error:
                failure = failure or error
        if failure is not None and not found:
            raise failure
        return tuple(dict.fromkeys(found))

    def unresolved(self, urls: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """(address, why) for each that does not resolve."""
        found: list[tuple[str, str]] = []
        for url in urls:
            try:
                self.resolve(url)
            except (NoMirror, InvalidMirrorAddress) as error:
                found.append((url, error.message))
        return tuple(found)

    def python_files(self, project: str) -> tuple[ListedFile, ...]:
        """The files that the configured indices, else pip's own, list for a project.

        Raises:
            NoMirror: no index could be read.
        """
        prefixes = dict(self.configured).get("pypi")
        indices = tuple(prefix for prefix in prefixes or () if urlsplit(prefix).path.endswith("/simple"))
        settings = PipSettings(indices=indices) if prefixes else self.system.pip_settings()
        files, misses = self.system.python_project(settings, project)
        if not files:
            raise NoMirror(f"the files of {project}", "pypi", why="no index lists any", details=misses)
        return files

    def _from_system(self, url: str, name: str, path: str) -> tuple[str, ...]:
        if name in {"debian", "debian-security", "ubuntu"}:
            uris = ordered_uris(self.system.apt_sources(), security_first=name == "debian-security")
            found = tuple(f"{uri}/{quote(path, safe=_SAFE)}" for uri in self.system.apt_addresses(uris))
            why = "apt has no sources"
        elif name == "pypi":
            return self._from_pages(url, self.system.pip_settings(), path)
        elif name == "npm":
            found = self._from_registries(path)
            why = "npm has no registry set"
        elif name == "go":
            found, why = self._from_proxies(path)
        else:
            found, why = (), f"it is not configured (configured: {', '.join(dict(self.configured)) or 'none'})"
        if not found:
            raise NoMirror(url, name, why=why)
        return found

    def _from_registries(self, path: str) -> tuple[str, ...]:
        path = tarball_path(path)
        registries = self.system.npm_registries()
        scope = path.partition("/")[0] if path.startswith("@") else ""
        registry = registries.get(scope) or registries.get("")
        return (f"{registry}/{quote(path, safe=_SAFE)}",) if registry else ()

    def _from_proxies(self, path: str) -> tuple[tuple[str, ...], str]:
        """The addresses that Go's proxies have a file of a module at; where there are none, why."""
        settings = self.system.go_settings()
        if settings.is_private(unescaped(path.partition("/@v/")[0])):
            return (), "GONOPROXY or GOPRIVATE keeps it from proxies"
        return tuple(f"{proxy}/{quote(path, safe=_SAFE)}" for proxy in settings.proxies), "GOPROXY names no proxy"

    def _from_pages(self, url: str, settings: PipSettings, path: str) -> tuple[str, ...]:
        """Where simple indices and pages of links say that a file is."""
        located = self.system.python_file(settings, path)
        if not located.addresses:
            why = "no index lists it" if located.misses else "pip has no index-url"
            raise NoMirror(url, "pypi", why=why, details=located.misses)
        return located.addresses


_SAFE: Final = "/~@!$&'()*+,;=:%"


def _parse(url: str) -> tuple[str, str]:
    """(name, path) of a logical address."""
    prefix = f"{SCHEME}://"
    name, slash, path = url.removeprefix(prefix).partition("/")
    parts = [unquote(part) for part in path.split("/")]
    is_plain = all(part not in {"", ".", ".."} for part in parts) and not {"?", "#"} & set(path)
    if not url.startswith(prefix) or not name or not slash or not is_plain:
        raise InvalidMirrorAddress(f"not a mirror address: {url!r}", hint="write mirror://NAME/path/of/file")
    return name.lower().replace("_", "-"), path
