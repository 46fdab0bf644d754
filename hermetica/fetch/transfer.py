"""Brings the bytes of one address into a partial file, going on where an earlier attempt stopped.

A partial file is continued only if the server says, by the validator it gave before (``ETag``, ``Last-Modified``),
that it still has the same bytes; else it begins anew. Sources: RFC 9110 sections 13.1.5 and 14 (If-Range, Range).
"""

from __future__ import annotations

import errno
import http.client
import json
import os
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import url2pathname

import attrs

from hermetica.fetch.connection import InvalidAddress, get, shown
from hermetica.fetch.hashes import Hasher
from hermetica.fetch.writing import CannotWrite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

    from hermetica.fetch.bearer import Bearer
    from hermetica.fetch.waiting import Waiting

__all__ = ["AddressFailed", "Asking", "Transfer", "Transferred"]

CHUNK_BYTES: Final = 1 << 18
_TRANSIENT_STATUSES: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_DEAD: Final = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH})
_RANGE: Final = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_MAX_PAUSE_S: Final = 5.0
_COMPRESSED_NAMES: Final = (".gz", ".tgz", ".crate", ".xz", ".txz", ".bz2", ".zst", ".z", ".lzma", ".svgz")


class AddressFailed(Exception):
    """One address did not work; the text says why."""

    def __init__(self, reason: str, *, answered: bool = True) -> None:
        super().__init__(reason)
        self.answered = answered


class _Passing(AddressFailed):
    """It may work a moment later."""

    def __init__(self, reason: str, *, pause_s: float | None = None, answered: bool = True) -> None:
        super().__init__(reason, answered=answered)
        self.pause_s = pause_s


class _Stale(_Passing):
    """What lies in the partial file is not of use; begin anew."""


@attrs.frozen(kw_only=True)
class Asking:
    """What a request says beside its address.

    Attributes:
        headers: sent with every request.
        bearer: gets the tokens that are asked for; None gets none.
    """

    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    bearer: Bearer | None = None


@attrs.frozen(kw_only=True)
class Transferred:
    """The bytes of an address are in the partial file.

    Attributes:
        digests: algorithm to hexadecimal digest.
        size_bytes: of them all.
        resumed: whether some are from an earlier attempt.
    """

    digests: Mapping[str, str]
    size_bytes: int
    resumed: bool


