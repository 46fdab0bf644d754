"""Where pip finds files: its settings, and what an index says about a project. Pure.

Sources: the pip documentation, *Configuration*; the simple repository API (PEP 503, PEP 691).
"""

from __future__ import annotations

import configparser
import html.parser
import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["ACCEPT", "ListedFile", "PipSettings", "file_address", "listed_files", "parse_pip", "project_of"]

ACCEPT: Final = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_SDIST: Final = re.compile(r"(.+)-[^-]+?(?:\.tar\.(?:gz|bz2|xz|zst)|\.tgz|\.zip)")
_SECTIONS: Final = ("global", "download", "install")


@attrs.frozen(kw_only=True)
class PipSettings:
    """Where pip looks.

    Attributes:
        indices: URLs of simple indices, in order.
        find_links: URLs or paths of directories and pages with links.
        takes_default: whether pip asks an index of its own before these.
    """

    indices: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    takes_default: bool = False


@attrs.frozen(kw_only=True)
class ListedFile:
    """A file that the page of a project lists.

    Attributes:
        name: of the file.
        sha256: hexadecimal; empty where the page does not say.
        size_bytes: None where the page does not say.
    """

    name: str
    sha256: str
    size_bytes: int | None


def parse_pip(files: Iterable[str], environ: Mapping[str, str]) -> PipSettings:
    """The settings in configuration files, least important first, and in variables; what is no INI says nothing."""
    values: dict[str, str] = {}
    for text in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(text)
        except configparser.Error:
            continue  # pip itself stops there; an index of another file still serves
        for section in _SECTIONS:
            if parser.has_section(section):
                values |= {key.lower().replace("_", "-"): value for key, value in parser.items(section)}
    for variable, value in environ.items():
        if variable.startswith("PIP_") and value:
            values[variable.removeprefix("PIP_").lower().replace("_", "-")] = value
    is_offline = values.get("no-index", "").lower() in {"1", "true", "yes", "on"}
    indices = [*values.get("index-url", "").split(), *values.get("extra-index-url", "").split()]
    return PipSettings(
        indices=() if is_offline else tuple(dict.fromkeys(indices)),
        find_links=tuple(dict.fromkeys(values.get("find-links", "").split())),
        takes_default=not is_offline and not values.get("index-url"),
    )


def project_of(file: str) -> str | None:
    """The normalised name of the project that a wheel or sdist is of; None where the name is of neither."""
    found = re.fullmatch(r"([^-]+)-.+\.whl", file) or _SDIST.fullmatch(file)
    return re.sub(r"[-_.]+", "-", found[1]).lower() if found else None


class _Anchors(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Takes note of a link."""
        target = dict(attrs).get("href")
        if target and tag == "a":
            self.links.append(target)
        elif target and tag == "base":
            self.base = target


def file_address(page: bytes, url: str, file: str, *, is_json: bool) -> str | None:
    """The address of a file that the page at ``url`` lists; None where it does not, or is no such page."""
    text = page.decode("utf-8", "replace")
    base, links = (url, _json_links(text)) if is_json else _html_links(text, url)
    for link in links:
        try:
            absolute = urldefrag(urljoin(base, link)).url
            name = unquote(urlsplit(absolute).path.rpartition("/")[2])
        except ValueError:
            continue  # a link that is no address is to something else
        if name == file:
            return absolute
    return None


def listed_files(page: bytes, url: str, *, is_json: bool) -> tuple[ListedFile, ...]:
    """The files that the page at ``url`` lists; none where it is no such page."""
    text = page.decode("utf-8", "replace")
    return tuple(_files_of_json(text) if is_json else _files_of_links(_html_links(text, url)[1]))


def _files_of_json(text: str) -> Iterator[ListedFile]:
    try:
        files: list[Any] = json.loads(text)["files"]
        for file in files:
            size, digest = file.get("size"), file.get("hashes", {}).get("sha256", "")
            yield ListedFile(
                name=str(file["filename"]), sha256=str(digest), size_bytes=size if isinstance(size, int) else None
            )
    except (ValueError, KeyError, TypeError, AttributeError):
        return


def _files_of_links(links: Iterable[str]) -> Iterator[ListedFile]:
    for link in links:
        address, fragment = urldefrag(link)
        algorithm, _, digest = fragment.partition("=")
        name = unquote(urlsplit(address).path.rpartition("/")[2])
        yield ListedFile(name=name, sha256=digest if algorithm == "sha256" else "", size_bytes=None)


def _html_links(text: str, url: str) -> tuple[str, list[str]]:
    """What the links of a page are relative to, and the links."""
    parser = _Anchors()
    try:
        parser.feed(text)
        parser.close()
    except AssertionError:  # how html.parser says that a declaration is none; the links before it count
        pass
    try:
        return urljoin(url, parser.base), parser.links
    except ValueError:
        return url, parser.links


def _json_links(text: str) -> list[str]:
    try:
        page: Any = json.loads(text)
        return [str(file["url"]) for file in page["files"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
