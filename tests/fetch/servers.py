"""Web servers on loopback that behave as real ones do on bad days."""

from __future__ import annotations

import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import attrs

from hermetica.fetch import Patience

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    Answer = Callable[["Handler"], None]


DATA = bytes(range(256)) * 4000
HASHES = {"sha256": hashlib.sha256(DATA).hexdigest()}
HURRIED = Patience(timeout_s=0.5, retries=2, backoff_s=0.01)
DEAD = "http://127.0.0.1:9/file"


def beside(destination: Path) -> list[str]:
    """The names of a destination and of what was made beside it."""
    return sorted(path.name for path in destination.parent.iterdir() if path.name.startswith(destination.name))


class Handler(BaseHTTPRequestHandler):
    """Answers as its server's table says."""

    protocol_version = "HTTP/1.0"
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride] -- no other server makes one

    def do_GET(self) -> None:
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.server.requests.append((self.path, headers))
        answer = self.server.answers.get(self.path)
        try:
            if answer is None:
                self.send_error(404)
            else:
                answer(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- its name in the base class
        """Says nothing."""

    def start(self, status: int, length: int | None, **headers: str) -> None:
        """Sends the status and headers."""
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()


class Server(ThreadingHTTPServer):
    """A server with a table of answers, which remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that left is no news."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, path: str, answer: Answer) -> str:
        """The URL under which ``answer`` is given."""
        self.answers[path] = answer
        return self.url + path

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]


def whole(data: bytes, **headers: str) -> Answer:
    """All of it, whatever is asked for."""

    def answer(handler: Handler) -> None:
        handler.start(200, len(data), **headers)
        handler.wfile.write(data)

    return answer


@attrs.define
class Flaky:
    """Breaks off after some bytes, a few times; honours ranges as RFC 9110 has them.

    Attributes:
        data: the file.
        cut: bytes sent before it breaks off.
        times: how often it does.
        tag: its ETag; None for none.
    """

    data: bytes
    cut: int
    times: int
    tag: str | None = '"one"'
    honours_ranges: bool = True

    def __call__(self, handler: Handler) -> None:
        start = 0
        wanted, condition = handler.headers.get("Range"), handler.headers.get("If-Range")
        if wanted and self.honours_ranges and condition == self.tag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        tag = {"ETag": self.tag} if self.tag else {}
        rest = self.data[start:]
        if start:
            span = f"bytes {start}-{len(self.data) - 1}/{len(self.data)}"
            handler.start(206, len(rest), Content_Range=span, **tag)
        else:
            handler.start(200, len(rest), **tag)
        if self.times:
            self.times -= 1
            handler.wfile.write(rest[: self.cut])
        else:
            handler.wfile.write(rest)


def redirect(target: str, status: int = 302) -> Answer:
    """Elsewhere."""
    return lambda handler: handler.start(status, 0, Location=target)


def failing(status: int, times: int, then: Answer, **headers: str) -> Answer:
    """A status some times, then another answer."""
    left = [times]

    def answer(handler: Handler) -> None:
        if left[0]:
            left[0] -= 1
            handler.start(status, 0, **headers)
        else:
            then(handler)

    return answer


def crawling(data: bytes, pause_s: float) -> Answer:
    """A byte at a time."""

    def answer(handler: Handler) -> None:
        handler.start(200, len(data))
        for byte in data:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            time.sleep(pause_s)

    return answer


def silent(duration_s: float) -> Answer:
    """Nothing, for a while."""
    return lambda _handler: time.sleep(duration_s)
