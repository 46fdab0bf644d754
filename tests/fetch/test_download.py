"""Downloads, against servers on loopback that break off, lie, crawl, redirect and forget."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from blake3 import blake3

from hermetica.fetch import (
    UNKNOWN,
    CannotWrite,
    DownloadFailed,
    FetchCancelled,
    HashMismatch,
    HashRequired,
    Patience,
    download,
)
from tests.fetch.servers import Flaky, Handler, Server, crawling, failing, redirect, silent, whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

DATA = bytes(range(256)) * 4000
HASHES = {"sha256": hashlib.sha256(DATA).hexdigest()}
HURRIED = Patience(timeout_s=0.5, retries=2, backoff_s=0.01)
DEAD = "http://127.0.0.1:9/file"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in list(os.environ):
        if variable.lower().endswith("_proxy") or variable == "NETRC":
            monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as each:
        yield each


def beside(destination: Path) -> list[str]:
    return sorted(path.name for path in destination.parent.iterdir() if path.name.startswith(destination.name))


def test_the_file_arrives_whole_and_nothing_else_stays(server: Server, tmp_path: Path) -> None:
    url = server.add("/f", whole(DATA))
    got = download([url], tmp_path / "f", expected=HASHES)
    assert (tmp_path / "f").read_bytes() == DATA
    assert (got.size_bytes, got.hashes, got.url) == (len(DATA), HASHES, url)
    assert beside(tmp_path / "f") == ["f"]


def test_all_hashes_that_are_asked_for_are_checked_together(server: Server, tmp_path: Path) -> None:
    url = server.add("/f", whole(DATA))
    known = {**HASHES, "sha512": hashlib.sha512(DATA).hexdigest(), "blake3": blake3(DATA).hexdigest()}
    assert download([url], tmp_path / "f", expected=known).hashes == known
    for algorithm, digest in known.items():
        wrong = {**known, algorithm: "0" * len(digest)}
        with pytest.raises(HashMismatch) as caught:
            download([url], tmp_path / "f", expected=wrong)
        assert (caught.value.algorithm, caught.value.got) == (algorithm, digest)


@pytest.mark.parametrize("expected", [{}, {"sha256": "00"}, {"md5": "0" * 32}, {"sha256": "g" * 64}])
def test_a_download_that_expects_nothing_is_refused(expected: Mapping[str, str], tmp_path: Path) -> None:
    with pytest.raises(HashRequired):
        download([DEAD], tmp_path / "f", expected=expected)


def test_an_unknown_hash_is_told(server: Server, tmp_path: Path) -> None:
    url = server.add("/f", whole(DATA))
    got = download([url], tmp_path / "f", expected={"sha256": UNKNOWN, "blake3": UNKNOWN})
    assert got.hashes == {**HASHES, "blake3": blake3(DATA).hexdigest()}


def test_upper_case_digests_are_the_same_digests(server: Server, tmp_path: Path) -> None:
    url = server.add("/f", whole(DATA))
    assert download([url], tmp_path / "f", expected={"sha256": HASHES["sha256"].upper()}).size_bytes == len(DATA)


def test_addresses_are_tried_in_order_until_one_works(server: Server, tmp_path: Path) -> None:
    good = server.add("/good", whole(DATA))
    never = server.add("/never", whole(DATA))
    got = download([DEAD, server.url + "/absent", good, never], tmp_path / "f", expected=HASHES, patience=HURRIED)
    assert got.url == good
    assert server.paths() == ["/absent", "/good"]


def test_every_address_and_its_cause_are_listed_when_none_works(server: Server, tmp_path: Path) -> None:
    urls = [DEAD, server.url + "/absent", "file:///nonexistent/file", "gopher://x/y", f"file://{tmp_path}"]
    with pytest.raises(DownloadFailed) as caught:
        download(urls, tmp_path / "f", expected=HASHES, patience=HURRIED)
    causes = dict(caught.value.failures)
    assert list(causes) == urls
    assert "refused" in causes[urls[0]]
    assert causes[urls[1]].startswith("HTTP 404")
    assert causes[urls[2]] == "no such file"
    assert causes[urls[4]] == "not a regular file"
    assert all(url in str(caught.value) for url in urls)
    assert beside(tmp_path / "f") == []


def test_no_addresses_at_all_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="no address"):
        download([], tmp_path / "f", expected=HASHES)


def test_files_of_this_host_are_fetched_without_a_server(tmp_path: Path) -> None:
    (tmp_path / "a file").write_bytes(DATA)
    got = download([(tmp_path / "a file").as_uri()], tmp_path / "f", expected=HASHES)
    assert got.size_bytes == len(DATA)
    assert (tmp_path / "a file").exists()


def test_wrong_bytes_are_kept_with_what_they_look_like(server: Server, tmp_path: Path) -> None:
    page = b"<!DOCTYPE html><title>Please log in</title>"
    url = server.add("/f", whole(page))
    with pytest.raises(HashMismatch) as caught:
        download([url], tmp_path / "f", expected=HASHES)
    error = caught.value
    assert (error.expected, error.got) == (HASHES["sha256"], hashlib.sha256(page).hexdigest())
    assert (error.kind, error.size_bytes, error.kept) == ("html", len(page), tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == page
    assert beside(tmp_path / "f") == ["f"]


def test_another_address_may_have_the_right_bytes(server: Server, tmp_path: Path) -> None:
    wrong, right = server.add("/wrong", whole(b"other")), server.add("/right", whole(DATA))
    assert download([wrong, right], tmp_path / "f", expected=HASHES).url == right
    assert (tmp_path / "f").read_bytes() == DATA


def test_two_addresses_that_agree_on_other_bytes_settle_it(server: Server, tmp_path: Path) -> None:
    urls = [server.add(f"/{name}", whole(b"other")) for name in "abc"]
    with pytest.raises(HashMismatch):
        download(urls, tmp_path / "f", expected=HASHES)
    assert server.paths() == ["/a", "/b"]


def test_an_interrupted_download_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    url = server.add("/f", Flaky(DATA, cut=300_000, times=2))
    download([url], tmp_path / "f", expected=HASHES, patience=HURRIED)
    ranges = [headers.get("range") for _, headers in server.requests]
    assert ranges == [None, "bytes=300000-", "bytes=600000-"]
    assert beside(tmp_path / "f") == ["f"]


def test_a_later_call_continues_what_an_earlier_one_left(server: Server, tmp_path: Path) -> None:
    url = server.add("/f", Flaky(DATA, cut=300_000, times=1))
    with pytest.raises(DownloadFailed, match="300,000 of"):
        download([url], tmp_path / "f", expected=HASHES, patience=Patience(retries=0))
    assert beside(tmp_path / "f") == ["f.part", "f.part.json"]
    download([url], tmp_path / "f", expected=HASHES)
    assert server.requests[1][1]["range"] == "bytes=300000-"
    assert beside(tmp_path / "f") == ["f"]


def test_a_file_that_changed_meanwhile_begins_anew(server: Server, tmp_path: Path) -> None:
    url = server.add("/f", Flaky(DATA[::-1], cut=300_000, times=1, tag='"old"'))
    with pytest.raises(DownloadFailed):
        download([url], tmp_path / "f", expected=HASHES, patience=Patience(retries=0))
    server.add("/f", Flaky(DATA, cut=0, times=0, tag='"new"'))
    download([url], tmp_path / "f", expected=HASHES)
    assert (tmp_path / "f").read_bytes() == DATA


def test_a_server_that_ignores_ranges_sends_it_all_again(server: Server, tmp_path: Path) -> None:
    url = server.add("/f", Flaky(DATA, cut=300_000, times=1, honours_ranges=False))
    download([url], tmp_path / "f", expected=HASHES, patience=HURRIED)
    assert (tmp_path / "f").read_bytes() == DATA


def test_without_a_validator_nothing_is_continued(server: Server, tmp_path: Path) -> None:
    url = server.add("/f", Flaky(DATA, cut=300_000, times=1, tag=None))
    download([url], tmp_path / "f", expected=HASHES, patience=HURRIED)
    assert [headers.get("range") for _, headers in server.requests] == [None, None]


def test_a_seam_that_does_not_fit_is_tried_again_from_the_start(server: Server, tmp_path: Path) -> None:
    url = server.add("/f", Flaky(DATA, cut=0, times=0))
    (tmp_path / "f.part").write_bytes(b"x" * 1000)  # the server would say that its file is still the same
    (tmp_path / "f.part.json").write_text(json.dumps({"url": url, "validator": '"one"'}))
    download([url], tmp_path / "f", expected=HASHES)
    assert [headers.get("range") for _, headers in server.requests] == ["bytes=1000-", None]


@pytest.mark.parametrize("note", ["", "nonsense", "[]", '{"url": 3}'])
def test_a_damaged_note_beside_the_partial_file_is_no_trouble(note: str, server: Server, tmp_path: Path) -> None:
    url = server.add("/f", whole(DATA))
    (tmp_path / "f.part").write_bytes(b"x")
    (tmp_path / "f.part.json").write_text(note)
    download([url], tmp_path / "f", expected=HASHES)
    assert beside(tmp_path / "f") == ["f"]


def test_a_range_that_was_not_asked_for_is_not_believed(server: Server, tmp_path: Path) -> None:
    def other_range(handler: Handler) -> None:
        if "Range" in handler.headers:
            handler.start(206, 10, Content_Range=f"bytes 0-9/{len(DATA)}", ETag='"one"')
            handler.wfile.write(DATA[:10])
        else:
            whole(DATA)(handler)

    url = server.add("/f", other_range)
    (tmp_path / "f.part").write_bytes(DATA[:1000])
    (tmp_path / "f.part.json").write_text(json.dumps({"url": url, "validator": '"one"'}))
    download([url], tmp_path / "f", expected=HASHES)
    assert (tmp_path / "f").read_bytes() == DATA


def test_a_server_that_has_less_than_before_starts_over(server: Server, tmp_path: Path) -> None:
    def answer(handler: Handler) -> None:
        if "Range" in handler.headers:
            handler.start(416, 0)
        else:
            whole(DATA)(handler)

    url = server.add("/f", answer)
    (tmp_path / "f.part").write_bytes(DATA + b"more")
    (tmp_path / "f.part.json").write_text(json.dumps({"url": url, "validator": '"one"'}))
    download([url], tmp_path / "f", expected=HASHES)
    assert (tmp_path / "f").read_bytes() == DATA


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_tried_again(status: int, server: Server, tmp_path: Path) -> None:
    url = server.add("/f", failing(status, 2, whole(DATA), Retry_After="0"))
    download([url], tmp_path / "f", expected=HASHES, patience=HURRIED)
    assert server.paths() == ["/f"] * 3


def test_patience_with_passing_failures_ends(server: Server, tmp_path: Path) -> None:
    url = server.add("/f", failing(503, 99, whole(DATA)))
    with pytest.raises(DownloadFailed, match=r"HTTP 503.*3 attempts"):
        download([url], tmp_path / "f", expected=HASHES, patience=HURRIED)
    assert server.paths() == ["/f"] * 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_lasting_failure_is_not_tried_again(status: int, server: Server, tmp_path: Path) -> None:
    url = server.add("/f", failing(status, 99, whole(DATA)))
    with pytest.raises(DownloadFailed, match=f"HTTP {status}"):
        download([url], tmp_path / "f", expected=HASHES, patience=HURRIED)
    assert server.paths() == ["/f"]


def test_fewer_bytes_than_announced_are_a_failure(server: Server, tmp_path: Path) -> None:
    url = server.add("/f", Flaky(DATA, cut=1000, times=99, tag=None))
    with pytest.raises(DownloadFailed, match="1,000 of 1,024,000 bytes"):
        download([url], tmp_path / "f", expected=HASHES, patience=HURRIED)
    assert beside(tmp_path / "f") == []


def test_more_bytes_than_announced_are_not_taken(server: Server, tmp_path: Path) -> None:
    def answer(handler: Handler) -> None:
        handler.start(200, len(DATA))
        handler.wfile.write(DATA + b"more")

    download([server.add("/f", answer)], tmp_path / "f", expected=HASHES)
    assert (tmp_path / "f").read_bytes() == DATA


def test_chunks_are_put_together_and_missing_ones_noticed(server: Server, tmp_path: Path) -> None:
    def chunked(*, ends: bool) -> bytes:
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (DATA[:9], DATA[9:]))
        return body + (b"0\r\n\r\n" if ends else b"")

    def answer(handler: Handler, *, ends: bool) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.start(200, None, Transfer_Encoding="chunked")
        handler.wfile.write(chunked(ends=ends))
        handler.close_connection = True

    good = server.add("/good", lambda handler: answer(handler, ends=True))
    cut = server.add("/cut", lambda handler: answer(handler, ends=False))
    download([good], tmp_path / "f", expected=HASHES)
    with pytest.raises(DownloadFailed):
        download([cut], tmp_path / "g", expected=HASHES, patience=HURRIED)


@pytest.mark.parametrize("announced", [True, False])
def test_what_is_too_large_is_not_fetched(announced: bool, server: Server, tmp_path: Path) -> None:  # noqa: FBT001 -- a parameter of the test
    def answer(handler: Handler) -> None:
        handler.start(200, len(DATA) if announced else None)
        handler.wfile.write(DATA)

    with pytest.raises(DownloadFailed, match="larger than the 1,000 bytes"):
        download([server.add("/f", answer)], tmp_path / "f", expected=HASHES, size_limit_bytes=1000)
    assert beside(tmp_path / "f") == []
    download([server.add("/f", answer)], tmp_path / "f", expected=HASHES, size_limit_bytes=len(DATA))


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


def test_progress_is_told_and_ends_with_the_size(server: Server, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    url = server.add("/f", whole(DATA))
    download([url], tmp_path / "f", expected=HASHES, on_progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(DATA), len(DATA))
    assert told == sorted(told, key=lambda each: each[0])


def test_a_full_disk_is_said_once_and_not_blamed_on_the_address(server: Server, tmp_path: Path) -> None:
    url = server.add("/f", whole(DATA))
    (tmp_path / "f.part").symlink_to("/dev/full")
    with pytest.raises(CannotWrite, match="No space left"):
        download([url], tmp_path / "f", expected=HASHES)


def test_a_destination_that_cannot_be_written_is_said(server: Server, tmp_path: Path) -> None:
    url = server.add("/f", whole(DATA))
    with pytest.raises(CannotWrite, match="No such file"):
        download([url], tmp_path / "absent" / "f", expected=HASHES)
    (tmp_path / "d").mkdir()
    with pytest.raises(CannotWrite, match="directory"):
        download([url], tmp_path / "d", expected=HASHES)


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
