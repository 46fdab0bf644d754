"""Go modules: what go.sum says, and module proxies on loopback that serve real zips of modules."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.fetch import DownloadFailed, Mirrors, NoMirror
from hermetica.fetch.go_proxy import GoSettings, escaped, parse_go, unescaped
from hermetica.fetch.lock import Group, Lock
from hermetica.fetch.locking.foreign import ForeignLockError
from hermetica.fetch.locking.go import GoSumMismatch
from hermetica.fetch.locking.go_sum import h1_of, parse_go_sum, refuse_missing
from hermetica.fetch.locking.request import LockOutdated, check_lock, make_group
from hermetica.fetch.system import SystemMirrors
from hermetica.fetch.tool_defaults import go_proxy
from tests.fetch.servers import HURRIED, Server, whole

if TYPE_CHECKING:
    from pathlib import Path

MODULE = "github.com/BurntSushi/toml"
ESCAPED = "github.com/!burnt!sushi/toml"
GO_MOD = b"module github.com/BurntSushi/toml\n"
H1 = "h1:" + "A" * 43 + "="


def module_zip(files: dict[str, bytes], version: str = "v1.2.0") -> bytes:
    """A zip as ``go mod download`` makes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(f"{MODULE}@{version}/{name}"), data)
    return buffer.getvalue()


FILES = {"go.mod": GO_MOD, "toml.go": b"package toml\n", "internal/a.go": b"package internal\n"}


def sum_of(files: dict[str, bytes] = FILES, version: str = "v1.2.0") -> str:
    """The lines of a go.sum for the module."""
    hashes = {f"{MODULE}@{version}/{name}": hashlib.sha256(data).hexdigest() for name, data in files.items()}
    go_mod = h1_of({"go.mod": hashlib.sha256(files["go.mod"]).hexdigest()})
    return f"{MODULE} {version} {h1_of(hashes)}\n{MODULE} {version}/go.mod {go_mod}\n"


def serve(server: Server, zipped: bytes, go_mod: bytes = GO_MOD, version: str = "v1.2.0") -> None:
    server.add(f"/go/{ESCAPED}/@v/{version}.zip", whole(zipped))
    server.add(f"/go/{ESCAPED}/@v/{version}.mod", whole(go_mod))


def mirrors(tmp_path: Path, **environ: str) -> Mirrors:
    return Mirrors(
        system=SystemMirrors(
            environ={"HOME": os.fspath(tmp_path), **environ},
            apt_directory=tmp_path / "no-apt",
            system_directory=tmp_path / "no-etc",
        )
    )


def locked(tmp_path: Path, proxy: str, text: str) -> Group:
    (tmp_path / "go.sum").write_text(text)
    request = {"go-sum": ("go.sum",)}
    return make_group("go", request, base=tmp_path, mirrors=mirrors(tmp_path, GOPROXY=proxy), patience=HURRIED)


@pytest.mark.parametrize(
    ("text", "h1"),
    [
        ('module "rsc.io/quote"\n\nrequire "rsc.io/sampler" v1.3.0\n', "LzX7hefJvL54yjefDEDHNONDjII0t9xZLPXsUe+TKr0="),
        ("module github.com/davecgh/go-spew\n", "J7Y8YcW2NihsgmVo/mv3lAwl/skON4iLHjSsI+c5H38="),
        ("module github.com/pmezard/go-difflib\n", "iKH77koFhYxTK1pcRnkKkqfTogsbg7gZNVY4sRDYZ/4="),
    ],
)
def test_the_hash_is_that_of_go_for_modules_everybody_knows(text: str, h1: str) -> None:
    assert h1_of({"go.mod": hashlib.sha256(text.encode()).hexdigest()}) == f"h1:{h1}"


