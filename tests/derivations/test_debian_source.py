"""Debian's source packages: real ones, made by ``dpkg-source``, come out as ``dpkg-source -x`` unpacks them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.fetch.debian_index import SourceIndex
from hermetica.fetch.lock_debian import source_pins
from hermetica.realize.errors import RealizeError
from hermetica_derivations.debian_source import debian_source
from tests.fetch.archives import tree
from tests.fetch.debian_archive import Content, deb_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("dpkg-source", "patch", "ldd"))), reason="no dpkg-source, patch or ldd here"
)

CHANGELOG = "thing ({}) unstable; urgency=low\n\n  * x\n\n -- T <t@example.org>  Thu, 01 Jan 2015 00:00:00 +0000\n"
CONTROL = """\
Source: thing
Maintainer: T <t@example.org>
Standards-Version: 4.6.2

Package: thing
Architecture: all
Description: a thing
 of no use
"""
FIRST = "--- a/file\n+++ b/file\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n"
SECOND = """\
Description: changes what the first one made, makes a file, and removes one
--- a/file
+++ b/file
@@ -1,3 +1,3 @@
 one
-TWO
+two again
 three
--- /dev/null
+++ b/new/file
@@ -0,0 +1 @@
+new
--- a/old
+++ /dev/null
@@ -1 +0,0 @@
-old
"""


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def packaging(source_format: str, version: str, **more: str) -> dict[str, str]:
    files = {"changelog": CHANGELOG.format(version), "control": CONTROL, "rules": "#!/usr/bin/make -f\n", **more}
    return {**{f"debian/{name}": text for name, text in files.items()}, "debian/source/format": f"{source_format}\n"}


def packed(where: Path, name: str, tree: Path) -> None:
    subprocess.run(["tar", "-C", tree.parent, "-czf", where / name, tree.name], check=True)


def built(where: Path, work: Path) -> Path:
    """The ``.dsc`` of a work tree."""
    (work / "debian" / "rules").chmod(0o755)
    subprocess.run(
        ["dpkg-source", "-b", work.name], cwd=where, check=True, capture_output=True, env=os.environ | {"LC_ALL": "C"}
    )
    (dsc,) = where.glob("*.dsc")
    return dsc


def upstream(where: Path) -> Path:
    """The work tree of version 1.0, packed as upstream's tarball too."""
    root = write(where / "thing-1.0", {"file": "one\ntwo\nthree\n", "old": "old\n", "tool": "#!/bin/sh\n"})
    (root / "tool").chmod(0o755)
    (root / "link").symlink_to("file")
    return root


def quilt(where: Path) -> Path:
    root = upstream(where)
    write(root, {"debian/upstream": "goes\n"})
    packed(where, "thing_1.0.orig.tar.gz", root)
    packed(where, "thing_1.0.orig-part.tar.gz", write(where / "part-3", {"p": "p\n"}))
    shutil.rmtree(root / "debian")
    shutil.copytree(where / "part-3", root / "part")
    series = {"patches/series": "# a comment\nfirst.patch\n\nsub/second.patch -p1\n", "patches/first.patch": FIRST}
    write(root, packaging("3.0 (quilt)", "1.0-1", **series, **{"patches/sub/second.patch": SECOND}))
    return built(where, root)


def native(where: Path) -> Path:
    return built(where, write(upstream(where), packaging("3.0 (native)", "1.0")))


def old(where: Path) -> Path:
    root = upstream(where)
    packed(where, "thing_1.0.orig.tar.gz", root)
    write(root, {"file": "one\nTWO\nthree\n", **packaging("1.0", "1.0-1")})
    return built(where, root)


def pinned(dsc: Path) -> tuple[hm.Pin, ...]:
    """The pins that locking makes of a source package, as an index describes it."""
    text = dsc.read_text()
    names = re.findall(r"^ [0-9a-f]{64} \d+ (\S+)$", text, re.MULTILINE)
    files = [dsc.parent / name for name in (*dict.fromkeys(names), dsc.name)]
    lines = [f" {hashlib.sha256(each.read_bytes()).hexdigest()} {each.stat().st_size} {each.name}" for each in files]
    version = re.search(r"^Version: (\S+)$", text, re.MULTILINE)
    assert version is not None
    stanza = f"Package: thing\nVersion: {version[1]}\nDirectory: pool\nChecksums-Sha256:\n" + "\n".join(lines)
    return source_pins(SourceIndex.parse([stanza]), ["thing"], packaging=True)


@pytest.fixture
def rootfs(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> hm.Derivation:
    """Busybox, and the host's GNU patch with the libraries it loads."""
    monkeypatch.setenv("HERMETICA_MIRROR_DEBIAN", f"file://{tmp_path}")
    patch = shutil.which("patch") or ""
    told = subprocess.run(["ldd", patch], check=True, capture_output=True, text=True).stdout
    loaded = [Path(each) for each in re.findall(r"(/\S+) \(0x", told)]
    files: dict[str, Content] = {f".{each}": each.resolve().read_bytes() for each in loaded}
    files["./usr/bin/patch"] = Path(patch).read_bytes()
    deb = tmp_path / "patch.deb"
    deb.write_bytes(deb_of(files, modes=dict.fromkeys(files, 0o755), compression=""))
    return hm.debian_rootfs("tools", [_file(tools), _file(deb)])


def _file(path: Path) -> hm.Derivation:
    return hm.fetchurl(path.as_uri(), sha256=hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize("make", [quilt, native, old])
def test_a_source_package_unpacks_as_dpkg_unpacks_it(
    make: Callable[[Path], Path], tmp_path: Path, rootfs: hm.Derivation
) -> None:
    (tmp_path / "pool").mkdir()
    dsc = make(tmp_path / "pool")
    expected = tmp_path / "expected"
    command = ["dpkg-source", "--no-check", "-x", os.fspath(dsc), os.fspath(expected)]
    subprocess.run(command, check=True, capture_output=True)
    shutil.rmtree(expected / ".pc", ignore_errors=True)
    with hm.Store.open(tmp_path / "store") as store:
        made = store.on_disk(store.realize(debian_source("thing", pins=pinned(dsc), rootfs=rootfs)).out)
    assert tree(made) == tree(expected)


def test_a_patch_that_does_not_apply_fails(tmp_path: Path, rootfs: hm.Derivation) -> None:
    (tmp_path / "pool").mkdir()
    dsc = quilt(tmp_path / "pool")
    (changes,) = (tmp_path / "pool").glob("*.debian.tar.*")
    bad = write(tmp_path / "bad", {"debian/patches/series": "a\n", "debian/patches/a": FIRST.replace("two", "zwei")})
    subprocess.run(["tar", "-C", bad, "-caf", changes, "debian"], check=True)
    pins = pinned(dsc)
    with hm.Store.open(tmp_path / "store") as store, pytest.raises(RealizeError):
        store.realize(debian_source("thing", pins=pins, rootfs=rootfs))


def test_what_is_not_pinned_is_told_with_the_command_that_pins_it(tmp_path: Path) -> None:
    (tmp_path / "pool").mkdir()
    pins: Sequence[hm.Pin] = pinned(quilt(tmp_path / "pool"))
    assert {pin.kind for pin in pins} == {"debian-source", "debian-changes", "debian-dsc"}
    assert {pin.name for pin in pins} == {"thing", "thing+part"}
    for lacking in ("debian-source", "debian-changes"):
        with pytest.raises(hm.LockError, match=lacking) as caught:
            debian_source("thing", pins=[pin for pin in pins if pin.kind != lacking])
        assert "--packaging" in str(caught.value.hint)
