"""Closures of a binary cache that stock Nix wrote, as the root of a build."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

import hermetica as hm
from hermetica.model import FetchWithoutHash, InvalidNixPath
from hermetica.realize.errors import FetchFailed, FixedOutputMismatch, InvalidInput
from hermetica_store.exchange import SecretKey

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(shutil.which("nix") is None, reason="Nix is not installed"),
]
SETTINGS = "extra-experimental-features = nix-command\nsandbox = false\nbuild-users-group =\nsubstituters =\n"


@attrs.frozen(kw_only=True)
class TheirCache:
    """A binary cache made by Nix: a static shell, and a script that refers to it."""

    directory: Path
    shell: str
    script: str
    key: SecretKey

    @property
    def url(self) -> str:
        return f"file://{self.directory}"


def _nix(directory: Path, *words: str) -> str:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("NIX", "XDG"))},
        "HOME": str(directory),
        "NIX_CONF_DIR": str(directory),
        "NIX_CONFIG": SETTINGS,
    }
    return subprocess.run(
        words, env=environment, capture_output=True, text=True, check=True, cwd=directory
    ).stdout.strip()


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> TheirCache:
    pytest.importorskip("cryptography", reason="the extra that signs is not installed")
    directory = tmp_path_factory.mktemp("nix")
    local = f"local?root={directory}/root"
    tools = directory / "tools" / "bin"
    tools.mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "/bin/busybox", tools / "busybox")
    (tools / "sh").symlink_to("busybox")
    shell = _nix(directory, "nix", "store", "add-path", "--store", local, "--name", "shell", str(tools.parent))
    script = _nix(
        directory, "nix", "eval", "--store", local, "--raw", "--impure", "--expr",
        f'builtins.toFile "greet" "#!${{builtins.storePath {shell}}}/bin/sh\\necho hello\\n"',
    )  # fmt: skip
    key = SecretKey.of_seed("theirs-1", bytes(range(32)))
    (directory / "secret").write_text(key.export())
    cache = directory / "cache"
    _nix(directory, "nix", "store", "sign", "--store", local, "--key-file", str(directory / "secret"), "-r", script)
    _nix(directory, "nix", "copy", "--from", local, "--to", f"file://{cache}", script)
    return TheirCache(directory=cache, shell=shell, script=script, key=key)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[hm.Store]:
    with hm.Store.open(tmp_path / "store-root") as opened:
        yield opened


def test_b23_a_signed_closure_is_at_home_in_a_build_and_fetched_once(
    store: hm.Store, theirs: TheirCache, tmp_path: Path
) -> None:
    key = str(theirs.key.public)
    with hm.evaluation():
        with pytest.raises(FixedOutputMismatch) as caught:
            store.realize(hm.fetchnix(theirs.script, cache=theirs.url, trusted_keys=[key], hash=hm.UNKNOWN))
        gone = f"file://{tmp_path}/gone"
        root = hm.fetchnix(theirs.script, cache=gone, trusted_keys=[key], blake3=caught.value.got.split()[-1])
        step = hm.derivation(
            name="step",
            builder=f"{theirs.shell}/bin/sh",
            args=["-euc", f"{theirs.shell}/bin/sh {theirs.script} > $out"],
            rootfs=root,
        )
        assert store.on_disk(store.realize(step).out).read_text() == "hello\n"
        place = store.on_disk(store.realize(root).out) / "nix" / "store"
    assert {path.name for path in place.iterdir()} == {Path(each).name for each in (theirs.shell, theirs.script)}


def refused(store: hm.Store, url: str, theirs: TheirCache, key: str | None = None) -> Exception:
    with hm.evaluation(), pytest.raises((InvalidInput, FetchFailed)) as caught:
        store.realize(
            hm.fetchnix(
                theirs.script, cache=url, trusted_keys=[key or str(theirs.key.public)], name="greet", hash=hm.UNKNOWN
            )
        )
    assert not [path for path in store.objects.paths() if path.name == "greet"]
    return caught.value


def test_what_no_trusted_key_has_signed_is_refused(store: hm.Store, theirs: TheirCache) -> None:
    stranger = str(SecretKey.of_seed("theirs-1", bytes(32)).public)
    assert "bears no signature of a trusted key" in str(refused(store, theirs.url, theirs, stranger))


@pytest.fixture
def altered(theirs: TheirCache, tmp_path: Path) -> Path:
    shutil.copytree(theirs.directory, tmp_path / "altered")
    return tmp_path / "altered"


def test_a_cache_that_was_altered_is_refused(store: hm.Store, theirs: TheirCache, altered: Path) -> None:
    info = altered / f"{Path(theirs.script).name[:32]}.narinfo"
    text = info.read_text()
    for old, new, what in [
        ("References: ", f"References: {'0' * 32}-more ", "bears no signature"),
        (f"StorePath: {theirs.script}", f"StorePath: {theirs.script}x", "it is about"),
        ("References: ", "References: ../../x ", "is no path of a Nix store"),
        ("URL: nar/", "URL: ../nar/", "leads elsewhere"),
    ]:
        assert old in text
        info.write_text(text.replace(old, new, 1))
        assert what in str(refused(store, f"file://{altered}", theirs))
    info.write_bytes(b"\xff")
    assert "not plain ASCII" in str(refused(store, f"file://{altered}", theirs))
    info.unlink()
    assert "cannot be had" in str(refused(store, f"file://{altered}", theirs))


def test_other_bytes_and_another_store_directory_are_refused(
    store: hm.Store, theirs: TheirCache, altered: Path
) -> None:
    for nar in (altered / "nar").iterdir():
        data = bytearray(nar.read_bytes())
        data[len(data) // 2] ^= 1
        nar.write_bytes(data)
    assert "hash mismatch" in str(refused(store, f"file://{altered}", theirs))
    (altered / "nix-cache-info").write_text("StoreDir: /gnu/store\n")
    assert "not of /nix/store" in str(refused(store, f"file://{altered}", theirs))


def test_paths_keys_and_a_hash_are_needed() -> None:
    path, key = f"/nix/store/{'0' * 32}-a", f"k:{'A' * 43}="
    with pytest.raises(FetchWithoutHash):
        hm.fetchnix(path, cache="https://example.org", trusted_keys=[key])
    for paths, keys in (([], [key]), (["/nix/store/a"], [key]), ([path], []), ([path], ["k:short"])):
        with pytest.raises(InvalidNixPath):
            hm.fetchnix(paths, cache="https://example.org", trusted_keys=keys, hash=hm.UNKNOWN)
