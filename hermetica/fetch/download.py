"""Downloads: the addresses of one content, tried in order, until one gives the bytes that are asked for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.errors import HermeticaError
from hermetica.fetch.connection import shown
from hermetica.fetch.hashes import Expected
from hermetica.fetch.kinds import HEAD_BYTES, guess_kind
from hermetica.fetch.reach import Reach
from hermetica.fetch.transfer import AddressFailed, Asking, Transfer
from hermetica.fetch.waiting import Patience, Waiting
from hermetica.fetch.writing import CannotWrite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from hermetica.fetch.transfer import Transferred

__all__ = ["DownloadFailed", "Downloaded", "HashMismatch", "download"]

_PROGRESS_INTERVAL_S: Final = 0.1


class DownloadFailed(HermeticaError):
    """No address gave anything.

    Attributes:
        failures: (address, cause) in the order tried.
    """

    code = "HM121"

    def __init__(self, name: str, failures: Sequence[tuple[str, str]]) -> None:
        super().__init__(
            f"{name} cannot be had from any of its addresses" if failures else f"{name} has no address",
            details=tuple(failures),
            hint="name another mirror in [mirrors] of config.toml, or add an address" if failures else None,
        )
        self.failures = tuple(failures)


class HashMismatch(HermeticaError):
    """An address gave other bytes than asked for; they are kept.

    Attributes:
        algorithm: of the two digests.
        expected: hexadecimal.
        got: hexadecimal.
        digests: algorithm to digest of the bytes that came, for every algorithm asked for.
        size_bytes: of them.
        kind: what they look like: ``gzip``, ``html`` …
        kept: where they are.
    """

    code = "HM122"

    def __init__(
        self,
        url: str,
        difference: tuple[str, str, str],
        got: Transferred,
        kept: Path,
        others: Sequence[tuple[str, str]],
    ) -> None:
        self.algorithm, self.expected, self.got = difference
        self.url, self.kept, self.size_bytes, self.digests = url, kept, got.size_bytes, dict(got.digests)
        with kept.open("rb") as file:
            self.kind = guess_kind(file.read(HEAD_BYTES))
        super().__init__(
            f"hash mismatch: {shown(url)}",
            details=(
                ("expected", f"{self.algorithm} {self.expected}"),
                ("got", f"{self.algorithm} {self.got}  ({self.size_bytes:,} bytes, {self.kind})"),
                *others,
            ),
            hint=_mismatch_hint(self.kind),
        )


def _mismatch_hint(kind: str) -> str:
    if kind == "html":
        return "the address gives a web page: a login, an error, or a landing page in place of the file"
    return "first ask why upstream changed; then write the hash it has now"


@attrs.frozen(kw_only=True)
class Downloaded:
    """A file that was fetched.

    Attributes:
        size_bytes: of it.
        hashes: algorithm to lower-case hexadecimal digest, for each algorithm that was asked for.
        url: the address it came from, as it was given.
    """

    size_bytes: int
    hashes: Mapping[str, str]
    url: str


class _Progress:
    """Passes progress on, a few times a second."""

    def __init__(self, listener: Callable[[int, int | None], None] | None) -> None:
        self._listener = listener
        self._next = 0.0

    def __call__(self, done: int, total: int | None) -> None:
        if self._listener is None:
            return
        now = time.monotonic()
        if now >= self._next or done == total:
            self._next = now + _PROGRESS_INTERVAL_S
            self._listener(done, total)


def download(  # noqa: PLR0913 -- each a choice of its own
    urls: Sequence[str],
    destination: Path,
    *,
    expected: Mapping[str, str],
    size_limit_bytes: int | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    patience: Patience = Patience(),  # noqa: B008 -- a frozen value
    reach: Reach | None = None,
    asking: Asking | None = None,
) -> Downloaded:
    """Fetches a file, whose bytes are checked while they come.

    The file appears at ``destination`` when it is whole. Until then it grows beside it as ``NAME.part``, which a
    later call continues if the server can tell that it still has the same bytes. Proxies, netrc and certificates are
    those of the environment. One caller at a time for a destination.

    Args:
        urls: addresses (``http``, ``https``, ``file``) of the same bytes, in the order to try.
        destination: replaced if it is there.
        expected: algorithm (``sha256``, ``sha512``, ``blake3``) to hexadecimal digest, or to ``UNKNOWN`` to be told.
        size_limit_bytes: what is larger is not fetched.
        on_progress: gets bytes done and bytes in all (None while unknown), about ten times a second.
        cancelled: asked often; True ends the download within a moment.
        patience: how long to wait, and how often to try again.
        reach: what is known of the hosts, and learns from this download; hosts that gave no answer are asked last.
        asking: what requests say beside the address.

    Raises:
        HashRequired: nothing is expected.
        HashMismatch: an address gave other bytes, and none gave the right ones; they are kept at ``destination``.
        DownloadFailed: no address gave anything; says why for each.
        CannotWrite: the file cannot be written.
        FetchCancelled: ``cancelled`` said so.
    """
    transfer = Transfer(
        part=destination.with_name(f"{destination.name}.part"),
        algorithms=(wanted := Expected.parse(expected)).algorithms,
        size_limit_bytes=size_limit_bytes,
        waiting=Waiting(patience, cancelled),
        progress=_Progress(on_progress),
        asking=asking or Asking(),
    )
    return _Attempt(destination, wanted, transfer, reach or Reach()).run(urls)


class _Attempt:
    """What became of the addresses so far."""

    def __init__(self, destination: Path, wanted: Expected, transfer: Transfer, reach: Reach) -> None:
        self._destination = destination
        self._wanted = wanted
        self._transfer = transfer
        self._reach = reach
        self._failures: list[tuple[str, str]] = []
        self._wrong: tuple[str, tuple[str, str, str], Transferred] | None = None
        self.is_settled = False  # two addresses agree on other bytes: more of them would tell nothing new

    def run(self, urls: Sequence[str]) -> Downloaded:
        """What the first address gave that is right."""
        for url in self._reach.order(urls):
            found = self.try_address(url)
            if found is not None:
                return found
            if self.is_settled:
                break
        raise self.failure()

    def try_address(self, url: str) -> Downloaded | None:
        """What it gave, if that is right."""
        try:
            got = self._transfer.fetch(url)
            if got.resumed and self._wanted.difference(got.digests):
                self._transfer.discard()  # perhaps the seam is at fault
                got = self._transfer.fetch(url)
        except AddressFailed as error:
            self._reach.note(url, answered=error.answered)
            self._failures.append((shown(url), str(error)))
            if not self._transfer.is_resumable:
                self._transfer.discard()
            return None
        self._reach.note(url, answered=True)
        difference = self._wanted.difference(got.digests)
        if difference is None:
            self._keep()
            return Downloaded(size_bytes=got.size_bytes, hashes=got.digests, url=url)
        if self._wrong is None:
            self._wrong = url, difference, got
            self._keep()
        else:
            self._transfer.discard()
            self.is_settled = got.digests == self._wrong[2].digests
            self._failures.append((shown(url), f"{difference[0]} {difference[2]}"))
        return None

    def failure(self) -> HermeticaError:
        """The error of all addresses together."""
        if self._wrong is not None:
            url, difference, got = self._wrong
            return HashMismatch(url, difference, got, self._destination, self._failures)
        return DownloadFailed(self._destination.name, self._failures)

    def _keep(self) -> None:
        self._transfer.forget()
        try:
            self._transfer.part.replace(self._destination)
        except OSError as error:
            raise CannotWrite(self._destination, error) from error
