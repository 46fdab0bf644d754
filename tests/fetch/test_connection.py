"""Connections: redirects, silence, cancellation, credentials, proxies, and what is no HTTP."""

from __future__ import annotations

import base64
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from hermetica.fetch import (
    DownloadFailed,
    FetchCancelled,
    Patience,
    download,
)
from hermetica.fetch.connection import InvalidAddress, get, shown
from hermetica.fetch.waiting import Waiting
from tests.fetch.servers import (
    DATA,
    HASHES,
    Handler,
    Server,
    crawling,
    failing,
    redirect,
    silent,
    whole,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("bare_environment")


def test_redirects_are_followed(server: Server, tmp_path: Path) -> None:
    server.add("/f", whole(DATA))
    for hop in range(5):
        server.add(f"/{hop}", redirect(f"/{hop + 1}" if hop < 4 else "/f", 301 + hop % 2))
    assert download([server.url + "/0"], tmp_path / "f", expected=HASHES).url == server.url + "/0"


def test_redirects_in_a_loop_end(server: Server, tmp_path: Path) -> None:
    server.add("/a", redirect("/b"))
    server.add("/b", redirect("/a"))
    with pytest.raises(DownloadFailed, match="redirects without end"):
        download([server.url + "/a"], tmp_path / "f", expected=HASHES)
    assert len(server.requests) <= 12


def test_a_long_chain_of_redirects_ends(server: Server, tmp_path: Path) -> None:
    for hop in range(50):
        server.add(f"/{hop}", redirect(f"/{hop + 1}"))
    with pytest.raises(DownloadFailed, match="redirects without end"):
        download([server.url + "/0"], tmp_path / "f", expected=HASHES)
    assert len(server.requests) <= 12


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
def test_redirects_lead_to_the_web_alone(target: str, server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="HTTP 302"):
        download([server.add("/f", redirect(target))], tmp_path / "f", expected=HASHES)


def test_a_server_that_says_nothing_is_given_up(server: Server, tmp_path: Path) -> None:
    url = server.add("/f", silent(3))
    before = time.monotonic()
    with pytest.raises(DownloadFailed, match=r"nothing came for 0\.2 s"):
        download([url], tmp_path / "f", expected=HASHES, patience=Patience(timeout_s=0.2, retries=0))
    assert time.monotonic() - before < 2


def test_a_server_that_crawls_is_given_up(server: Server, tmp_path: Path) -> None:
    url = server.add("/f", crawling(DATA, 0.01))
    patience = Patience(timeout_s=5, retries=0, slow_window_s=0.3, slow_bytes_per_s=10_000)
    with pytest.raises(DownloadFailed, match="slower than"):
        download([url], tmp_path / "f", expected=HASHES, patience=patience)


def test_a_host_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    with socket.socket() as full:  # a queue of waiting connections that nobody takes from
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        try:
            for each in waiting:
                each.setblocking(False)  # noqa: FBT003 -- its only parameter
                each.connect_ex(("127.0.0.1", port))
            with pytest.raises(DownloadFailed, match="nothing came"):
                download(
                    [f"http://127.0.0.1:{port}/f"],
                    tmp_path / "f",
                    expected=HASHES,
                    patience=Patience(timeout_s=0.2, retries=0),
                )
        finally:
            for each in waiting:
                each.close()


@pytest.mark.parametrize(
    "answer",
    [silent(30), crawling(DATA, 0.01), failing(503, 9, whole(b""), Retry_After="30")],
    ids=["silent", "crawling", "pausing"],
)
def test_a_cancelled_download_ends_within_a_moment(answer: object, server: Server, tmp_path: Path) -> None:
    url = server.add("/f", answer)  # type: ignore[arg-type]  # parametrized
    stop = threading.Event()
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    before = time.monotonic()
    with pytest.raises(FetchCancelled):
        download([url], tmp_path / "f", expected=HASHES, cancelled=stop.is_set)
    timer.join()
    assert time.monotonic() - before < 1.5


def protected(user: str, password: str) -> object:
    token = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def answer(handler: Handler) -> None:
        if handler.headers.get("Authorization") == token:
            whole(DATA)(handler)
        else:
            handler.start(401, 0)

    return answer


def test_credentials_of_the_address_are_used_and_never_shown(server: Server, tmp_path: Path) -> None:
    server.answers["/f"] = protected("me", "s:crt")  # type: ignore[assignment]  # an answer
    download([server.url.replace("//", "//me:s%3Acrt@") + "/f"], tmp_path / "f", expected=HASHES)
    with pytest.raises(DownloadFailed) as caught:
        download([server.url.replace("//", "//me:wrong@") + "/f"], tmp_path / "f", expected=HASHES)
    assert "wrong" not in str(caught.value)
    assert "me:" not in str(caught.value)


def test_netrc_is_used_for_its_host(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers["/f"] = protected("me", "secret")  # type: ignore[assignment]  # an answer
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    download([server.url + "/f"], tmp_path / "f", expected=HASHES)


def test_a_netrc_that_is_broken_is_said(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = server.add("/f", whole(DATA))
    (tmp_path / "netrc").write_text("machine 127.0.0.1 nonsense\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with pytest.raises(DownloadFailed, match="netrc cannot be read"):
        download([url], tmp_path / "f", expected=HASHES)


def test_credentials_do_not_follow_a_redirect_to_another_host(server: Server, tmp_path: Path) -> None:
    with Server() as other:
        other.add("/f", whole(DATA))
        server.add("/f", redirect(other.url + "/f"))
        download([server.url.replace("//", "//me:secret@") + "/f"], tmp_path / "f", expected=HASHES)
        assert "authorization" in server.requests[0][1]
        assert "authorization" not in other.requests[0][1]


def test_a_proxy_of_the_environment_is_used(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "http://nowhere.invalid/f"
    server.add(url, whole(DATA))  # a proxy is asked for whole addresses
    monkeypatch.setenv("http_proxy", server.url)
    download([url], tmp_path / "f", expected=HASHES)
    assert server.paths() == [url]


def test_what_is_not_http_is_a_failure_of_the_address(tmp_path: Path) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def talk() -> None:
            for _ in range(2):
                client, _address = listening.accept()
                with client:
                    client.recv(1000)
                    client.sendall(b"SSH-2.0-nonsense\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        with pytest.raises(DownloadFailed, match="broken answer"):
            download(
                [f"http://127.0.0.1:{listening.getsockname()[1]}/f"],
                tmp_path / "f",
                expected=HASHES,
                patience=Patience(retries=1, backoff_s=0.01),
            )
        thread.join()


@pytest.mark.parametrize("url", ["http://", "http:///f", "nonsense", "http://127.0.0.1:port/f", "http://[::1/f", ""])
def test_what_is_no_address_is_a_failure_of_it(url: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed) as caught:
        download([url], tmp_path / "f", expected=HASHES)
    assert caught.value.failures[0][0] == url


def test_a_request_for_what_is_no_address_of_the_web_is_refused() -> None:
    for url in ("gopher://x.example/y", "http://", "http://[::1/f"):
        with pytest.raises(InvalidAddress):
            get(url, {}, Waiting(Patience(timeout_s=0.5)))


def test_an_address_is_shown_without_its_credentials() -> None:
    assert shown("http://me:secret@x.example:1/f?q") == "http://***@x.example:1/f?q"
    assert shown("http://x.example/a@b") == "http://x.example/a@b"
    assert shown("http://[::1/f") == "http://[::1/f"
