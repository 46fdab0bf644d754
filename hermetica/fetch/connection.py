"""Requests over HTTP as fetching needs them: proxies and netrc honoured, redirects bounded, waits that end.

Credentials come from the address itself or from netrc, go to the host they are for and to no other, and never into
a message. Sources: RFC 9110, netrc(5), the ``http_proxy`` convention of urllib.
"""

from __future__ import annotations

import base64
import functools
import http.client
import io
import netrc
import os
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.error import HTTPError
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from hermetica.errors import HermeticaError
from hermetica.fetch.waiting import PatientReader

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from email.message import Message
    from typing import IO

    from hermetica.fetch.bearer import Bearer
    from hermetica.fetch.waiting import Waiting

__all__ = ["InvalidAddress", "get", "shown"]

MAX_REDIRECTS: Final = 10
_USER_AGENT: Final = "hermetica"


class InvalidAddress(HermeticaError, ValueError):
    """An address that nothing can be fetched from."""

    code = "HM125"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
    except ValueError as error:
        raise InvalidAddress(f"not an address: {url!r}", details=(("cause", str(error)),)) from error
    return parts


def shown(url: str) -> str:
    """The address as it may be printed: without what someone must not read."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc="***@" + parts.netloc.rpartition("@")[2]))


def _without_credentials(parts: SplitResult) -> tuple[str, tuple[str, str] | None]:
    if "@" not in parts.netloc:
        return urlunsplit(parts), None
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return bare, (unquote(parts.username or ""), unquote(parts.password or ""))


class _Response(http.client.HTTPResponse):
    """A response that is read patiently."""

    def __init__(self, sock: socket.socket, *arguments: Any, waiting: Waiting, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        raw: Any = self.fp.detach()  # the buffer that makefile() put around it
        self.fp = io.BufferedReader(PatientReader(raw, sock, waiting))


class _Connection(http.client.HTTPConnection):
    def __init__(self, host: str, *, waiting: Waiting, **options: Any) -> None:
        super().__init__(host, **options)
        self._create_connection = waiting.connect
        self.response_class = functools.partial(_Response, waiting=waiting)  # type: ignore[assignment]  # called only


class _SecureConnection(http.client.HTTPSConnection):
    def __init__(self, host: str, *, waiting: Waiting, **options: Any) -> None:
        super().__init__(host, **options)
        self._create_connection = waiting.connect
        self.response_class = functools.partial(_Response, waiting=waiting)  # type: ignore[assignment]  # called only


class _Open(urllib.request.HTTPHandler):
    def __init__(self, waiting: Waiting) -> None:
        super().__init__()
        self._waiting = waiting

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(_Connection, waiting=self._waiting), req)


class _OpenSecurely(urllib.request.HTTPSHandler):
    def __init__(self, waiting: Waiting) -> None:
        super().__init__()
        self._waiting = waiting

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(_SecureConnection, waiting=self._waiting), req)


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = MAX_REDIRECTS
    max_repeats = 2

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme not in {"http", "https"}:
            raise HTTPError(req.full_url, code, f"redirects to {shown(newurl)}", headers, fp)
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            raise HTTPError(req.full_url, code, f"redirects to {shown(newurl)}, without encryption", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]  # typeshed asks for HTTPMessage; it gives on what the response had


class _Credentials(urllib.request.BaseHandler):
    """Adds what is known for the host of each request, redirected ones too."""

    def __init__(self, given: Mapping[str, tuple[str, str]]) -> None:
        self._given = given

    def http_request(self, req: urllib.request.Request) -> urllib.request.Request:
        host = urlsplit(req.full_url).netloc
        known = self._given.get(host) or _from_netrc(urlsplit(req.full_url).hostname or "")
        if known is not None and not req.has_header("Authorization"):
            token = base64.b64encode(f"{known[0]}:{known[1]}".encode()).decode("ascii")
            req.add_unredirected_header("Authorization", f"Basic {token}")
        return req

    https_request = http_request


def _from_netrc(host: str) -> tuple[str, str] | None:
    path = Path(os.environ.get("NETRC") or Path("~/.netrc").expanduser())
    try:
        known = netrc.netrc(path).authenticators(host)
    except FileNotFoundError:
        return None
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError) as error:
        raise InvalidAddress(f"{path} cannot be read for the password of {host}: {error}") from error
    return (known[0], known[2] or "") if known is not None and known[0] else None


def get(
    url: str, headers: Mapping[str, str], waiting: Waiting, *, bearer: Bearer | None = None
) -> http.client.HTTPResponse:
    """The response to a GET, once its headers are there.

    Args:
        url: with http or https.
        headers: to send.
        waiting: how long to wait, and who may end it.
        bearer: gets and keeps the tokens that a registry asks for; without it nobody asks for any.

    Raises:
        InvalidAddress: the URL is none.
        HTTPError: a status that is no success; redirects are followed, at most ``MAX_REDIRECTS``.
        OSError: no connection, or it broke.
        HTTPException: what came is no HTTP.
    """
    parts = _split(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidAddress(f"not an address: {shown(url)!r}", hint="http, https and file are understood")
    bare, credentials = _without_credentials(parts)
    given = {urlsplit(bare).netloc: credentials} if credentials else {}
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        _Redirects(),
        _Credentials(given),
        _Open(waiting),
        _OpenSecurely(waiting),
        *([bearer.handler(waiting)] if bearer is not None else []),
    ):
        opener.add_handler(handler)
    opener.addheaders = [("User-Agent", _USER_AGENT)]
    request = urllib.request.Request(  # noqa: S310 -- the scheme is one of two, checked above
        bare, headers={"Accept-Encoding": "identity", **headers}
    )
    response = opener.open(request, timeout=waiting.patience.timeout_s)
    if not isinstance(response, http.client.HTTPResponse):
        raise InvalidAddress(f"no answer from {shown(url)!r}")
    return response
