"""Pins of any files, by fetching them once."""

from __future__ import annotations

import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from hermetica.fetch.download import download
from hermetica.fetch.hashes import UNKNOWN
from hermetica.fetch.lock_pin import LockError, Pin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermetica.fetch.lock_debian import Resolver
    from hermetica.fetch.waiting import Patience

_AT_ONCE: Final = 8
_VERSION: Final = re.compile(r"[-_]v?(\d[0-9A-Za-z.+~]*?)(?=\.(?:tar|tgz|txz|gz|xz|bz2|zst|zip|crate|deb)\b|$)")


def url_pins(urls: Sequence[str], mirrors: Resolver, patience: Patience) -> tuple[Pin, ...]:
    """A pin for each address, plain or logical; each file is fetched once to learn its hash and size.

    Raises:
        LockError: two of them have one name, or one has none.
        DownloadFailed: one cannot be fetched.
    """
    names = [_file_name(url) for url in urls]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise LockError(f"two addresses end in {doubled[0]}", hint="put them into two groups: --group NAME")
    with tempfile.TemporaryDirectory(prefix="hermetica-lock-") as directory, ThreadPoolExecutor(_AT_ONCE) as pool:
        made = [pool.submit(_pin, url, mirrors, patience, Path(directory)) for url in urls]
        return tuple(each.result() for each in made)


def _pin(url: str, mirrors: Resolver, patience: Patience, directory: Path) -> Pin:
    name = _file_name(url)
    destination = directory / name
    got = download(mirrors.resolve(url), destination, expected={"sha256": UNKNOWN}, patience=patience)
    destination.unlink()
    version = _VERSION.search(name)
    return Pin(
        kind="url",
        name=name,
        version=version[1] if version else got.hashes["sha256"][:12],
        algorithm="sha256",
        hash=got.hashes["sha256"],
        size_bytes=got.size_bytes,
        addresses=(url,),
    )


def _file_name(url: str) -> str:
    try:
        name = unquote(urlsplit(url).path.rpartition("/")[2])
    except ValueError:
        name = ""
    if not name or name in {".", ".."}:
        raise LockError(f"{url} names no file", hint="such as https://example.org/name-1.0.tar.gz")
    return name
