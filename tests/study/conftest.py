"""Derivations whose builders are busybox, and studies of them in real sandboxes."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

import hermetica as hm

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SCRIPTS: Mapping[str, str] = {
    "clean": "mkdir $out; echo same > $out/file; date > /dev/null",
    "two": "mkdir $out; echo $HOME > $out/a; id -u > $out/b; hostname >> $out/b; echo same > $out/c",
    "pair": 'if [ "$TZ" != UTC ] && [ "$HOME" != /homeless-shelter ]; then echo x; else echo y; fi > $out',
    "race": "head -c 8 /proc/sys/kernel/random/uuid > $out",
    "picky": 'case $HOME in /homeless*) hostname > $out;; *) echo "no such home" >&2; exit 3;; esac',
}


def tools(place: Path) -> Path:
    """A directory with busybox, and links to it of all its names."""
    binaries = place / "bin"
    binaries.mkdir(parents=True)
    program = shutil.which("busybox") or "busybox"
    shutil.copy(program, binaries / "busybox")
    names = subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout.split()
    for name in names:
        if name != "busybox":
            (binaries / name).symlink_to("busybox")
    return place


def scripted(place: Path, scripts: Mapping[str, str]) -> dict[str, hm.Derivation]:
    """A derivation for each script; needs an evaluation."""
    busybox = hm.source(str(place), name="busybox")
    return {
        name: hm.derivation(
            name=name, builder=f"{busybox}/bin/sh", args=("-euc", script), env={"PATH": f"{busybox}/bin"}
        )
        for name, script in scripts.items()
    }


@pytest.fixture
def targets(tmp_path: Path) -> Iterator[dict[str, hm.Derivation]]:
    with hm.evaluation():
        yield scripted(tools(tmp_path / "tools"), SCRIPTS)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[hm.Store]:
    with hm.Store.open(tmp_path / "store-root") as opened:
        yield opened
