"""Real packages: what hermetica costs beside the same commands by hand, in a plain bwrap over the same tools."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

import hermetica as hm
from benchmarks.measure import Sample, interleave, run
from benchmarks.peers import hermetica, missing
from hermetica_derivations import pins
from hermetica_derivations.environment import BASE_C

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CORES: Final = len(os.sched_getaffinity(0))


@attrs.frozen(kw_only=True)
class Package:
    """A package as a recipe, and as the commands that somebody would type.

    Attributes:
        source: the source package in the lock.
        settings: for ``mk_derivation``.
        by_hand: shell text, run with -e, that builds in the unpacked source and installs into ``/out``.
    """

    source: str
    settings: Mapping[str, Any]
    by_hand: str


_STRIP: Final = "find /out -type f -perm -100 -exec strip --strip-unneeded {} + 2> /dev/null || true  # scripts, too"
_MAKE: Final = f"make -j{_CORES}; make install"
PACKAGES: Final = (
    Package(
        source="bzip2",
        settings={"make_flags": ["CC=cc"], "install_flags": ["PREFIX=$out"]},
        by_hand=f"make -j{_CORES} CC=cc; make install CC=cc PREFIX=/out",
    ),
    Package(
        source="hello",
        settings={"configure_flags": ["--disable-nls"]},
        by_hand=f"./configure --prefix=/out --disable-nls; {_MAKE}",
    ),
    Package(
        source="lua5.4",
        settings={"make_flags": ["linux"], "install_flags": ["INSTALL_TOP=$out"]},
        by_hand=f"make -j{_CORES} linux; make install INSTALL_TOP=/out",
    ),
    Package(source="zlib", settings={}, by_hand=f"./configure --prefix=/out; {_MAKE}"),
)
_MODULE: Final = """
from hermetica_derivations.pins import source
from hermetica_derivations.stdenv import mk_derivation

"""


def _recipe(package: Package, sample: str) -> str:
    settings = {**package.settings, "allow_cut_paths": True, "before_unpack": f": {sample}"}
    return (
        f"{package.source} = mk_derivation(name={package.source!r}, src=source({package.source!r}), **{settings!r})\n"
    )


def _script(packages: tuple[Package, ...]) -> str:
    lines: list[str] = []
    for each in packages:
        lines += [f"mkdir /build/{each.source}", f"cd /build/{each.source}"]
        lines += [f"tar --no-same-owner -xf /sources/{each.source} --strip-components=1"]
        lines += [each.by_hand, _STRIP, "rm -rf /out/*"]
    return "\n".join(lines)


def _own(directory: Path, packages: tuple[Package, ...]) -> Sample:
    """Builds the packages anew, for a comment in each recipe is another one in each sample."""
    module = directory / "sample.py"
    module.write_text(_MODULE + "".join(_recipe(each, uuid.uuid4().hex) for each in packages), encoding="utf-8")
    return run(hermetica("build", "--no-link", "-j", "1", *(f"{module}:{each.source}" for each in packages)))


def _by_hand(store: hm.Store, directory: Path, packages: tuple[Package, ...]) -> Sample:
    """Builds the packages one after another with the compiler of the tree, in a directory of the store's disk."""
    place = Path(tempfile.mkdtemp(dir=directory))
    (place / "build").mkdir()
    (place / "out").mkdir()
    tree = store.objects.on_disk(store.realize(BASE_C.rootfs)["out"])
    links = [
        word
        for entry in sorted(tree.iterdir())
        if entry.is_symlink()
        for word in ("--symlink", str(entry.readlink()), f"/{entry.name}")
    ]
    sources = [
        word
        for each in packages
        for word in (
            "--ro-bind",
            str(store.objects.on_disk(store.realize(pins.source(each.source))["out"])),
            f"/sources/{each.source}",
        )
    ]
    line = ["bwrap", "--unshare-all", "--die-with-parent", "--clearenv", "--setenv", "PATH", "/usr/bin"]
    line += ["--ro-bind", f"{tree}/usr", "/usr", *links, *sources, "--proc", "/proc", "--dev", "/dev"]
    line += ["--tmpfs", "/tmp"]  # noqa: S108 -- of the sandbox
    line += ["--bind", str(place / "build"), "/build", "--bind", str(place / "out"), "/out"]
    try:
        return run([*line, "/bin/sh", "-euc", _script(packages)])
    finally:
        shutil.rmtree(place)


def measure(runs: int, *, smoke: bool) -> tuple[dict[str, list[Sample]], dict[str, str]]:
    """Samples of each contestant, and why a peer is missing. The tree of tools is kept in the user's store."""
    packages = PACKAGES[:1] if smoke else PACKAGES
    if reason := missing("bwrap"):
        return {}, {"bwrap": reason}
    with hm.Store.open() as store, tempfile.TemporaryDirectory(dir=store.objects.root.parent) as directory:
        try:
            store.realize_all([BASE_C.rootfs, *(pins.source(each.source) for each in packages)])
        except hm.HermeticaError as error:
            return {}, {"stdenv": f"tools and sources cannot be had: {error}"}
        taking: dict[str, Callable[[], Sample]] = {
            "hermetica": lambda: _own(Path(directory), packages),
            "bwrap": lambda: _by_hand(store, Path(directory), packages),
        }
        for once in taking.values():
            once()  # makes the compiler wrapper, and warms disks and caches for both
        return interleave(taking, runs), {}
