"""Hostile repositories: nothing is written outside the tree, no command is run, no file of this machine is read."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.fetch.clone import GitFailed, fetch_git, resolve_ref
from hermetica.fetch.git_modules import HostileTree, join_address, submodule_addresses, submodules_of
from hermetica.fetch.git_program import is_remote
from tests.fetch.git_servers import Repository, SmartServer, repository, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(shutil.which("git") is None, reason="no git here"),
    pytest.mark.usefixtures("bare_environment"),
]


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    return repository(tmp_path / "served" / "origin")


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with serving(SmartServer(tmp_path / "served")) as address:
        yield f"{address}/origin"


def modules(url: str, path: str = "part", name: str = "part") -> bytes:
    return f'[submodule "{name}"]\n\tpath = {path}\n\turl = {url}\n'.encode()


@pytest.mark.parametrize(
    "address",
    [
        "ext::sh -c touch% RAN",
        "x@ext::sh -c touch% RAN",
        "--upload-pack=touch RAN",
        "--upload-pack=touch RAN @x:y",
        "-uRAN@x:y",
        "fd::17",
        "file:///SECRET",
        "/SECRET",
        "SECRET",
        "../../../../../../etc",
        "ssh://-oProxyCommand=touch RAN/x",
    ],
)
def test_a_submodule_can_neither_run_a_command_nor_read_this_machine(
    address: str, origin: Repository, url: str, tmp_path: Path
) -> None:
    secret = repository(tmp_path / "secret")
    commit = secret.commit(s=b"secret")
    address = address.replace("RAN", os.fspath(tmp_path / "ran")).replace("/SECRET", os.fspath(secret.path))
    rev = origin.commit_tree(
        ("100644", origin.blob(modules(f'"{address}"')), ".gitmodules"),
        ("160000", commit, "part"),
    )
    with pytest.raises(GitFailed):
        fetch_git([url], rev, tmp_path / "tree", submodules=True)
    assert not (tmp_path / "ran").exists()
    assert not list((tmp_path / "tree").rglob("s"))


@pytest.mark.parametrize("name", [".git", ".GIT", "..", ".", "a/../../x", "/x"])
def test_a_name_that_no_commit_may_have_is_refused(name: str, origin: Repository, url: str, tmp_path: Path) -> None:
    for mode in ("100644", "120000"):
        rev = origin.commit_tree((mode, origin.blob(b"/tmp"), name))
        with pytest.raises(GitFailed):
            fetch_git([url], rev, tmp_path / mode)
        assert not list((tmp_path / mode).iterdir())


def test_a_submodule_below_a_link_is_refused(origin: Repository, url: str, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    part = repository(tmp_path / "served" / "part")
    commit = part.commit(p=b"p")
    inner = origin.git("mktree", "--missing", data=f"160000 commit {commit}\tb\n".encode())
    link = origin.blob(os.fsencode(tmp_path / "outside"))
    rev = origin.commit_tree(
        ("100644", origin.blob(modules("../part", "a/b")), ".gitmodules"), ("120000", link, "a"), ("40000", inner, "a")
    )
    with pytest.raises(GitFailed):
        fetch_git([url], rev, tmp_path / "tree", submodules=True)
    assert not list((tmp_path / "outside").iterdir())


def test_a_submodule_whose_name_leads_out_is_refused(origin: Repository, url: str, tmp_path: Path) -> None:
    commit = repository(tmp_path / "served" / "part").commit(p=b"p")
    gitmodules = origin.blob(modules("../part", name="../../x"))
    rev = origin.commit_tree(("100644", gitmodules, ".gitmodules"), ("160000", commit, "part"))
    with pytest.raises(GitFailed, match="hostile"):
        fetch_git([url], rev, tmp_path / "tree", submodules=True)


def test_gitmodules_that_is_a_link_or_includes_another_file_is_not_followed(
    origin: Repository, url: str, tmp_path: Path
) -> None:
    commit = repository(tmp_path / "served" / "part").commit(p=b"p")
    (tmp_path / "elsewhere").write_bytes(modules("../part"))
    include = f"[include]\n\tpath = {tmp_path}/elsewhere\n".encode()
    for number, entry in enumerate(
        [
            ("120000", origin.blob(os.fsencode(tmp_path / "elsewhere")), ".gitmodules"),
            ("100644", origin.blob(include), ".gitmodules"),
        ]
    ):
        rev = origin.commit_tree(entry, ("160000", commit, "part"))
        with pytest.raises(GitFailed):
            fetch_git([url], rev, tmp_path / str(number), submodules=True)


def test_submodules_that_hold_themselves_end(origin: Repository, url: str, tmp_path: Path) -> None:
    """No commit can hold its own id, but a chain of commits of one repository can be as long as somebody wants."""
    rev = origin.commit(a=b"1")
    for _ in range(20):
        gitmodules = origin.blob(modules("./", "s", "s"))
        rev = origin.commit_tree(("100644", gitmodules, ".gitmodules"), ("160000", rev, "s"))
    with pytest.raises(GitFailed, match="16 deep"):
        fetch_git([url], rev, tmp_path / "tree", submodules=True)


def test_an_address_that_looks_like_an_option_is_refused(tmp_path: Path) -> None:
    for address in (f"--upload-pack=touch {tmp_path}/ran", "-x", "https://x.example/\n--x"):
        with pytest.raises(GitFailed, match="no address"):
            fetch_git([address], "0" * 40, tmp_path / address[:2])
        with pytest.raises(GitFailed, match="no address"):
            resolve_ref([address], "main")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("parent", "address", "joined"),
    [
        ("https://h.example/a/b", "../c", "https://h.example/a/c"),
        ("https://h.example/a/b.git/", "./c", "https://h.example/a/b.git/c"),
        ("git://h.example/a/b", "../../c/d", "git://h.example/c/d"),
        ("ssh://u@h.example/a/b", "../c", "ssh://u@h.example/a/c"),
        ("u@h.example:a/b", "../c", "u@h.example:a/c"),
        ("u@h.example:b", "../c", "u@h.example:c"),
        ("file:///a/b", "../c", "file:///a/c"),
        ("https://h.example/a", "https://other.example/x", "https://other.example/x"),
    ],
)
def test_relative_addresses_are_joined_as_git_does(parent: str, address: str, joined: str) -> None:
    assert join_address(parent, address) == joined


def test_a_relative_address_cannot_leave_its_host() -> None:
    for address in ("../../x", "../../../../x"):
        with pytest.raises(HostileTree):
            join_address("https://h.example/a", address)


@given(st.text(alphabet="./ab:@-", max_size=30))
def test_a_submodule_of_a_server_is_on_a_server_or_refused(address: str) -> None:
    try:
        joined = join_address("https://h.example/a/b", address)
    except HostileTree:
        return
    assert joined == address or joined.startswith("https://h.example/")
    assert not is_remote(joined) or not joined.startswith("-")


@given(st.binary(max_size=200))
def test_any_listing_is_read_or_refused(listing: bytes) -> None:
    try:
        found = submodules_of(listing)
        submodule_addresses(listing)
    except HostileTree:
        return
    assert all(".." not in each.path.split("/") for each in found)
