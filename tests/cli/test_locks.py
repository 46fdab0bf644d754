"""``lock``, ``update`` and ``prefetch``: pins by address on loopback, through the real command."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from hermetica.cli.locks import table
from tests.fetch.git_servers import SmartServer, repository, serving
from tests.fetch.servers import Server, whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import CommandLine


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as each:
        yield each


def changes(text: str) -> list[tuple[str, str | None, str | None]]:
    return [(row["name"], row["before"], row["after"]) for row in json.loads(text)["changes"]]


def test_a_file_is_pinned_fetched_and_then_needs_no_network(hermetica: CommandLine, server: Server) -> None:
    url = server.add("/data-1.0.tar.gz", whole(b"one"))
    assert hermetica("lock", "url", url).stdout == "+ data-1.0.tar.gz  1.0\n"
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
    assert hermetica("update", "files").stdout == "~ data-1.0.tar.gz  1.0 (other content)\n"
    assert changes(hermetica("update", "--json").stdout) == []
    assert "did you mean files" in hermetica("update", "file", status=2).stderr


def test_check_tells_a_lock_that_was_edited_or_is_behind_its_file(hermetica: CommandLine) -> None:
    lock, cargo = hermetica.directory / "hermetica.lock", hermetica.directory / "Cargo.lock"
    entry = '[[package]]\nname = "a"\nversion = "{}"\nsource = "registry+x"\nchecksum = "' + "ab" * 32 + '"\n'
    cargo.write_text(entry.format("1.0.0"))
    hermetica("lock", "cargo", "--group", "rust")
    assert "1 compared" in hermetica("lock", "check").stderr
    assert hermetica("lock", "--check").stderr == hermetica("lock", "check").stderr
    cargo.write_text(entry.format("1.0.1"))
    behind = hermetica("lock", "check", status=3)
    assert behind.stdout == "~ a  1.0.0 -> 1.0.1\n"
    assert "hermetica update rust" in behind.stderr
    hermetica("update")
    lock.write_text(lock.read_text() + "\n")
    assert "edited or merged by hand" in hermetica("lock", "check", status=3).stderr


def test_a_table_of_changes_is_aligned_and_names_groups_and_kinds_where_there_are_several() -> None:
    rows: list[dict[str, str | None]] = [
        {"group": "a", "kind": "debian", "name": "zlib1g", "before": "1:1.2.13", "after": "1:1.3.1"},
        {"group": "a", "kind": "debian", "name": "jq", "before": None, "after": "1.7"},
        {"group": "b", "kind": "npm", "name": "left-pad", "before": "1.0.0", "after": None},
        {"group": "b", "kind": "npm", "name": "x", "before": "1", "after": "2"},
    ]
    assert list(table(rows)) == [
        "a:",
        "  ~ zlib1g (debian)  1:1.2.13 -> 1:1.3.1",
        "  + jq (debian)      1.7",
        "b:",
        "  - left-pad (npm)   1.0.0",
        "  ~ x (npm)          1        -> 2",
    ]
    assert list(table(rows[2:])) == ["- left-pad  1.0.0", "~ x         1 -> 2"]
    assert list(table([])) == []


@pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
def test_a_commit_is_pinned_and_an_update_follows_its_branch(hermetica: CommandLine, tmp_path: Path) -> None:
    origin = repository(tmp_path / "served" / "origin")
    first = origin.commit(a=b"1")
    with serving(SmartServer(tmp_path / "served")) as url:
        made = hermetica("lock", "git", f"{url}/origin", "--ref", "main")
        assert made.stdout == f"+ origin  {first[:12]}\n"
        assert "1 file of 1 in the store" in hermetica("prefetch").stderr
        second = origin.commit(a=b"2")
        assert hermetica("update").stdout == f"~ origin  {first[:12]} -> {second[:12]}\n"
        hermetica("prefetch")
        assert "has no gone" in hermetica("lock", "git", f"{url}/origin", "--ref", "gone", status=4).stderr
    hermetica("prefetch", "--offline")
    assert "not allowed with" in hermetica("lock", "git", "file:///x", "--ref", "a", "--rev", "b", status=2).stderr


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
