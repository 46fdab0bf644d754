"""``lock``, ``update`` and ``prefetch``: pins by address on loopback, through the real command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.fetch.servers import Server, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import CommandLine


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as each:
        yield each


def changes(text: str) -> list[tuple[str, str | None, str | None]]:
    return [(row["name"], row["before"], row["after"]) for row in json.loads(text)["changes"]]


def test_a_file_is_pinned_fetched_and_then_needs_no_network(hermetica: CommandLine, server: Server) -> None:
    url = server.add("/data-1.0.tar.gz", whole(b"one"))
    assert hermetica("lock", "url", url).stdout == "data-1.0.tar.gz  new -> 1.0\n"
    assert "1 file of 1 in the store" in hermetica("prefetch").stderr
    asked = len(server.paths())
    hermetica("gc")
    hermetica("prefetch")
    assert len(server.paths()) == asked


def test_an_update_says_what_changed_and_a_dry_run_writes_nothing(hermetica: CommandLine, server: Server) -> None:
    url = server.add("/data-1.0.tar.gz", whole(b"one"))
    hermetica("lock", "url", url, "--group", "files")
    before = (hermetica.directory / "hermetica.lock").read_bytes()
    server.add("/data-1.0.tar.gz", whole(b"two"))
    assert changes(hermetica("update", "--dry-run", "--json").stdout) == [("data-1.0.tar.gz", "1.0", "1.0")]
    assert (hermetica.directory / "hermetica.lock").read_bytes() == before
    assert hermetica("update", "files").stdout == "data-1.0.tar.gz  1.0 (other content)\n"
    assert changes(hermetica("update", "--json").stdout) == []
    assert "did you mean files" in hermetica("update", "file", status=2).stderr


def test_check_tells_a_lock_that_was_edited_or_is_behind_its_file(hermetica: CommandLine) -> None:
    lock, cargo = hermetica.directory / "hermetica.lock", hermetica.directory / "Cargo.lock"
    entry = '[[package]]\nname = "a"\nversion = "{}"\nsource = "registry+x"\nchecksum = "' + "ab" * 32 + '"\n'
    cargo.write_text(entry.format("1.0.0"))
    hermetica("lock", "cargo", "--group", "rust")
    assert "1 compared" in hermetica("lock", "check").stderr
    cargo.write_text(entry.format("1.0.1"))
    behind = hermetica("lock", "check", status=3)
    assert behind.stdout == "a  1.0.0 -> 1.0.1\n"
    assert "hermetica update rust" in behind.stderr
    hermetica("update")
    lock.write_text(lock.read_text() + "\n")
    assert "edited or merged by hand" in hermetica("lock", "check", status=3).stderr


def test_a_lock_that_cannot_be_used_is_told(hermetica: CommandLine) -> None:
    assert "cannot read the lock" in hermetica("prefetch", status=4).stderr
    (hermetica.directory / "package-lock.json").write_text("{}")
    assert "lockfileVersion" in hermetica("lock", "npm", status=3).stderr
    assert not (hermetica.directory / "hermetica.lock").exists()


def test_offline_asks_nothing_of_the_network_and_says_what_is_missing(hermetica: CommandLine, server: Server) -> None:
    url = server.add("/data-1.0.tar.gz", whole(b"one"))
    hermetica("lock", "url", url)
    asked = len(server.paths())
    refused = hermetica("prefetch", "--offline", status=100)
    assert "the network may not be asked" in refused.stderr
    assert url in refused.stderr
    hermetica("prefetch", status=100, env={"HERMETICA_OFFLINE": "1"})
    assert len(server.paths()) == asked
    hermetica("prefetch")
    hermetica("prefetch", "--offline")
