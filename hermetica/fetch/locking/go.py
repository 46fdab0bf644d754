"""Pins of Go modules: what ``go.sum`` names is fetched once from a proxy, held to Go's hash, and pinned by its bytes.

``go.sum`` does not know the bytes of a zip, only what is in it; so this is the one lock of another tool that cannot be
read without a network. Every other step, then, is the same as for any file. See docs/adr/0012.
"""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hermetica.errors import HermeticaError
from hermetica.fetch.download import download
from hermetica.fetch.hashes import UNKNOWN
from hermetica.fetch.lock_pin import Pin
from hermetica.fetch.locking.go_sum import h1_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermetica.fetch.lock_debian import Resolver
    from hermetica.fetch.locking.go_sum import GoSum
    from hermetica.fetch.waiting import Patience

_AT_ONCE: Final = 8
_ZIP_MAX_BYTES: Final = 500 << 20  # golang.org/x/mod/zip: MaxZipFile, and of what is unpacked
_GO_MOD_MAX_BYTES: Final = 16 << 20  # likewise: MaxGoMod
_PIECE_BYTES: Final = 1 << 18


class GoSumMismatch(HermeticaError):
    """A module proxy gives another module than ``go.sum`` names, or what is no module.

    Attributes:
        expected: Go's hash in ``go.sum``.
        got: that of what came; empty where it is no module.
    """

    code = "HM453"

    def __init__(self, wanted: GoSum, url: str, *, got: str = "", cause: str = "") -> None:
        super().__init__(
            f"{wanted.module} {wanted.version} is not what go.sum says",
            details=(("from", url), ("expected", wanted.h1), ("got", got or cause)),
            hint="ask why it changed; another proxy in GOPROXY or [mirrors] go may have the right one",
        )
        self.expected, self.got = wanted.h1, got


def go_pins(sums: Sequence[GoSum], mirrors: Resolver, patience: Patience) -> tuple[Pin, ...]:
    """A pin for each line of a ``go.sum``: ``go`` for the zip of a module, ``go-mod`` for its ``go.mod``.

    Raises:
        GoSumMismatch: a proxy gives something else than the line names.
        DownloadFailed: no proxy gives it.
        NoMirror: no proxy is known.
    """
    with tempfile.TemporaryDirectory(prefix="hermetica-lock-") as directory, ThreadPoolExecutor(_AT_ONCE) as pool:
        made = [
            pool.submit(_pin, each, mirrors, patience, Path(directory, str(number))) for number, each in enumerate(sums)
        ]
        try:
            return tuple(each.result() for each in made)
        finally:
            pool.shutdown(cancel_futures=True)


def _pin(wanted: GoSum, mirrors: Resolver, patience: Patience, file: Path) -> Pin:
    limit = _GO_MOD_MAX_BYTES if wanted.is_go_mod else _ZIP_MAX_BYTES
    expected = {"sha256": UNKNOWN}
    got = download(mirrors.resolve(wanted.address), file, expected=expected, size_limit_bytes=limit, patience=patience)
    if wanted.is_go_mod:
        h1 = h1_of({"go.mod": got.hashes["sha256"]})
    else:
        try:
            h1 = zip_h1(file)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, ValueError) as error:
            raise GoSumMismatch(wanted, got.url, cause=f"no zip of a module: {error}") from error
    file.unlink()
    if h1 != wanted.h1:
        raise GoSumMismatch(wanted, got.url, got=h1)
    return Pin(
        kind="go-mod" if wanted.is_go_mod else "go",
        name=wanted.module,
        version=wanted.version,
        algorithm="sha256",
        hash=got.hashes["sha256"],
        size_bytes=got.size_bytes,
        addresses=(wanted.address,),
    )


def zip_h1(file: Path) -> str:
    """Go's hash of what is in a zip.

    Raises:
        BadZipFile: it is none.
        ValueError: a name comes twice or has a line break, or it unpacks to more than modules may.
    """
    found: dict[str, str] = {}
    left = _ZIP_MAX_BYTES
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if info.filename in found or "\n" in info.orig_filename:
                raise ValueError(f"the name {info.filename!r}")
            hasher = hashlib.sha256()
            with archive.open(info) as member:
                while piece := member.read(_PIECE_BYTES):
                    left -= len(piece)
                    if left < 0:
                        raise ValueError("it is larger than modules may be")
                    hasher.update(piece)
            found[info.filename] = hasher.hexdigest()
    return h1_of(found)
