"""Reads where the system's own package tools are told to fetch from; what their settings leave open, they are asked."""

from __future__ import annotations

import os
import re
import sys
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

import attrs

from hermetica.fetch.apt import AptSource, parse_list, parse_sources
from hermetica.fetch.connection import InvalidAddress, get, shown
from hermetica.fetch.go_proxy import GoSettings, parse_go
from hermetica.fetch.npm import parse_registries
from hermetica.fetch.python_index import (
    ACCEPT,
    ListedFile,
    PipSettings,
    file_address,
    listed_files,
    parse_pip,
    project_of,
)
from hermetica.fetch.tool_defaults import go_proxy, npm_registry, pip_index
from hermetica.fetch.waiting import Patience, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Located", "SystemMirrors"]

_APT_FILE: Final = re.compile(r"[A-Za-z0-9_.-]+\.(list|sources)")
_PAGE_MAX_BYTES: Final = 64 << 20
_INDEX_PATIENCE: Final = Patience(timeout_s=15.0)


class _NoPage(Exception):
    """A page of links cannot be had; the text says why."""


@attrs.frozen
class Located:
    """Where a file is.

    Attributes:
        addresses: of it, in order of preference.
        misses: (page, why) for each that did not have it.
    """

    addresses: tuple[str, ...]
    misses: tuple[tuple[str, str], ...]


@attrs.define(kw_only=True, slots=False)
class SystemMirrors:
    """The settings of apt, pip, npm and Go on this machine, each read when it is first asked for.

    Attributes:
        environ: variables; the process's own where none are given.
        apt_directory: where apt keeps its sources.
        system_directory: where pip's and npm's settings for everybody are.
    """

    environ: Mapping[str, str] = attrs.field(factory=lambda: dict(os.environ))
    apt_directory: Path = Path("/etc/apt")
    system_directory: Path = Path("/etc")

    def apt_sources(self) -> tuple[AptSource, ...]:
        """What apt uses, in the order it reads its files."""
        return self._apt_sources

    @cached_property
    def _apt_sources(self) -> tuple[AptSource, ...]:
        files = [self.apt_directory / "sources.list"]
        parts = self.apt_directory / "sources.list.d"
        if parts.is_dir():
            files += sorted(file for file in parts.iterdir() if _APT_FILE.fullmatch(file.name))
        found: list[AptSource] = []
        for file in files:
            parse = parse_sources if file.suffix == ".sources" else parse_list
            found += parse(_text(file))
        return tuple(found)

    def apt_addresses(self, uris: Sequence[str]) -> tuple[str, ...]:
        """The plain URLs behind apt's URIs: ``mirror+file:`` is read, ``copy:`` is a file, discs are left out."""
        return tuple(dict.fromkeys(address for uri in uris for address in self._plain(uri)))

    def _plain(self, uri: str) -> Iterator[str]:
        scheme, _, rest = uri.partition(":")
        if scheme in {"http", "https"}:
            yield uri
        elif scheme in {"file", "copy"}:
            yield f"file://{rest.removeprefix('//')}"
        elif scheme == "mirror+file":
            for line in _text(Path("/" + rest.lstrip("/"))).splitlines():
                words = line.partition("#")[0].split()
                if words:
                    yield from self._plain(words[0].rstrip("/"))

    def pip_settings(self) -> PipSettings:
        """What pip uses."""
        return self._pip_settings

    @cached_property
    def _pip_settings(self) -> PipSettings:
        settings = parse_pip([_text(file) for file in self._pip_files()], self.environ)
        default = pip_index(self.environ) if settings.takes_default else None
        return settings if default is None else attrs.evolve(settings, indices=(default, *settings.indices))

    def _pip_files(self) -> Iterator[Path]:
        """Files of settings, least important first."""
        named = self.environ.get("PIP_CONFIG_FILE")
        if named != os.devnull:
            for directory in reversed(self.environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":")):
                yield Path(directory, "pip", "pip.conf")
            yield self.system_directory / "pip.conf"
            if home := self.environ.get("HOME"):
                yield Path(home, ".pip", "pip.conf")
                yield Path(self.environ.get("XDG_CONFIG_HOME") or f"{home}/.config", "pip", "pip.conf")
            yield Path(sys.prefix, "pip.conf")
            if named:
                yield Path(named)

    def npm_registries(self) -> dict[str, str]:
        """Registry by scope; the empty one is everybody's."""
        return self._npm_registries

    @cached_property
    def _npm_registries(self) -> dict[str, str]:
        files = [self.system_directory / "npmrc"]
        user = self.environ.get("NPM_CONFIG_USERCONFIG") or self.environ.get("npm_config_userconfig")
        if user:
            files.append(Path(user))
        elif home := self.environ.get("HOME"):
            files.append(Path(home, ".npmrc"))
        found = parse_registries([_text(file) for file in files], self.environ)
        default = None if "" in found else npm_registry(self.environ)
        return found if default is None else {**found, "": default}

    def go_settings(self) -> GoSettings:
        """What Go uses."""
        return self._go_settings

    @cached_property
    def _go_settings(self) -> GoSettings:
        environ = self.environ
        base = environ.get("XDG_CONFIG_HOME") or f"{environ.get('HOME', '')}/.config"
        file = environ.get("GOENV") or f"{base}/go/env"
        settings = parse_go("" if file == "off" else _text(Path(file)), environ)
        default = go_proxy(environ) if settings.takes_default else None
        return (
            settings if default is None else attrs.evolve(settings, proxies=parse_go("", {"GOPROXY": default}).proxies)
        )

    def python_file(self, settings: PipSettings, path: str) -> Located:
        """Where the indices and links have a wheel or sdist; asks them over the network, if that is where they are."""
        file = path.rpartition("/")[2]
        found: dict[str, None] = {}
        misses: list[tuple[str, str]] = []
        for place in _pages(settings, project_of(file)):
            try:
                address = _on_page(place, file)
            except _NoPage as error:
                misses.append((shown(place), str(error)))
                continue
            if address is None:
                misses.append((shown(place), f"does not list {file}"))
            else:
                found[address] = None
        return Located(addresses=tuple(found), misses=tuple(misses))

    def python_project(
        self, settings: PipSettings, project: str
    ) -> tuple[tuple[ListedFile, ...], tuple[tuple[str, str], ...]]:
        """The files that the indices list for a project, and (page, why) for each page that could not be read."""
        found: list[ListedFile] = []
        misses: list[tuple[str, str]] = []
        for place in _pages(settings, project):
            try:
                page = _read_page(place)
            except _NoPage as error:
                misses.append((shown(place), str(error)))
                continue
            found += listed_files(page.content, page.url, is_json=page.is_json)
        return tuple(found), tuple(misses)


