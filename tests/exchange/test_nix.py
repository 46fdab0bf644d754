"""Stock Nix reads our caches, agrees on every hash and refuses what it must; and the caches that it writes are read."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import attrs
import pytest

from hermetica_store.exchange import CacheDirectory, NarInfo, PublicKey, SecretKey, export_cache, import_cache
from tests.exchange.closures import Closure, whole

if TYPE_CHECKING:
    from pathlib import Path

    from hermetica_store import ObjectStore, StorePath

SETTINGS = "extra-experimental-features = nix-command\nsandbox = false\nbuild-users-group =\nsubstituters =\n"
pytestmark = pytest.mark.skipif(shutil.which("nix") is None, reason="Nix is not installed")


@attrs.frozen
class Nix:
    """Stock Nix with a home and a store of its own.

    Attributes:
        directory: where all of it lies.
    """

    directory: Path

    @property
    def cache(self) -> Path:
        """Of ours."""
        return self.directory / "cache"

    @property
    def local(self) -> str:
        """A store of Nix's own, for our store directory."""
        return f"local?root={self.directory}/nix&store=/hermetica/store"

    def place(self, path: StorePath) -> Path:
        """Where that store keeps an object."""
        return self.directory / "nix" / "nix" / "store" / path.base

    def __call__(self, *words: str, trusted: PublicKey | None = None, status: int = 0) -> str:
        """Runs Nix; what it says."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("NIX", "XDG"))},
            "HOME": str(self.directory),
            "NIX_CONF_DIR": str(self.directory),
            "NIX_CONFIG": f"{SETTINGS}trusted-public-keys = {trusted or ''}\n",
        }
        ended = subprocess.run(
            ["nix", *words], env=environment, capture_output=True, text=True, check=False, cwd=self.directory
        )
        assert (ended.returncode == 0) == (status == 0), ended.stdout + ended.stderr
        return ended.stdout + ended.stderr


@pytest.fixture
def nix(tmp_path: Path) -> Nix:
    (tmp_path / "for-nix").mkdir()
    return Nix(tmp_path / "for-nix")


@pytest.fixture
def key() -> SecretKey:
    pytest.importorskip("cryptography", reason="the extra that signs is not installed")
    return SecretKey.generate("test-1")


@pytest.fixture
def ours(nix: Nix, object_store: ObjectStore, closure: Closure, key: SecretKey) -> str:
    """A signed cache with the closure, as Nix names it."""
    export_cache(object_store, [closure.note, closure.apart], nix.cache, key=key)
    return f"file://{nix.cache}?store=/hermetica/store"


def test_nix_reads_and_verifies_a_signed_closure(
    nix: Nix, ours: str, object_store: ObjectStore, closure: Closure, key: SecretKey
) -> None:
    nix("store", "verify", "--store", ours, "-r", str(closure.note), str(closure.apart), trusted=key.public)
    nix("copy", "--from", ours, "--to", nix.local, str(closure.note), str(closure.apart), trusted=key.public)
    nix("store", "verify", "--store", nix.local, "--all", trusted=key.public)
    for path in (*closure.paths, closure.apart):
        assert nix("hash", "path", "--base16", str(nix.place(path))).strip() == object_store.nar(path).sha256.hex()
        references = nix("path-info", "--store", nix.local, "--json", str(path))
        assert all(f'"{each}"' in references for each in object_store.references(path))


def test_nix_agrees_on_the_hash_of_every_object(nix: Nix, object_store: ObjectStore, closure: Closure) -> None:
    for path in (*closure.paths, closure.apart):
        place = str(object_store.on_disk(path))
        assert nix("hash", "path", "--base16", place).strip() == object_store.nar(path).sha256.hex()


def test_nix_refuses_a_wrong_key(nix: Nix, ours: str, closure: Closure, key: SecretKey) -> None:
    wrong = SecretKey.generate(key.name).public
    copy = ("copy", "--from", ours, "--to", nix.local, str(closure.note))
    assert "lacks a" in nix(*copy, trusted=wrong, status=1)
    assert "lacks a" in nix(*copy, status=1)
    assert "untrusted" in nix("store", "verify", "--store", ours, "-r", str(closure.note), trusted=wrong, status=1)
    assert not nix.place(closure.library).exists()


def test_nix_refuses_a_flipped_byte(nix: Nix, ours: str, closure: Closure, key: SecretKey) -> None:
    info = CacheDirectory(nix.cache).narinfo(closure.apart)
    assert info is not None
    place = nix.cache / info.url
    data = bytearray(place.read_bytes())
    data[len(data) // 2] ^= 1
    place.write_bytes(data)
    nix("copy", "--from", ours, "--to", nix.local, str(closure.apart), trusted=key.public, status=1)
    assert not nix.place(closure.apart).exists()
    nix("store", "verify", "--store", ours, str(closure.apart), trusted=key.public, status=1)


def test_nix_refuses_a_narinfo_that_was_altered(nix: Nix, ours: str, closure: Closure, key: SecretKey) -> None:
    place = CacheDirectory(nix.cache).narinfo_path(closure.library)
    text = place.read_text()
    info = NarInfo.parse(text, "x")
    place.write_text(str(attrs.evolve(info, references=(closure.apart,))))
    said = nix("copy", "--from", ours, "--to", nix.local, str(closure.library), trusted=key.public, status=1)
    assert "lacks a" in said


@pytest.mark.parametrize("method", ["zstd", "xz", "none"])
def test_a_cache_that_nix_wrote_is_taken(
    method: str, nix: Nix, ours: str, other_store: ObjectStore, closure: Closure, key: SecretKey
) -> None:
    theirs = nix.directory / "theirs"
    target = f"file://{theirs}?store=/hermetica/store&compression={method}"
    nix("copy", "--from", ours, "--to", target, str(closure.note), trusted=key.public)
    with other_store.lease() as lease:
        added = import_cache(other_store, theirs, [closure.note], lease=lease, keys=[key.public]).added
    assert set(added) == closure.paths
    assert whole(other_store) == closure.paths


def test_keys_and_signatures_are_those_of_nix(
    nix: Nix, object_store: ObjectStore, closure: Closure, tmp_path: Path
) -> None:
    pytest.importorskip("cryptography", reason="the extra that signs is not installed")
    secret = nix("key", "generate-secret", "--key-name", "theirs-1")
    key = SecretKey.parse(secret)
    (tmp_path / "secret").write_text(secret)
    public = subprocess.run(
        ["nix", "--extra-experimental-features", "nix-command", "key", "convert-secret-to-public"],
        input=secret,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HOME": str(tmp_path)},
    ).stdout
    assert public.strip() == str(key.public)
    export_cache(object_store, [closure.app], nix.cache)
    ours = f"file://{nix.cache}?store=/hermetica/store"
    nix("copy", "--no-check-sigs", "--from", ours, "--to", nix.local, str(closure.app))
    nix("store", "sign", "--store", nix.local, "--key-file", str(tmp_path / "secret"), "-r", str(closure.app))
    nix("copy", "--from", nix.local, "--to", f"file://{nix.directory}/theirs?store=/hermetica/store", str(closure.app))
    for path in (closure.app, closure.library):
        info = CacheDirectory(nix.directory / "theirs").narinfo(path)
        assert info is not None
        assert info.signatures == (key.sign(info.fingerprint),)