@attrs.frozen(kw_only=True)
class Transfer:
    """Fetches into one partial file.

    Attributes:
        part: the partial file; what is needed to continue it lies beside it.
        algorithms: digests to compute.
        size_limit_bytes: what is larger is refused.
        waiting: how long to wait, and who may end it.
        progress: gets the bytes done and the bytes there will be, if that is known.
        asking: how servers are asked.
    """

    part: Path
    algorithms: tuple[str, ...]
    size_limit_bytes: int | None
    waiting: Waiting
    progress: Callable[[int, int | None], None]
    asking: Asking = attrs.field(factory=Asking)

    def fetch(self, url: str) -> Transferred:
        """The bytes of ``url``.

        Raises:
            AddressFailed: they cannot be had there.
            CannotWrite: they cannot be kept here.
            FetchCancelled: someone ended it.
        """
        patience = self.waiting.patience
        for attempt in range(patience.retries + 1):
            self.waiting.restart_pace()
            try:
                return self._attempt(url)
            except _Stale as error:
                self.discard()
                if attempt == patience.retries:
                    raise AddressFailed(str(error)) from error
            except _Passing as error:
                if attempt == patience.retries:
                    tried = f" ({attempt + 1} attempts)" if attempt else ""
                    raise AddressFailed(f"{error}{tried}", answered=error.answered) from error
                pause = patience.backoff_s * 2**attempt if error.pause_s is None else error.pause_s
                self.waiting.sleep(min(pause, _MAX_PAUSE_S))
        raise AddressFailed("not tried")

    def discard(self) -> None:
        """Removes the partial file and what belongs to it."""
        self.part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    @property
    def is_resumable(self) -> bool:
        """Whether a later call could continue the partial file."""
        return self._note.exists()

    def forget(self) -> None:
        """Keeps the bytes, and forgets where they are from."""
        self._note.unlink(missing_ok=True)

    @property
    def _note(self) -> Path:
        return self.part.with_name(f"{self.part.name}.json")

    def _attempt(self, url: str) -> Transferred:
        try:
            if url.lower().startswith("file:"):
                return self._copy(url)
            return self._request(url)
        except HTTPError as error:
            with error:
                raise _status_failure(error) from error
        except URLError as error:
            raise _failure(error.reason) from error
        except http.client.HTTPException as error:
            raise _Passing(f"broken answer: {error!r}") from error
        except InvalidAddress as error:
            raise AddressFailed(error.message) from error
        except (OSError, UnicodeError) as error:
            raise _failure(error) from error

    def _copy(self, url: str) -> Transferred:
        parts = urlsplit(url)
        if parts.netloc not in {"", "localhost"}:
            raise AddressFailed("a file: address of another host")
        path = Path(url2pathname(parts.path))
        if not path.is_file():
            raise AddressFailed("no such file" if not path.exists() else "not a regular file")
        self.forget()
        with path.open("rb") as source:
            return self._receive(_read_from(source), Hasher(self.algorithms), 0, path.stat().st_size)

    def _request(self, url: str) -> Transferred:
        hasher = Hasher(self.algorithms)
        validator = self._validator(url)
        offset = self._rehash(hasher) if validator else 0
        headers = {"Range": f"bytes={offset}-", "If-Range": validator} if offset and validator else {}
        with self._open(url, headers) as response:
            _check_encoding(url, response)
            if response.status == 206:
                _check_range(response, offset)
            elif response.status != 200:
                raise AddressFailed(f"HTTP {response.status} {response.reason}")
            elif offset:
                offset, hasher = 0, Hasher(self.algorithms)
            length = response.length  # None where it comes in chunks
            self._take_note(url, response)
            total = None if length is None else offset + length
            return self._receive(_read_from(response), hasher, offset, total)

    def _open(self, url: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        try:
            return get(url, {**self.asking.headers, **headers}, self.waiting, bearer=self.asking.bearer)
        except HTTPError as error:
            if error.code == 416 and headers:
                with error:
                    raise _Stale("the server has fewer bytes than before") from error
            raise

    def _validator(self, url: str) -> str | None:
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            return str(note["validator"]) if note["url"] == shown(url) and self.part.exists() else None
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            self.discard()  # not written by us, or not to its end
            return None

    def _take_note(self, url: str, response: http.client.HTTPResponse) -> None:
        tag, date = response.headers.get("ETag", ""), response.headers.get("Last-Modified")
        validator = tag if tag.startswith('"') else date  # If-Range takes no weak tags
        if response.status == 206:
            return
        if not validator:
            self.forget()
            return
        try:
            self._note.write_text(json.dumps({"url": shown(url), "validator": validator}), encoding="utf-8")
        except OSError as error:
            raise CannotWrite(self._note, error) from error

    def _rehash(self, hasher: Hasher) -> int:
        size = 0
        with self.part.open("rb") as part:
            while data := part.read(CHUNK_BYTES):
                self.waiting.check()
                hasher.update(data)
                size += len(data)
        return size

    def _receive(self, read: Callable[[], bytes], hasher: Hasher, offset: int, total: int | None) -> Transferred:
        self._check_size(total)
        done = offset
        with _opened(self.part, offset) as part:
            while data := read():
                done += len(data)
                self._check_size(done)
                hasher.update(data)
                _write(part, data)
                self.waiting.pace(done)
                self.progress(done, total)
        if total is not None and done != total:
            raise _Passing(f"the connection ended after {done:,} of {total:,} bytes")
        return Transferred(digests=hasher.digests(), size_bytes=done, resumed=offset > 0)

    def _check_size(self, size: int | None) -> None:
        limit = self.size_limit_bytes
        if size is not None and limit is not None and size > limit:
            raise AddressFailed(f"larger than the {limit:,} bytes it may have")


def _read_from(source: BinaryIO | http.client.HTTPResponse) -> Callable[[], bytes]:
    read1 = getattr(source, "read1", source.read)
    return lambda: read1(CHUNK_BYTES)


def _opened(part: Path, offset: int) -> BinaryIO:
    try:
        if not offset:
            return part.open("wb", buffering=0)
        os.truncate(part, offset)
        return part.open("ab", buffering=0)
    except OSError as error:
        raise CannotWrite(part, error) from error


def _write(part: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[part.write(view) :]
    except OSError as error:
        raise CannotWrite(Path(part.name), error) from error


def _check_range(response: http.client.HTTPResponse, offset: int) -> None:
    text = response.headers.get("Content-Range", "")
    found = _RANGE.fullmatch(text)
    if found is None or int(found[1]) != offset:
        raise _Stale(f"the server answers with another range than asked for: {text or 'none'}")


def _check_encoding(url: str, response: http.client.HTTPResponse) -> None:
    """Refuses bytes that a server compressed on their way, though it was asked not to.

    Where the file is compressed itself, many servers say so in the same header and send it as it lies there.
    """
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in {"", "identity"} and not urlsplit(url).path.lower().endswith(_COMPRESSED_NAMES):
        raise AddressFailed(f"the server sends it in the encoding {encoding}, which was not asked for")


def _status_failure(error: HTTPError) -> AddressFailed:
    if 300 <= error.code < 400:
        reason = error.msg if error.msg.startswith("redirects to") else "redirects without end"
        return AddressFailed(f"HTTP {error.code}: {reason}")
    reason = f"HTTP {error.code} {error.msg}"
    if error.code not in _TRANSIENT_STATUSES:
        return AddressFailed(reason)
    pause = error.headers.get("Retry-After", "")
    return _Passing(reason, pause_s=float(pause) if pause.isdecimal() else None)


def _failure(error: BaseException | str) -> AddressFailed:
    if isinstance(error, str):
        return AddressFailed(error)
    if isinstance(error, socket.gaierror):
        kind = _Passing if error.errno == socket.EAI_AGAIN else AddressFailed
        return kind(f"the host's name does not resolve: {error.strerror}", answered=False)
    if isinstance(error, TimeoutError):
        return _Passing(str(error) or "timed out", answered=False)
    if isinstance(error, ConnectionError) and error.errno not in _DEAD:
        return _Passing(str(error) or "the connection broke")
    answered = getattr(error, "errno", None) not in _DEAD
    return AddressFailed(getattr(error, "strerror", None) or str(error), answered=answered)
