"""The tree of tools of the C/C++ set from packages that are fetched: by hermetica, and by a loop of ``dpkg-deb -x``."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from benchmarks.measure import Fresh, Sample, interleave, report, run, summary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FETCH: Final = """
import sys
import hermetica as hm
from hermetica_derivations import pins
with hm.evaluation(), hm.Store.open() as store:
    debs = pins.debs(sys.argv[1])
    assert not store.realize_all([*debs, *pins.debs(sys.argv[2])[:1]]).failures
    print(*(store.objects.on_disk(store.path(deb)) for deb in debs), sep="\\n")
"""
_BUILD: Final = """
import sys
import hermetica as hm
from hermetica_derivations import pins
with hm.evaluation(), hm.Store.open() as store:
    debs = pins.debs(sys.argv[1])
    debs = debs[:-1] + pins.debs(sys.argv[2])[:1] if sys.argv[2:] else debs
    store.realize(hm.debian_rootfs("tools", debs))
"""
_UNPACK: Final = 'out=$1; shift; for each; do dpkg-deb -x "$each" "$out"; done'


def rootfs(runs: int, *, smoke: bool) -> None:
    """A tree of tools from a store that has its packages; after another version of one; and dpkg-deb over the same."""
    group, other = ("busybox", "base-c") if smoke else ("base-cxx", "busybox")
    warm = Fresh.make()
    try:
        os.environ["HERMETICA_STORE"] = str(warm.path / "store")
        listed = subprocess.run(
            [sys.executable, "-c", _FETCH, group, other], check=True, capture_output=True, text=True
        ).stdout.split()
        changed: list[Sample] = []
        contestants: dict[str, Callable[[], Sample]] = {
            "hermetica": lambda: _own(warm.path / "store", group, other, changed)
        }
        skipped = {} if shutil.which("dpkg-deb") else {"dpkg-deb": "not installed"}
        if not skipped:
            contestants["dpkg-deb"] = lambda: _peer(listed)
        samples = interleave(contestants, runs)
    finally:
        os.environ.pop("HERMETICA_STORE", None)
        warm.remove()
    samples["hermetica, one changed"] = changed
    figures = {name: summary(taken) for name, taken in samples.items()}
    medians = {name: statistics.median(each.wall_s for each in taken) for name, taken in samples.items()}
    ratios = {
        f"{name}/dpkg-deb": round(medians[name] / medians["dpkg-deb"], 3)
        for name in medians
        if not skipped and name != "dpkg-deb"
    }
    facts = {"packages": len(listed), "runs": runs, "figures": figures, "ratios": ratios, "skipped": skipped}
    report("rootfs", facts)


def _own(store: Path, group: str, other: str, changed: list[Sample]) -> Sample:
    """All packages; then the same with another one in the last one's place, whose sample goes to ``changed``."""
    fresh = Fresh.make()
    try:
        shutil.copytree(store, fresh.path / "store", symlinks=True)
        environment = {"HERMETICA_STORE": str(fresh.path / "store")}
        sample = run([sys.executable, "-c", _BUILD, group], environment)
        changed.append(run([sys.executable, "-c", _BUILD, group, other], environment))
    finally:
        fresh.remove()
    return sample


def _peer(debs: list[str]) -> Sample:
    fresh = Fresh.make()
    try:
        return run(["sh", "-euc", _UNPACK, "sh", str(fresh.path / "tree"), *debs])
    finally:
        fresh.remove()
