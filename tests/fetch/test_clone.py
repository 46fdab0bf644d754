"""Commits as trees: real repositories, a real git."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from hermetica.fetch.clone import GitFailed, LargeFileStorage, fetch_git
from tests.fetch.git_servers import Repository, repository

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(shutil.which("git") is None, reason="no git here"),
    pytest.mark.usefixtures("bare_environment"),
]


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    return repository(tmp_path / "origin")


def files(tree: Path) -> dict[str, bytes]:
    return {path.relative_to(tree).as_posix(): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def test_a_commit_is_written_without_its_history_or_what_came_later(origin: Repository, tmp_path: Path) -> None:
    (origin.path / "link").symlink_to("a")
    rev = origin.commit(a=b"1", tool=b"#!/bin/sh\n")
    (origin.path / "tool").chmod(0o755)
    rev = origin.commit()
    origin.commit(a=b"2", b=b"3")
    fetch_git([origin.url], rev, tmp_path / "tree")
    assert files(tmp_path / "tree") == {"a": b"1", "tool": b"#!/bin/sh\n", "link": b"1"}
    assert (tmp_path / "tree" / "link").is_symlink()
    assert os.access(tmp_path / "tree" / "tool", os.X_OK)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["origin", "tree"]


def test_line_endings_and_filters_of_this_machine_change_nothing(
    origin: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rev = origin.commit(**{"a.txt": b"one\r\ntwo\n", "b.up": b"small"})
    fetch_git([origin.url], rev, tmp_path / "plain")
    (tmp_path / "attributes").write_text("*.up filter=upper\n*.txt text eol=crlf\n")
    (tmp_path / ".gitconfig").write_text(
        f'[core]\nautocrlf = true\nattributesFile = {tmp_path}/attributes\n[filter "upper"]\nsmudge = tr a-z A-Z\n'
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    fetch_git([origin.url], rev, tmp_path / "bent")
    assert files(tmp_path / "bent") == files(tmp_path / "plain") == {"a.txt": b"one\r\ntwo\n", "b.up": b"small"}


def test_submodules_come_at_the_commits_that_are_named_if_asked_for(origin: Repository, tmp_path: Path) -> None:
    part = repository(tmp_path / "part")
    part.commit(p=b"old")
    origin.git("submodule", "--quiet", "add", "../part", "third")
    rev = origin.commit(a=b"1")
    part.commit(p=b"new")
    fetch_git([origin.url], rev, tmp_path / "alone")
    assert set(files(tmp_path / "alone")) == {"a", ".gitmodules"}
    fetch_git([origin.url], rev, tmp_path / "whole", submodules=True)
    assert files(tmp_path / "whole")["third/p"] == b"old"
    assert not list((tmp_path / "whole").rglob(".git"))


def test_the_next_address_is_tried_and_every_cause_is_listed(origin: Repository, tmp_path: Path) -> None:
    rev, nowhere = origin.commit(a=b"1"), f"file://{tmp_path}/nowhere"
    fetch_git([nowhere, origin.url], rev, tmp_path / "tree")
    assert files(tmp_path / "tree") == {"a": b"1"}
    with pytest.raises(GitFailed, match="cannot fetch the commit") as caught:
        fetch_git([nowhere, origin.url], "0" * 40, tmp_path / "other")
    assert [address for address, _ in caught.value.details] == [nowhere, origin.url]


def test_addresses_that_run_commands_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GitFailed, match="cannot fetch") as caught:
        fetch_git([f"ext::touch {tmp_path}/ran"], "0" * 40, tmp_path / "tree")
    assert "not allowed" in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_files_kept_outside_git_are_refused(origin: Repository, tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    rev = origin.commit(big=pointer)
    with pytest.raises(LargeFileStorage) as caught:
        fetch_git([origin.url], rev, tmp_path / "tree")
    assert ("file", "big") in caught.value.details


def test_a_fetch_can_be_cancelled(origin: Repository, tmp_path: Path) -> None:
    rev = origin.commit(a=b"1")
    with pytest.raises(GitFailed, match="cancelled"):
        fetch_git([origin.url], rev, tmp_path / "tree", cancelled=lambda: True)


def test_without_git_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitFailed, match="no git"):
        fetch_git(["https://x.example/r"], "0" * 40, tmp_path / "tree")
