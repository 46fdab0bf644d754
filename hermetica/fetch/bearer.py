"""Tokens of registries: whoever is refused asks the server that the refusal names, and then asks again.

The token server gets what netrc has for its own host, and nothing of what was meant for another. A token goes to the
repository it is for, never along with a redirect. Sources: RFC 6750; the token authentication of ``distribution``.
"""

from __future__ import annotations

import json
import re
import threading
import urllib.request
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit

import attrs

from hermetica.fetch.connection import InvalidAddress, get, shown

if TYPE_CHECKING:
    import http.client
    from email.message import Message
    from typing import IO

    from hermetica.fetch.waiting import Waiting

__all__ = ["Bearer", "Challenge"]

_PARAMETER: Final = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s",]+))')
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_ANSWER_MAX_BYTES: Final = 1 << 20
_RESOURCE: Final = re.compile(r"(/v2/(.+))/(?:manifests|blobs)/[^/]+")


@attrs.frozen(kw_only=True)
class Challenge:
    """What a refusal asks for.

    Attributes:
        realm: the address of the token server.
        service: whom the token is for; empty where that is not said.
        scope: what it is to allow; empty likewise.
    """

    realm: str
    service: str
    scope: str

    @classmethod
    def parse(cls, headers: list[str]) -> Challenge | None:
        """The challenge in ``WWW-Authenticate`` headers; None where they ask for no token."""
        for header in headers:
            scheme, _, rest = header.strip().partition(" ")
            if scheme.lower() != "bearer":
                continue
            found = {key.lower(): quoted or plain for key, quoted, plain in _PARAMETER.findall(rest)}
            if realm := found.get("realm"):
                return cls(realm=realm, service=found.get("service", ""), scope=found.get("scope", ""))
        return None

    def address(self, repository: str) -> str:
        """Where the token is asked for."""
        scope = self.scope or f"repository:{repository}:pull"
        query = urlencode([("service", self.service), ("scope", scope)] if self.service else [("scope", scope)])
        return f"{self.realm}{'&' if urlsplit(self.realm).query else '?'}{query}"


class Bearer:
    """The tokens that were given so far, each for one repository of one registry. Thread-safe."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def handler(self, waiting: Waiting) -> urllib.request.BaseHandler:
        """What authorises the requests of one opener."""
        return _Handler(self, waiting)

    def token(self, key: tuple[str, str]) -> str | None:
        """What was given for a repository."""
        with self._lock:
            return self._tokens.get(key)

    def keep(self, key: tuple[str, str], token: str) -> None:
        """Takes note of what was given."""
        with self._lock:
            self._tokens[key] = token


class _Again(urllib.request.Request):
    """A request that was refused once: a second refusal is final."""


class _Handler(urllib.request.BaseHandler):
    handler_order = 600  # after netrc: a token is what the registry asked for

    def __init__(self, bearer: Bearer, waiting: Waiting) -> None:
        self._bearer = bearer
        self._waiting = waiting

    def http_request(self, req: urllib.request.Request) -> urllib.request.Request:
        key = _key(req.full_url)
        token = None if key is None else self._bearer.token(key)
        if token is not None:
            req.add_unredirected_header("Authorization", f"Bearer {token}")
        return req

    https_request = http_request

    def http_error_401(
        self, req: urllib.request.Request, fp: IO[bytes], _code: int, _message: str, headers: Message
    ) -> http.client.HTTPResponse | None:
        """Asks for a token, and for the same again with it."""
        challenge = Challenge.parse(headers.get_all("WWW-Authenticate") or [])
        key = _key(req.full_url)
        if challenge is None or key is None or isinstance(req, _Again):
            return None
        fp.close()
        self._bearer.keep(key, self._ask(challenge, req.full_url, key[1].removeprefix("/v2/")))
        again = _Again(req.full_url, headers=req.headers)
        response: http.client.HTTPResponse = self.parent.open(again, timeout=req.timeout)
        return response

    def _ask(self, challenge: Challenge, url: str, repository: str) -> str:
        if urlsplit(challenge.realm).scheme != "https" and urlsplit(url).scheme == "https":
            raise InvalidAddress(f"{shown(url)} wants a token from {shown(challenge.realm)}, which is not secret")
        try:
            with get(challenge.address(repository), {}, self._waiting) as response:
                data = response.read(_ANSWER_MAX_BYTES)
        except HTTPError as error:
            message = f"{error.msg}, says {shown(challenge.realm)}, which gives the tokens"
            raise HTTPError(error.url, error.code, message, error.headers, error.fp) from error
        token = _token(data)
        if token is None:
            raise InvalidAddress(f"{shown(challenge.realm)} gave no token")
        return token


def _key(url: str) -> tuple[str, str] | None:
    """(host, path of the repository) of what belongs to one."""
    parts = urlsplit(url)
    found = _RESOURCE.fullmatch(parts.path)
    return (parts.netloc, found[1]) if found else None


def _token(data: bytes) -> str | None:
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        return None
    facts = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
    token = facts.get("token") or facts.get("access_token")
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else None
