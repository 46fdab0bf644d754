"""Downloads: the addresses of one content, its hashes, and what is kept."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from blake3 import blake3

from hermetica.fetch import (
    UNKNOWN,
    CannotWrite,
    DownloadFailed,
    HashMismatch,
    HashRequired,
    download,
)
from hermetica.fetch.mirrors import Mirrors
from hermetica.fetch.reach import Network, Offline, Reach
from tests.fetch.servers import (
    DATA,
    DEAD,
    HASHES,
    HURRIED,
    Server,
    beside,
    silent,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("bare_environment")


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


def test_a_host_that_gave_no_answer_is_asked_last_the_next_time(server: Server, tmp_path: Path) -> None:
    reach = Reach()
    good = server.add("/good", whole(DATA))
    with Server() as mute:
        dead = mute.add("/file", silent(5))
        for name in ("first", "second", "third"):
            got = download([dead, good], tmp_path / name, expected=HASHES, patience=HURRIED, reach=reach)
            assert got.url == good
        assert len(set(mute.paths())) == 1
        asked_at_first = len(mute.paths())
        with pytest.raises(DownloadFailed) as caught:
            download([dead, server.url + "/absent"], tmp_path / "f", expected=HASHES, patience=HURRIED, reach=reach)
        assert [url for url, _ in caught.value.failures] == [server.url + "/absent", dead]
        assert len(mute.paths()) == 2 * asked_at_first


def test_a_host_that_refuses_has_answered(server: Server, tmp_path: Path) -> None:
    reach = Reach()
    absent, good = server.url + "/absent", server.add("/good", whole(DATA))
    with Server() as other:
        elsewhere = other.add("/good", whole(DATA))
        for name in ("first", "second"):
            got = download([absent, elsewhere, good], tmp_path / name, expected=HASHES, patience=HURRIED, reach=reach)
            assert got.url == elsewhere
    assert server.paths() == ["/absent", "/absent"]


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


def test_offline_only_files_of_this_machine_are_asked_for() -> None:
    network = Network(mirrors=Mirrors(), patience=HURRIED, offline=True)
    assert network.addresses(["https://x.example/f", "file:///f"]) == ("file:///f",)
    with pytest.raises(Offline, match="may not be asked") as caught:
        network.addresses(["mirror://debian/f", "https://x.example/f"])
    assert [address for _, address in caught.value.details] == ["mirror://debian/f", "https://x.example/f"]
