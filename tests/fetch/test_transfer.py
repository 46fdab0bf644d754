"""Transfers that break off, go on, begin anew, lie about sizes, and are tried again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hermetica.fetch import (
    DownloadFailed,
    Patience,
    download,
)
from tests.fetch.servers import (
    DATA,
    HASHES,
    HURRIED,
    Flaky,
    Handler,
    Server,
    beside,
    failing,
    whole,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("bare_environment")


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