def _pages(settings: PipSettings, project: str | None) -> list[str]:
    """Where files of a project may be listed."""
    pages = list(settings.find_links)
    if project is not None:
        pages += [f"{index.rstrip('/')}/{quote(project)}/" for index in settings.indices]
    return pages


def _on_page(place: str, file: str) -> str | None:
    """The address of a file that a place lists; None where it does not."""
    local = _local(place)
    if local is not None and (local / file).is_file():
        return (local / file).absolute().as_uri()
    page = _read_page(place)
    return file_address(page.content, page.url, file, is_json=page.is_json)


@attrs.frozen
class _Page:
    content: bytes
    url: str
    is_json: bool


def _local(place: str) -> Path | None:
    parts = urlsplit(place)
    if parts.scheme in {"http", "https"}:
        return None
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else Path(place).expanduser()


def _read_page(place: str) -> _Page:
    local = _local(place)
    if local is None:
        return _web_page(place)
    file = local / "index.html" if local.is_dir() else local
    if not file.is_file():
        raise _NoPage("is not there")
    return _Page(file.read_bytes(), file.absolute().as_uri(), file.suffix == ".json")


def _web_page(url: str) -> _Page:
    try:
        with get(url, {"Accept": ACCEPT}, Waiting(_INDEX_PATIENCE)) as response:
            page = response.read(_PAGE_MAX_BYTES)
            return _Page(page, response.url or url, "json" in response.headers.get("Content-Type", ""))
    except HTTPError as error:
        with error:
            raise _NoPage(f"HTTP {error.code} {error.msg}") from error
    except URLError as error:
        raise _NoPage(str(error.reason)) from error
    except (OSError, HTTPException, InvalidAddress) as error:
        raise _NoPage(str(error)) from error


def _text(file: Path) -> str:
    """What a file of settings says; one that is not there, or not ours to read, says nothing."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
