"""The resolver against apt itself, on the indices that this machine's apt has: the same sets."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from hermetica.fetch.debian_index import PackageIndex
from hermetica.fetch.debian_resolve import resolve

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,  # the indices of a whole suite are read
    pytest.mark.skipif(not all(map(shutil.which, ("apt-get", "dpkg"))), reason="no apt here"),
]
SETS = (
    ("hello",),
    ("patch", "m4"),
    ("gcc", "libc6-dev"),
    ("cmake", "ninja-build"),
    ("autoconf", "automake", "libtool"),
    ("git",),
    ("rustc", "cargo"),
    ("openjdk-17-jdk-headless",),
    ("postgresql",),
    ("emacs-nox",),
    ("ffmpeg",),
)


def said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | {"LC_ALL": "C"}).stdout


@pytest.fixture(scope="module")
def packages() -> PackageIndex:
    architecture = said("dpkg", "--print-architecture").strip()
    wanted = ("Created-By: Packages", f"Architecture: {architecture}")
    files = said("apt-get", "indextargets", "--format", "$(FILENAME)", *wanted).split()
    texts = [said("/usr/lib/apt/apt-helper", "cat-file", file) for file in files if os.path.exists(file)]  # noqa: PTH110 -- text
    index = PackageIndex.parse(texts)
    if index.find("gcc") is None:
        pytest.skip("apt has no indices here: apt-get update brings them")
    return index


def apt_set(names: tuple[str, ...], scratch: Path) -> set[tuple[str, str]] | None:
    """(name, version) of what apt would fetch for a system that has nothing; None where it has them not."""
    (scratch / "status").touch()
    (scratch / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    options = [f"Dir::State::status={scratch}/status", f"Dir::Cache={scratch}/cache", "Debug::NoLocking=1"]
    options += ["APT::Install-Recommends=false", "APT::Get::AllowUnauthenticated=true", "pkgCacheGen::ForceEssential=,"]
    command = ["apt-get", *(f"-o{option}" for option in options), "-y", "-qq", "--print-uris", "install", *names]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | {"LC_ALL": "C"})
    if ended.returncode:
        return None
    files = re.findall(r"^'[^']*' (\S+)_(\S+)_[a-z0-9]+\.deb ", ended.stdout, re.MULTILINE)
    return {(name, version.replace("%3a", ":")) for name, version in files}


@pytest.mark.parametrize("names", SETS, ids=" ".join)
def test_the_same_packages_are_chosen_as_apt_chooses(
    packages: PackageIndex, tmp_path: Path, names: tuple[str, ...]
) -> None:
    theirs = apt_set(names, tmp_path)
    if theirs is None:
        pytest.skip(f"apt does not have {names} here")
    ours = {(each.name, str(each.version)) for each in resolve(packages, names)}
    brought = {each for each in theirs - ours if each[0] in packages.essential()}  # apt may add what every system has
    assert ours == theirs - brought
