"""As much of HTTP/1.1 as the service needs: one request a connection, within limits. Source: RFC 9112."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

HEAD_BYTES = 16 << 10
BODY_BYTES = 64 << 10
PATIENCE_S = 10.0


class Answer(Exception):
    """An answer that ends the matter: a status, and a text that says why."""

    def __init__(self, status: HTTPStatus, text: str, **headers: str) -> None:
        super().__init__(text)
        self.status, self.headers = status, headers


@dataclass(frozen=True)
class Request:
    """What a client asks.

    Attributes:
        headers: by name in lower case.
    """

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    def document(self) -> Any:
        """The body, as JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise Answer(HTTPStatus.BAD_REQUEST, "the body is not JSON") from None


async def read_request(reader: asyncio.StreamReader) -> Request:
    """The request of a connection.

    Raises:
        Answer: it is none, is too large, or takes too long.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
            method, target, version = first.split(" ")
            headers = {
                name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            length = int(headers.get("content-length", "0"))
            _check(version, headers, length)
            body = await reader.readexactly(length)
    except asyncio.LimitOverrunError:
        raise Answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"a head may have {HEAD_BYTES} bytes") from None
    except TimeoutError:
        raise Answer(HTTPStatus.REQUEST_TIMEOUT, f"no whole request within {PATIENCE_S:g} s") from None
    except ValueError:
        raise Answer(HTTPStatus.BAD_REQUEST, "not a request of HTTP/1.1 with a Content-Length") from None
    address = urlsplit(target)
    return Request(method, address.path, parse_qs(address.query, keep_blank_values=True), headers, body)


def _check(version: str, headers: Mapping[str, str], length: int) -> None:
    if not version.startswith("HTTP/1.") or length < 0 or "transfer-encoding" in headers:
        raise ValueError(version)
    if length > BODY_BYTES:
        raise Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body may have {BODY_BYTES} bytes")


def head(status: HTTPStatus, kind: str, **headers: str) -> bytes:
    """The head of an answer whose end is the end of the connection."""
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Content-Type: {kind}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def json_answer(status: HTTPStatus, document: Any, **headers: str) -> bytes:
    """A whole answer."""
    body = json.dumps(document, indent=2).encode() + b"\n"
    return head(status, "application/json", Content_Length=str(len(body)), **headers) + body
