"""Closures out of a Nix binary cache: signatures first, then each object by what was signed.

Nothing of an object is read before a trusted key has signed what it must be, its size among it. Source: Nix 2.8,
``src/libstore/binary-cache-store.cc``; docs/format-archive.md, "Binary caches".
"""

from __future__ import annotations

import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.fetch.archive import ArchiveTooLarge, Limits
from hermetica.fetch.download import DownloadFailed, download
from hermetica.fetch.hashes import UNKNOWN
from hermetica.fetch.reach import Reach
from hermetica.fetch.waiting import Patience
from hermetica.model.nix import NIX_CACHE_INFO, NIX_STORE
from hermetica_store.exchange import (
    InvalidNarInfo,
    NarFacts,
    PublicKey,
    cache_store_dir,
    require_signature,
    restore_compressed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["NixCache", "fetch_nix"]

_AT_ONCE: Final = 4
_TEXT_MAX_BYTES: Final = 1 << 24
_FRAMING_BYTES: Final = 1 << 16
_BASE: Final = re.compile(r"[0-9abcdfghijklmnpqrsvwxyz]{32}-[A-Za-z0-9+._?=-]{1,211}")


@attrs.frozen(kw_only=True)
class NixCache:
    """A binary cache, at one address or several.

    Attributes:
        urls: of its ``nix-cache-info``, in the order to try.
        keys: one of them must have signed an object.
        patience: how long to wait, and how often to try again.
        cancelled: asked often; True ends a transfer within a moment.
        reach: what is known of the hosts.
    """

    urls: tuple[str, ...]
    keys: tuple[PublicKey, ...]
    patience: Patience = attrs.field(factory=Patience)
    cancelled: Callable[[], bool] = attrs.field(default=lambda: False)
    reach: Reach = attrs.field(factory=Reach)

    def text(self, name: str, directory: Path) -> str:
        """A small file of the cache.

        Raises:
            DownloadFailed: no address gives it.
            InvalidNarInfo: it is not plain ASCII.
        """
        file = self.fetch(name, directory / name, {"sha256": UNKNOWN}, _TEXT_MAX_BYTES)
        data = file.read_bytes()
        file.unlink()
        try:
            return data.decode("ascii")
        except UnicodeDecodeError as error:
            raise InvalidNarInfo(name, "it is not plain ASCII") from error

    def fetch(self, name: str, destination: Path, expected: dict[str, str], size_limit_bytes: int) -> Path:
        """A file of the cache, at ``destination``.

        Raises:
            DownloadFailed: no address gives it.
            HashMismatch: what one gives is another.
        """
        urls = [f"{url.removesuffix(NIX_CACHE_INFO)}{name}" for url in self.urls]
        download(
            urls,
            destination,
            expected=expected,
            size_limit_bytes=size_limit_bytes,
            cancelled=self.cancelled,
            patience=self.patience,
            reach=self.reach,
        )
        return destination

    def facts(self, directory: Path, base: str) -> NarFacts:
        """What the cache says of an object, and a trusted key has signed.

        Raises:
            DownloadFailed: it does not have it.
            InvalidNarInfo: what it says makes no sense.
            SignatureRefused: no trusted key has signed it.
        """
        name = f"{base[:32]}.narinfo"
        found = NarFacts.parse(self.text(name, directory), name)
        if found.path != f"{NIX_STORE}/{base}":
            raise InvalidNarInfo(name, f"it is about {found.path[:300]!r}")
        for reference in found.references:
            if not _BASE.fullmatch(reference):
                raise InvalidNarInfo(name, f"{reference[:300]!r} is no path of a Nix store")
        require_signature(found.fingerprint, found.signatures, self.keys, name)
        return found


def fetch_nix(
    cache: NixCache,
    paths: Sequence[str],
    destination: Path,
    *,
    limits: Limits = Limits(),  # noqa: B008 -- a frozen value
    on_progress: Callable[[int, int | None], None] = lambda _done, _total: None,
) -> None:
    """Writes objects and all that they refer to below ``destination``, which is made. A failure leaves some of them.

    Args:
        cache: who has them.
        paths: ``/nix/store/…`` each.
        destination: must not be there.
        limits: how much all of them together may come to; ``entries`` of them at most.
        on_progress: gets bytes of NARs done and in all.

    Raises:
        DownloadFailed: the cache lacks something.
        InvalidNarInfo: what it says makes no sense, or it is of another store directory.
        SignatureRefused: no trusted key has signed an object.
        ContentMismatch: an object is not what was signed.
        ArchiveTooLarge: it comes to more than ``limits``.
        StoreError: a file of the cache is damaged.
    """
    with tempfile.TemporaryDirectory(prefix=".nix-", dir=destination.parent, ignore_cleanup_errors=True) as scratch:
        directory = Path(scratch)
        said = cache_store_dir(cache.text(NIX_CACHE_INFO, directory), NIX_CACHE_INFO)
        if said != NIX_STORE:
            raise InvalidNarInfo(NIX_CACHE_INFO, f"it is of {said[:300]}, not of {NIX_STORE}")
        store = destination / NIX_STORE.lstrip("/")
        store.mkdir(parents=True)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="hermetica-nix") as pool:
            try:
                found = _closure(cache, [path.rpartition("/")[2] for path in paths], directory, limits, pool)
                total, done = sum(each.nar_size for each in found), 0
                for size in pool.map(partial(_bring, cache, directory, store), found):
                    done += size
                    on_progress(done, total)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def _closure(
    cache: NixCache, bases: Sequence[str], directory: Path, limits: Limits, pool: ThreadPoolExecutor
) -> list[NarFacts]:
    """What is signed of everything that is needed, level by level."""
    found: dict[str, NarFacts] = {}
    wanted = sorted(set(bases))
    while wanted:
        level = pool.map(partial(cache.facts, directory), wanted)
        found.update(zip(wanted, level, strict=True))
        if len(found) > limits.entries or sum(each.nar_size for each in found.values()) > limits.total_bytes:
            raise ArchiveTooLarge("its closure is larger than it may be", archive=bases[0])
        wanted = sorted({each for base in wanted for each in found[base].references} - found.keys())
    return list(found.values())


def _bring(cache: NixCache, directory: Path, store: Path, facts: NarFacts) -> int:
    """Writes one object; its size."""
    base = facts.path.rpartition("/")[2]
    most = facts.nar_size + facts.nar_size // 64 + _FRAMING_BYTES  # what compression may add
    expected = {"sha256": facts.file_hash.hex() if facts.file_hash is not None else UNKNOWN}
    try:
        file = cache.fetch(facts.url, directory / base, expected, most)  # two may have one file
    except DownloadFailed as error:
        raise DownloadFailed(facts.path, error.failures) from error
    restore_compressed(file, facts, store / base)
    file.unlink()
    return facts.nar_size
