"""Commits from real git servers on loopback: how little is asked for, submodules of every kind, pins."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.fetch import Mirrors
from hermetica.fetch.clone import GitFailed, LargeFileStorage, fetch_git, resolve_ref
from hermetica.fetch.lock import Group, LockError
from hermetica.fetch.locking.request import make_group
from hermetica.fetch.system import SystemMirrors
from hermetica_store import hash_tree
from tests.fetch.git_servers import Repository, SmartServer, dumb_server, git_daemon, repository, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(shutil.which("git") is None, reason="no git here"),
    pytest.mark.usefixtures("bare_environment"),
]


@pytest.fixture
def smart(tmp_path: Path) -> Iterator[tuple[SmartServer, str]]:
    server = SmartServer(tmp_path / "served")
    with serving(server) as url:
        yield server, url


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    return repository(tmp_path / "served" / "origin")


def files(tree: Path) -> dict[str, bytes]:
    return {path.relative_to(tree).as_posix(): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def locked(tmp_path: Path, **request: str) -> Group:
    mirrors = Mirrors(system=SystemMirrors(environ={}, apt_directory=tmp_path / "no", system_directory=tmp_path / "no"))
    return make_group("g", {key: (value,) for key, value in request.items()}, base=tmp_path, mirrors=mirrors)


def test_of_a_long_history_only_the_commit_is_sent(
    origin: Repository, smart: tuple[SmartServer, str], tmp_path: Path
) -> None:
    server, url = smart
    first = origin.commit(big=os.urandom(3 << 20))
    (origin.path / "big").unlink()
    origin.commit(a=b"1")
    middle = origin.commit(a=b"2")
    origin.commit(big=os.urandom(3 << 20))
    fetch_git([f"{url}/origin"], middle, tmp_path / "tree")  # at no branch's end
    assert files(tmp_path / "tree") == {"a": b"2"}
    assert server.sent_bytes < 100_000
    fetch_git([f"{url}/origin"], first, tmp_path / "first")
    assert server.sent_bytes > 3 << 20


def test_a_server_that_knows_nothing_of_git_gives_a_commit_by_all_it_has(origin: Repository, tmp_path: Path) -> None:
    origin.commit(a=b"1")
    rev = origin.commit(a=b"2")
    origin.commit(a=b"3")
    origin.git("update-server-info")
    with serving(dumb_server(tmp_path / "served")) as url:
        fetch_git([f"{url}/origin/.git"], rev, tmp_path / "tree")
    assert files(tmp_path / "tree") == {"a": b"2"}


def test_submodules_within_submodules_come_by_addresses_relative_to_their_parents(
    origin: Repository, smart: tuple[SmartServer, str], tmp_path: Path
) -> None:
    inner = repository(tmp_path / "served" / "deep" / "inner")
    inner.commit(i=b"inner")
    part = repository(tmp_path / "served" / "deep" / "part")
    part.git("submodule", "--quiet", "add", "../inner", "in/ner")
    part.commit(p=b"part")
    origin.git("submodule", "--quiet", "add", "../deep/part", "third party/part")
    rev = origin.commit(a=b"1")
    expected = {"a": b"1", "third party/part/p": b"part", "third party/part/in/ner/i": b"inner"}
    with git_daemon(tmp_path / "served") as daemon:
        for number, url in enumerate((f"{smart[1]}/origin", f"{daemon}/origin", origin.url)):
            fetch_git([url], rev, tmp_path / str(number), submodules=True)
            found = files(tmp_path / str(number))
            assert {name: data for name, data in found.items() if not name.endswith(".gitmodules")} == expected
            assert not [path for path in (tmp_path / str(number)).rglob("*") if path.name.startswith(".git-")]


def test_a_pin_of_a_branch_moves_with_it_and_one_of_a_commit_stays(
    origin: Repository, smart: tuple[SmartServer, str], tmp_path: Path
) -> None:
    url = f"{smart[1]}/origin"
    first = origin.commit(a=b"1")
    origin.git("tag", "-a", "-m", "x", "v1")
    group = locked(tmp_path, git=url, ref="main")
    pin = group.pin("origin")
    assert (pin.version, dict(pin.facts)) == (first[:12], {"rev": first})
    second = origin.commit(a=b"2")
    mirrors = Mirrors()
    assert make_group("g", group.request, base=tmp_path, mirrors=mirrors).pins[0].version == second[:12]
    assert locked(tmp_path, git=url).pins[0].version == second[:12]
    assert locked(tmp_path, git=url, rev=first).pins == locked(tmp_path, git=url, ref="v1").pins == (pin,)


def test_a_pin_is_of_the_tree_that_a_fetch_gives(
    origin: Repository, smart: tuple[SmartServer, str], tmp_path: Path
) -> None:
    part = repository(tmp_path / "served" / "part")
    part.commit(p=b"part")
    origin.git("submodule", "--quiet", "add", "../part", "part")
    (origin.path / "link").symlink_to("tool")
    (origin.path / "tool").write_bytes(b"#!/bin/sh\n")
    (origin.path / "tool").chmod(0o755)
    rev = origin.commit()
    for more in ({}, {"submodules": "1"}):
        pin = locked(tmp_path, git=f"{smart[1]}/origin", **more).pins[0]
        with hm.Store.open(tmp_path / "store") as store:
            path = store.on_disk(store.realize(pin.fetch()).out)
        assert hash_tree(path).tree.hex == pin.hash
        assert (path / "part" / "p").exists() == bool(more)
        assert dict(pin.facts) == {"rev": rev, **more}


def test_a_repository_of_sha256_objects_is_pinned_too(tmp_path: Path) -> None:
    modern = repository(tmp_path / "served" / "modern", object_format="sha256")
    rev = modern.commit(a=b"1")
    assert len(rev) == 64
    with git_daemon(tmp_path / "served") as url:
        assert dict(locked(tmp_path, git=f"{url}/modern", ref="main").pins[0].facts) == {"rev": rev}


def test_what_is_no_ref_is_told_with_what_there_is(origin: Repository, tmp_path: Path) -> None:
    rev = origin.commit(a=b"1")
    origin.git("branch", "both")
    origin.git("tag", "both")
    assert resolve_ref([origin.url], "both") == rev  # they agree
    origin.commit(a=b"2")
    origin.git("tag", "--force", "both")
    with pytest.raises(GitFailed, match="a branch and a tag") as caught:
        resolve_ref([origin.url], "both")
    assert "refs/tags/both" in str(caught.value.hint)
    assert resolve_ref([origin.url], "refs/heads/both") == rev
    with pytest.raises(GitFailed, match="has no mian") as caught:
        resolve_ref([origin.url], "mian")
    assert "main" in str(caught.value)
    with pytest.raises(GitFailed, match="cannot ask"):
        resolve_ref([f"file://{tmp_path}/nowhere"], "main")


@pytest.mark.parametrize("url", ["git@host.example:a/b.git", "../repository", "https://x.example/", "http://[::1/x"])
def test_what_is_no_address_of_a_repository_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(LockError, match="no address of a repository"):
        locked(tmp_path, git=url)


def test_a_commit_that_is_cut_short_is_refused(origin: Repository, tmp_path: Path) -> None:
    with pytest.raises(LockError, match="not the whole id"):
        locked(tmp_path, git=origin.url, rev=origin.commit(a=b"1")[:10])


def test_files_of_lfs_are_named_where_a_commit_is_pinned(origin: Repository, tmp_path: Path) -> None:
    origin.commit(big=b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    with pytest.raises(LargeFileStorage) as caught:
        locked(tmp_path, git=origin.url)
    assert ("file", "big") in caught.value.details
    assert "hm.fetchurl" in str(caught.value.hint)


def test_attributes_of_the_commit_mean_the_same_for_everybody(origin: Repository, tmp_path: Path) -> None:
    (origin.path / ".gitattributes").write_text("a.txt export-subst\nb.txt export-ignore\nc.up filter=upper\n")
    origin.git("config", "filter.upper.smudge", "tr a-z A-Z")
    rev = origin.commit(**{"a.txt": b"$Format:%H$\n", "b.txt": b"b", "c.up": b"small"})
    fetch_git([origin.url], rev, tmp_path / "tree")
    found = files(tmp_path / "tree")
    assert (found["a.txt"], found["b.txt"], found["c.up"]) == (b"$Format:%H$\n", b"b", b"small")