def test_modules_are_pinned_by_their_bytes_once_go_s_hash_is_right(server: Server, tmp_path: Path) -> None:
    zipped = module_zip(FILES)
    serve(server, zipped)
    group = locked(tmp_path, f"{server.url}/go,direct", sum_of())
    module, go_mod = group.pin(MODULE, kind="go"), group.pin(MODULE, kind="go-mod")
    assert (module.version, module.hash) == ("v1.2.0", hashlib.sha256(zipped).hexdigest())
    assert module.addresses == (f"mirror://go/{ESCAPED}/@v/v1.2.0.zip",)
    assert module.fetch().name == "github.com-BurntSushi-toml-v1.2.0.zip"
    assert (go_mod.hash, go_mod.size_bytes) == (hashlib.sha256(GO_MOD).hexdigest(), len(GO_MOD))
    assert Lock.parse(Lock((group,)).text()) == Lock((group,))


def test_the_next_proxy_is_asked_and_without_any_that_is_said(server: Server, tmp_path: Path) -> None:
    serve(server, module_zip(FILES))
    assert len(locked(tmp_path, f"{server.url}/empty|{server.url}/go", sum_of()).pins) == 2
    with pytest.raises(DownloadFailed):
        locked(tmp_path, f"{server.url}/empty", sum_of())
    for none in ("off", "direct", f"direct,{server.url}/go"):
        with pytest.raises(NoMirror, match="GOPROXY names no proxy") as caught:
            locked(tmp_path, none, sum_of())
        assert "HERMETICA_MIRROR_GO=" in str(caught.value.hint)


def test_a_proxy_that_gives_another_module_is_refused_with_both_hashes(server: Server, tmp_path: Path) -> None:
    serve(server, module_zip({**FILES, "toml.go": b"package evil\n"}))
    with pytest.raises(GoSumMismatch) as caught:
        locked(tmp_path, f"{server.url}/go", sum_of())
    assert caught.value.expected == sum_of().split()[2]
    assert caught.value.got.startswith("h1:")
    serve(server, module_zip(FILES), GO_MOD + b"\n")
    with pytest.raises(GoSumMismatch):
        locked(tmp_path, f"{server.url}/go", sum_of())


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_what_is_no_zip_of_a_module_is_refused(server: Server, tmp_path: Path) -> None:
    honest = module_zip(FILES)
    twice = io.BytesIO(honest)
    with zipfile.ZipFile(twice, "a") as archive:
        archive.writestr(f"{MODULE}@v1.2.0/toml.go", "package other\n")
    broken = module_zip({**FILES, "a\nb": b""})
    flipped = bytearray(honest)
    flipped[honest.index(b"go.mod") + 8] ^= 0xFF
    for data in (b"<html>", honest[:-30], twice.getvalue(), broken, bytes(flipped)):
        serve(server, data)
        with pytest.raises(GoSumMismatch):
            locked(tmp_path, f"{server.url}/go", sum_of())


def test_a_lock_says_without_a_network_that_go_sum_is_another(server: Server, tmp_path: Path) -> None:
    serve(server, module_zip(FILES))
    lock = tmp_path / "hermetica.lock"
    Lock.update(lock, locked(tmp_path, f"{server.url}/go", sum_of()))
    asked = len(server.requests)
    assert check_lock(lock, mirrors=mirrors(tmp_path))[1] == 1
    (tmp_path / "go.sum").write_text(sum_of() + f"example.org/a v1.0.0 {H1}\n")
    with pytest.raises(LockOutdated, match=r"another go\.sum"):
        check_lock(lock, mirrors=mirrors(tmp_path))
    assert len(server.requests) == asked


# go.sum and go.mod


