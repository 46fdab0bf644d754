"""Locking Debian packages: a real archive with a real signature, read from a mirror that is trusted with nothing."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from hermetica.fetch import DownloadFailed, HashMismatch
from hermetica.fetch.debian_release import UntrustedIndex
from hermetica.fetch.debian_resolve import UnresolvedPackages
from hermetica.fetch.lock_debian import lock_debian, lock_debian_group, verified_text
from tests.fetch.debian_archive import Archive, Key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    shutil.which("gpg") is None or shutil.which("gpgv") is None, reason="not installed: gpg, gpgv"
)

PACKAGES = f"""Package: hello
Version: 2.10-3
Depends: libc6 (>= 2.34)
Filename: pool/main/h/hello/hello_2.10-3_amd64.deb
Size: 53
SHA256: {"1" * 64}

Package: libc6
Version: 2.36-9
Filename: pool/main/g/glibc/libc6_2.36-9_amd64.deb
Size: 99
SHA256: {"2" * 64}
"""
SOURCES = f"""Package: hello
Version: 2.10-3
Directory: pool/main/h/hello
Checksums-Sha256:
 {"3" * 64} 17 hello_2.10-3.dsc
 {"4" * 64} 72 hello_2.10.orig.tar.gz
"""


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Key]:
    key = Key.make(tmp_path_factory.mktemp("key") / "k")
    yield key
    key.stop()


@pytest.fixture
def archive(tmp_path: Path, key: Key) -> Archive:
    archive = Archive(tmp_path / "mirror", key)
    archive.publish(packages=PACKAGES, sources=SOURCES)
    return archive


def test_packages_and_sources_are_pinned_by_what_the_signed_indices_say(archive: Archive, key: Key) -> None:
    pins = lock_debian("stable", ["hello"], sources=["hello"], mirrors=archive, keyring=key.keyring)
    assert [(pin.kind, pin.name, pin.version, pin.hash[0], pin.size_bytes, pin.file_name) for pin in pins] == [
        ("debian", "hello", "2.10-3", "1", 53, "hello_2.10-3_amd64.deb"),
        ("debian", "libc6", "2.36-9", "2", 99, "libc6_2.36-9_amd64.deb"),
        ("debian-source", "hello", "2.10-3", "4", 72, "hello_2.10.orig.tar.gz"),
    ]
    assert {address.partition("/pool/")[0] for pin in pins for address in pin.addresses} == {"mirror://debian"}
    assert all("example" not in url and url.startswith("mirror://debian/dists/stable/") for url in archive.asked)


def test_a_group_keeps_what_was_asked_for(archive: Archive, key: Key) -> None:
    group = lock_debian_group("greet", "stable", ["hello"], mirrors=archive, keyring=key.keyring)
    assert group.request == {"packages": ("hello",), "suite": ("stable",)}
    assert [pin.name for pin in group.pins] == ["hello", "libc6"]


@pytest.mark.parametrize("endings", [(".gz",), ("",), (".xz", ".gz", "")])
def test_whatever_form_the_release_lists_is_read(archive: Archive, key: Key, endings: tuple[str, ...]) -> None:
    archive.publish(packages=PACKAGES, endings=endings)
    assert len(lock_debian("stable", ["hello"], mirrors=archive, keyring=key.keyring)) == 2


def test_a_form_that_the_mirror_lacks_is_passed_over(archive: Archive, key: Key) -> None:
    index = archive.root / "dists/stable/main/binary-amd64/Packages"
    index.with_name("Packages.xz").unlink()
    assert len(lock_debian("stable", ["hello"], mirrors=archive, keyring=key.keyring)) == 2
    index.unlink()
    with pytest.raises(DownloadFailed):
        lock_debian("stable", ["hello"], mirrors=archive, keyring=key.keyring)


def test_indices_are_taken_from_under_their_hashes_where_the_archive_has_them(archive: Archive, key: Key) -> None:
    archive.publish(packages=PACKAGES, fields="Suite: stable\nAcquire-By-Hash: yes\n")
    lock_debian("stable", ["hello"], mirrors=archive, keyring=key.keyring)
    assert "/by-hash/SHA256/" in archive.asked[1]


def test_a_strangers_signature_is_refused(archive: Archive, tmp_path: Path) -> None:
    stranger = Key.make(tmp_path / "stranger")
    stranger.stop()
    with pytest.raises(UntrustedIndex, match="no good signature") as caught:
        lock_debian("stable", ["hello"], mirrors=archive, keyring=stranger.keyring)
    assert any("public key" in text for _, text in caught.value.details)


def test_an_altered_release_is_refused(archive: Archive, key: Key) -> None:
    release = archive.root / "dists/stable/InRelease"
    release.write_text(release.read_text().replace("Codename: test", "Codename: best"))
    with pytest.raises(UntrustedIndex, match="no good signature"):
        lock_debian("stable", ["hello"], mirrors=archive, keyring=key.keyring)


def test_what_stands_outside_the_signature_is_not_read(archive: Archive, key: Key) -> None:
    signed = (archive.root / "dists/stable/InRelease").read_bytes()
    assert "Suite: stable" in verified_text(signed, key.keyring)
    try:
        text = verified_text(b"Suite: evil\n\n" + signed + b"\nSuite: evil\n", key.keyring)
    except UntrustedIndex:
        return
    assert "evil" not in text


def test_an_altered_index_is_refused(archive: Archive, key: Key) -> None:
    for index in (archive.root / "dists/stable/main/binary-amd64").iterdir():
        data = index.read_bytes()
        index.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(HashMismatch):
        lock_debian("stable", ["hello"], mirrors=archive, keyring=key.keyring)


def test_a_release_that_has_run_out_is_refused(archive: Archive, key: Key) -> None:
    archive.publish(packages=PACKAGES, fields="Suite: stable\nValid-Until: Mon, 01 Jan 2024 00:00:00 UTC\n")
    with pytest.raises(UntrustedIndex, match="valid until 2024-01-01"):
        lock_debian("stable", ["hello"], mirrors=archive, keyring=key.keyring)


def test_another_suite_than_asked_for_is_refused(archive: Archive, key: Key) -> None:
    archive.publish(packages=PACKAGES, fields="Suite: unstable\n")
    with pytest.raises(UntrustedIndex, match="calls itself test, unstable"):
        lock_debian("stable", ["hello"], mirrors=archive, keyring=key.keyring)


def test_a_source_package_that_is_not_there_is_an_error(archive: Archive, key: Key) -> None:
    with pytest.raises(UnresolvedPackages, match="no source package 'zlib'"):
        lock_debian("stable", [], sources=["zlib"], mirrors=archive, keyring=key.keyring)


def test_a_keyring_that_is_not_there_is_an_error_with_the_way_out(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(UntrustedIndex, match="no keyring") as caught:
        lock_debian("stable", ["hello"], mirrors=archive, keyring=tmp_path / "none.gpg")
    assert "debian-archive-keyring" in str(caught.value.hint)


def test_without_gpgv_nothing_is_trusted(archive: Archive, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UntrustedIndex, match="no gpgv"):
        lock_debian("stable", ["hello"], mirrors=archive, keyring=key.keyring)
