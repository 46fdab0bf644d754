"""Images from registries, by digest: manifests and layers fetched and checked, layers applied in order.

Layers come several at a time and are applied as soon as those below them are. What says nothing of the files (history,
entry point, environment) is not kept. Source: OCI Distribution Specification 1.1.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.fetch.archive import ArchiveTooLarge, Limits
from hermetica.fetch.bearer import Bearer
from hermetica.fetch.budget import Budget
from hermetica.fetch.download import download
from hermetica.fetch.hashes import UNKNOWN
from hermetica.fetch.oci_layers import LayeredExtraction
from hermetica.fetch.oci_manifest import (
    ACCEPTED,
    DOCUMENT_MAX_BYTES,
    ImageIndex,
    ImageRefused,
    fits,
    parse_document,
    platform_of,
)
from hermetica.fetch.oci_name import BlobDigest, Repository
from hermetica.fetch.reach import Reach
from hermetica.fetch.transfer import Asking
from hermetica.fetch.unpack import unpack_into
from hermetica.fetch.waiting import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from hermetica.fetch.oci_manifest import Descriptor, ImageManifest

__all__ = ["Registry", "fetch_image"]

_AT_ONCE: Final = 4


@attrs.frozen(kw_only=True)
class Registry:
    """The repositories that have an image, and how they are asked.

    Attributes:
        repositories: in the order to try.
        patience: how long to wait, and how often to try again.
        cancelled: asked often; True ends a transfer within a moment.
        reach: what is known of the hosts.
        bearer: the tokens that were given.
    """

    repositories: tuple[Repository, ...]
    patience: Patience = attrs.field(factory=Patience)
    cancelled: Callable[[], bool] = attrs.field(default=lambda: False)
    reach: Reach = attrs.field(factory=Reach)
    bearer: Bearer = attrs.field(factory=Bearer)

    @classmethod
    def at(
        cls,
        urls: Sequence[str],
        *,
        patience: Patience | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        reach: Reach | None = None,
    ) -> Registry:
        """The repositories at these addresses.

        Raises:
            InvalidImageName: one is no address of a repository.
        """
        return cls(
            repositories=tuple(map(Repository.parse, urls)),
            patience=patience or Patience(),
            cancelled=cancelled,
            reach=reach or Reach(),
        )

    def document(self, reference: str, directory: Path) -> tuple[bytes, BlobDigest]:
        """The manifest or index of a tag or digest, and its digest, which is checked where it was given.

        Raises:
            DownloadFailed: no address gives it.
            HashMismatch: what one gives is another.
        """
        urls = [repository.manifest(reference) for repository in self.repositories]
        wanted = BlobDigest.parse(reference) if ":" in reference else None
        destination = directory / "manifest"
        self._download(urls, destination, wanted, DOCUMENT_MAX_BYTES, accept=ACCEPTED)
        data = destination.read_bytes()
        destination.unlink()
        return data, wanted or BlobDigest("sha256", hashlib.sha256(data).hexdigest())

    def blob(
        self, what: Descriptor, directory: Path, on_progress: Callable[[int, int | None], None] | None = None
    ) -> Path:
        """The file of a layer or configuration.

        Raises:
            DownloadFailed: no address gives it.
            HashMismatch: what one gives is another.
        """
        urls = [repository.blob(what.digest) for repository in self.repositories]
        destination = directory / what.digest.hex
        self._download(urls, destination, what.digest, what.size_bytes, on_progress=on_progress)
        return destination

    def _download(
        self,
        urls: Sequence[str],
        destination: Path,
        wanted: BlobDigest | None,
        size_limit_bytes: int,
        *,
        accept: str = "*/*",
        on_progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        download(
            urls,
            destination,
            expected={wanted.algorithm: wanted.hex} if wanted else {"sha256": UNKNOWN},
            size_limit_bytes=size_limit_bytes,
            on_progress=on_progress,
            cancelled=self.cancelled,
            patience=self.patience,
            reach=self.reach,
            asking=Asking(headers={"Accept": accept}, bearer=self.bearer),
        )

    def image(self, reference: str, platform: str | None, directory: Path) -> tuple[ImageManifest, BlobDigest]:
        """The image that a tag or digest leads to, and the digest that the reference itself has.

        Raises:
            ImageRefused: there is none that a tree can be made of.
            DownloadFailed: no address gives it.
            HashMismatch: what one gives is another.
        """
        data, digest = self.document(reference, directory)
        found = parse_document(data, reference)
        if isinstance(found, ImageIndex):
            chosen = found.choose(platform, reference)
            data, _ = self.document(str(chosen.digest), directory)
            found = parse_document(data, str(chosen.digest))
            if isinstance(found, ImageIndex):
                raise ImageRefused(f"{reference} is an index of indices")
        elif platform is not None:
            self._check_platform(found, platform, reference, directory)
        return found, digest

    def _check_platform(self, found: ImageManifest, platform: str, reference: str, directory: Path) -> None:
        if found.config.size_bytes > DOCUMENT_MAX_BYTES:
            raise ImageRefused(f"{reference} has a configuration of {found.config.size_bytes:,} bytes")
        file = self.blob(found.config, directory)
        offered = platform_of(file.read_bytes(), reference)
        file.unlink()
        if not fits(offered, platform):
            raise ImageRefused(f"{reference} is for {offered}, not for {platform}")


def fetch_image(
    registry: Registry,
    reference: str,
    destination: Path,
    *,
    platform: str | None = None,
    limits: Limits = Limits(),  # noqa: B008 -- a frozen value
    on_progress: Callable[[int, int | None], None] = lambda _done, _total: None,
) -> BlobDigest:
    """Writes the files of an image to ``destination``, which is made. After a failure, some of them are there.

    Args:
        registry: who has it.
        reference: its digest, which is then checked; or a tag.
        destination: must not be there.
        platform: which image of an index; of an image, what it must be for.
        limits: how much all layers together may come to.
        on_progress: gets bytes fetched and bytes in all.

    Returns:
        The digest of what the reference names.

    Raises:
        ImageRefused: no tree can be made of it.
        DownloadFailed: no address gives it.
        HashMismatch: what one gives is another.
        ArchiveError: a layer is damaged, hostile or too large.
        FetchCancelled: someone ended it.
    """
    with tempfile.TemporaryDirectory(prefix=".oci-", dir=destination.parent, ignore_cleanup_errors=True) as scratch:
        directory = Path(scratch)
        manifest, digest = registry.image(reference, platform, directory)
        packed_bytes = sum(layer.size_bytes for layer in manifest.layers)
        if packed_bytes > limits.total_bytes:
            raise ArchiveTooLarge(f"its layers have {packed_bytes:,} bytes", archive=reference)
        budget = Budget(limits, packed_bytes)
        layers = _layers(registry, manifest, directory, on_progress)
        with contextlib.closing(layers), LayeredExtraction(destination, budget) as tree:
            for layer, file in layers:
                tree.begin_layer()
                unpack_into(file, tree, budget, label=f"layer {layer.digest}")
    return digest


def _layers(
    registry: Registry, manifest: ImageManifest, directory: Path, on_progress: Callable[[int, int | None], None]
) -> Generator[tuple[Descriptor, Path]]:
    """The layers and their files, lowest first; those above come meanwhile."""
    is_over = threading.Event()
    eager = attrs.evolve(registry, cancelled=lambda: is_over.is_set() or registry.cancelled())
    wanted = {layer.digest: layer for layer in manifest.layers}
    done = dict.fromkeys(wanted, 0)
    total = sum(layer.size_bytes for layer in wanted.values())

    def bring(layer: Descriptor) -> Path:
        def progress(size: int, _total: int | None) -> None:
            done[layer.digest] = size
            on_progress(sum(done.values()), total)

        return eager.blob(layer, directory, progress)

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="hermetica-layer") as pool:
        coming: dict[BlobDigest, Future[Path]] = {each: pool.submit(bring, layer) for each, layer in wanted.items()}
        try:
            for layer in manifest.layers:
                yield layer, coming[layer.digest].result()
        finally:
            is_over.set()
            pool.shutdown(cancel_futures=True)
