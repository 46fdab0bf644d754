"""Over TLS and through proxies: a real certificate, a real tunnel, and what a redirect may not do."""

from __future__ import annotations

import gzip
import shutil
import socket
import ssl
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from hermetica.fetch import DownloadFailed, download
from tests.fetch.servers import DATA, HASHES, HURRIED, Handler, Server, redirect, whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.usefixtures("bare_environment"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with"),
]


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server over TLS, whose certificate this process trusts."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = Server()
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with server:
        yield server


def address(secure: Server) -> str:
    return f"https://127.0.0.1:{secure.server_port}"


def test_a_file_comes_over_tls_and_from_nobody_whose_certificate_is_not_trusted(
    secure: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secure.add("/f", whole(DATA))
    download([f"{address(secure)}/f"], tmp_path / "f", expected=HASHES)
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    with pytest.raises(DownloadFailed, match="certificate verify failed"):
        download([f"{address(secure)}/f"], tmp_path / "g", expected=HASHES, patience=HURRIED)


def test_a_redirect_from_encryption_to_none_is_refused_and_the_other_way_is_followed(
    secure: Server, server: Server, tmp_path: Path
) -> None:
    server.add("/f", whole(DATA))
    secure.add("/down", redirect(f"{server.url}/f"))
    with pytest.raises(DownloadFailed, match="without encryption"):
        download([f"{address(secure)}/down"], tmp_path / "f", expected=HASHES, patience=HURRIED)
    assert server.requests == []
    secure.add("/f", whole(DATA))
    server.add("/up", redirect(f"{address(secure)}/f"))
    download([f"{server.url}/up"], tmp_path / "f", expected=HASHES)


class Tunnel(threading.Thread):
    """A proxy that does nothing but ``CONNECT``, and remembers to where."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.asked: list[bytes] = []
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def run(self) -> None:
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            self.asked.append(head.split(b"\r\n")[0])
            host, _, port = head.split()[1].decode().partition(":")
            behind = socket.create_connection((host, int(port)))
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            threading.Thread(target=_joined, args=(client, behind), daemon=True).start()


def _joined(client: socket.socket, behind: socket.socket) -> None:
    """Copies both ways until both have ended, and closes them."""
    with client, behind:
        there = threading.Thread(target=_copied, args=(client, behind), daemon=True)
        there.start()
        _copied(behind, client)
        there.join()


def _copied(here: socket.socket, there: socket.socket) -> None:
    try:
        while data := here.recv(65536):
            there.sendall(data)
        there.shutdown(socket.SHUT_WR)
    except OSError:
        return


def test_tls_goes_through_the_tunnel_of_a_proxy_unless_the_host_is_excepted(
    secure: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secure.add("/f", whole(DATA))
    tunnel = Tunnel()
    monkeypatch.setenv("https_proxy", tunnel.url)
    download([f"{address(secure)}/f"], tmp_path / "f", expected=HASHES)
    assert tunnel.asked[0].startswith(f"CONNECT 127.0.0.1:{secure.server_port} ".encode())
    monkeypatch.setenv("no_proxy", "example.org,127.0.0.1")
    download([f"{address(secure)}/f"], tmp_path / "g", expected=HASHES)
    assert len(tunnel.asked) == 1
    tunnel.listening.close()


def test_no_proxy_counts_without_tls_too(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add("/f", whole(DATA))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(DownloadFailed, match="refused"):
        download([f"{server.url}/f"], tmp_path / "f", expected=HASHES, patience=HURRIED)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    download([f"{server.url}/f"], tmp_path / "f", expected=HASHES)


def test_bytes_that_a_server_compressed_on_the_way_are_not_taken_for_the_file(server: Server, tmp_path: Path) -> None:
    def compressing(handler: Handler) -> None:
        whole(gzip.compress(DATA), Content_Encoding="gzip")(handler)

    url = server.add("/data.json", compressing)
    with pytest.raises(DownloadFailed, match="in the encoding gzip"):
        download([url], tmp_path / "f", expected=HASHES, patience=HURRIED)
    assert server.requests[0][1]["accept-encoding"] == "identity"
    as_it_lies = server.add("/data.tar.gz", whole(DATA, Content_Encoding="x-gzip"))
    download([as_it_lies], tmp_path / "g", expected=HASHES)
