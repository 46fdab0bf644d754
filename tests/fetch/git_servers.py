"""Real git servers on loopback, and repositories for them to serve."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import socket
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

ENVIRON = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


@attrs.frozen
class Repository:
    """A repository that a test commits to."""

    path: Path

    @property
    def url(self) -> str:
        return f"file://{self.path}"

    def git(self, *arguments: str, data: bytes | None = None) -> str:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always")
        command = ["git", "-C", os.fspath(self.path), *who, *arguments]
        ended = subprocess.run(command, env=os.environ | ENVIRON, input=data, check=True, capture_output=True)
        return ended.stdout.decode().strip()

    def commit(self, **files: bytes) -> str:
        for name, data in files.items():
            (self.path / name).write_bytes(data)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "x")
        return self.git("rev-parse", "HEAD")

    def commit_tree(self, *entries: tuple[str, str, str], onto: str = "main") -> str:
        """A commit of (mode, object, name), which no honest git would write; a branch is put on it."""
        raw = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(object_) for mode, object_, name in entries)
        tree = self.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", data=raw)
        commit = self.git("commit-tree", "-m", "x", tree)
        self.git("update-ref", f"refs/heads/{onto}", commit)
        return commit

    def blob(self, data: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", data=data)


def repository(path: Path, *, object_format: str = "sha1") -> Repository:
    path.mkdir(parents=True)
    made = Repository(path)
    made.git("init", "--quiet", "--initial-branch=main", f"--object-format={object_format}")
    return made


@contextlib.contextmanager
def git_daemon(directory: Path) -> Generator[str]:
    """The address of ``git daemon`` over the repositories in a directory."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["git", "daemon", "--reuseaddr", "--listen=127.0.0.1", f"--port={port}", "--export-all"]
    served = [f"--base-path={directory}", os.fspath(directory)]
    process = subprocess.Popen([*command, *served], env=os.environ | ENVIRON | _trusting(), stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield f"git://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _trusting() -> dict[str, str]:
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}


def _wait_for(port: int) -> None:
    for _ in range(500):
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise AssertionError("git daemon does not come up")


class SmartHandler(http.server.BaseHTTPRequestHandler):
    """Runs ``git http-backend`` for each request, as a web server does."""

    server: SmartServer  # pyright: ignore[reportIncompatibleVariableOverride] -- no other server makes one

    def do_GET(self) -> None:
        self.server.requests += 1
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length", 0))
        environ = {
            **os.environ, **ENVIRON, **_trusting(),
            "GIT_PROJECT_ROOT": os.fspath(self.server.directory), "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(length),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }  # fmt: skip
        ended = subprocess.run(
            ["git", "http-backend"],
            env=environ,
            input=self.rfile.read(length),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        head, _, body = ended.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        self.send_response(int(headers.pop("Status", "200 OK").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "POST" and self.server.breaking and b"packfile" in body[:4096]:
            self.server.breaking -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)
        self.server.sent_bytes += len(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- its name in the base class
        """Says nothing."""


class SmartServer(http.server.ThreadingHTTPServer):
    """A web server of git's own protocol.

    Attributes:
        directory: of repositories.
        sent_bytes: of bodies, so far.
        requests: so far.
        breaking: how many of the next packs are cut in half.
    """

    def __init__(self, directory: Path) -> None:
        self.directory, self.sent_bytes, self.requests, self.breaking = directory, 0, 0, 0
        super().__init__(("127.0.0.1", 0), SmartHandler)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- its name in the base class
        """Says nothing."""


@contextlib.contextmanager
def serving(server: http.server.ThreadingHTTPServer) -> Generator[str]:
    """The address of a server that runs."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def dumb_server(directory: Path) -> http.server.ThreadingHTTPServer:
    """A web server that knows nothing of git: the files of repositories, no more."""
    return http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=os.fspath(directory)))