@pytest.mark.parametrize(
    "line",
    [
        "example.org/a v1.0.0",
        f"example.org/a v1.0.0 {H1} more",
        f"example.org/a 1.0 {H1}",
        f"example.org/../a v1.0.0 {H1}",
        f"/a v1.0.0 {H1}",
        f"a//b v1.0.0 {H1}",
        f"a v1.0.0/../../x {H1}",
        "a v1.0.0 h1:AAAA",
        "a v1.0.0 h1:%%%",
        f"a v1.0.0 {H1.replace('h1', 'h2')}",
        f"a v1.0.0 {H1}\na v1.0.0 {H1.replace('A', 'B', 1)}",
    ],
)
def test_what_is_no_go_sum_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(ForeignLockError) as caught:
        parse_go_sum(f"\n{line}\n", "go.sum")
    assert (caught.value.origin or "").startswith("go.sum:")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        sums = parse_go_sum(text, "go.sum")
        refuse_missing(text, sums, "go.mod")
    except ForeignLockError:
        return
    assert all(".." not in each.address.split("/") for each in sums)


def test_a_go_sum_behind_its_go_mod_is_refused(tmp_path: Path) -> None:
    sums = parse_go_sum(f"a.example/x v1.0.0 {H1}\nb.example/y v2.0.0 {H1}\n", "go.sum")
    fine = """
        module m
        go 1.21
        require a.example/x v1.0.0
        require (
            "c.example/z" v3.0.0 // indirect
            d.example/local v0.0.0
        )
        replace c.example/z => b.example/y v2.0.0
        replace d.example/local v0.0.0 => ../d
    """
    refuse_missing(fine, sums, "go.mod")
    with pytest.raises(ForeignLockError, match=r"requires a\.example/x v1\.0\.1"):
        refuse_missing(fine.replace("x v1.0.0", "x v1.0.1"), sums, "go.mod")
    for broken in ("require a", "replace a b", "require (\na v1.0.0"):
        with pytest.raises(ForeignLockError):
            refuse_missing(broken, sums, "go.mod")


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="!"), max_size=40))
def test_capitals_survive_the_way_to_a_proxy_and_back(path: str) -> None:
    assert unescaped(escaped(path)) == path
    assert escaped(path) == escaped(path).lower()


# Where proxies are


def test_variables_win_over_what_go_env_wrote(tmp_path: Path) -> None:
    (tmp_path / ".config" / "go").mkdir(parents=True)
    (tmp_path / ".config" / "go" / "env").write_text("# c\nGOPROXY=https://file.example/\nGOPRIVATE=*.corp.example\n")
    found = mirrors(tmp_path).system.go_settings()
    assert found == GoSettings(proxies=("https://file.example",), private=("*.corp.example",))
    assert mirrors(tmp_path, GOPROXY="https://v.example").system.go_settings().proxies == ("https://v.example",)
    assert mirrors(tmp_path, GOENV="off").system.go_settings() == GoSettings(takes_default=True)
    (tmp_path / "other").write_text("GOPROXY=https://other.example\n")
    assert mirrors(tmp_path, GOENV=f"{tmp_path}/other").system.go_settings().proxies == ("https://other.example",)


def test_a_private_module_is_never_asked_of_a_proxy(tmp_path: Path) -> None:
    some = mirrors(tmp_path, GOPROXY="https://v.example", GOPRIVATE="corp.example/Secret,*.internal")
    for path in ("corp.example/!secret/deep/@v/v1.0.0.zip", "git.internal/x/@v/v1.0.0.zip"):
        with pytest.raises(NoMirror, match="GOPRIVATE keeps it"):
            some.resolve(f"mirror://go/{path}")
    url = "mirror://go/corp.example/open/@v/v1.0.0+incompatible.zip"
    assert some.resolve(url) == ("https://v.example/corp.example/open/@v/v1.0.0+incompatible.zip",)
    assert parse_go("", {"GOPRIVATE": "a", "GONOPROXY": "none"}).private == ()


def test_go_tells_its_own_proxy_where_none_is_set(tmp_path: Path) -> None:
    tool = tmp_path / "go"
    tool.write_text("#!/bin/sh\necho https://proxy.example,direct\n")
    tool.chmod(0o755)
    assert mirrors(tmp_path, PATH=os.fspath(tmp_path)).resolve("mirror://go/a/@v/v1.0.0.zip") == (
        "https://proxy.example/a/@v/v1.0.0.zip",
    )
    assert go_proxy({}) is None
