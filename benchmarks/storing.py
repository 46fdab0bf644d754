"""What a store does with files: taking trees in, giving closures out and taking them back, collecting."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import attrs

from benchmarks.measure import Fresh, Sample, compare, run
from benchmarks.peers import hermetica, missing, nix_options

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_CLOCK_S: Final = 0.1  # past the granularity of the clock: files younger than it are read again
_NIX: Final = {"NIX_REMOTE": ""}
_LIMIT: Final = (
    "import os, sys\nfrom concurrent.futures import ThreadPoolExecutor\nfrom blake3 import blake3\n"
    "files = [os.path.join(d, f) for d, _, fs in os.walk(sys.argv[1]) for f in fs]\n"
    "def one(path):\n"
    "    with open(path, 'rb', buffering=0) as file:\n        h = blake3()\n"
    "        while data := file.read(1 << 20): h.update(data)\n        return h.digest()\n"
    "with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool: deque = list(pool.map(one, files))\n"
)


def make_tree(root: Path, files: int, file_bytes: int) -> None:
    """A tree of files, 250 in a directory, of bytes that compress somewhat."""
    generator = random.Random(7)  # noqa: S311 -- the same bytes each time, and no secret
    words = [generator.randbytes(6).hex().encode() for _ in range(4096)]
    for index in range(files):
        directory = root / f"{index // 250:04d}"
        if index % 250 == 0:
            directory.mkdir(parents=True)
        text = b" ".join(generator.choices(words, k=file_bytes // 13)) + b" %d\n" % index
        (directory / f"file-{index}.txt").write_bytes(text)


@attrs.frozen
class Taker:
    """What takes a tree in, again and again.

    Attributes:
        name: of the contestant.
        begin: makes what it takes into; called once for each sample.
        command: takes the tree in: from the directory of the sample and the tree.
        environment: beside those of this process, from the directory of the sample.
    """

    name: str
    begin: Callable[[Path], None]
    command: Callable[[Path, Path], list[str]]
    environment: Callable[[Path], dict[str, str]] = lambda _place: {}


def _nothing(_place: Path) -> None:
    pass


def _quietly(*words: str, **environment: str) -> None:
    subprocess.run(words, check=True, capture_output=True, env={**os.environ, **environment})


def _takers() -> tuple[list[Taker], dict[str, str]]:
    hermetica_own = Taker(
        "hermetica",
        _nothing,
        lambda _place, tree: hermetica("store", "add", str(tree)),
        lambda place: {"HERMETICA_STORE": str(place / "store")},
    )
    peers = {
        ("nix-store",): Taker(
            "nix",
            _nothing,
            lambda place, tree: ["nix-store", *nix_options(place / "nix"), "--add", str(tree)],
            lambda _: _NIX,
        ),
        ("git",): Taker(
            "git add",
            lambda place: _quietly("git", "init", "-q", str(place / "git")),
            lambda place, tree: ["git", f"--git-dir={place}/git/.git", f"--work-tree={tree}", "add", "-A", "."],
        ),
        ("ostree",): Taker(
            "ostree commit",
            lambda place: _quietly("ostree", f"--repo={place}/ostree", "init", "--mode=bare-user"),
            lambda place, tree: ["ostree", f"--repo={place}/ostree", "commit", "-b", "tree", f"--tree=dir={tree}"],
        ),
        ("borg",): Taker(
            "borg create",
            lambda place: _quietly("borg", "init", "-e", "none", f"{place}/borg", BORG_BASE_DIR=f"{place}/base"),
            lambda place, tree: ["borg", "create", f"{place}/borg::{{now:%H%M%S%f}}", str(tree)],
            lambda place: {"BORG_BASE_DIR": f"{place}/base", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"},
        ),
    }  # fmt: skip
    skipped = {taker.name: reason for programs, taker in peers.items() if (reason := missing(*programs))}
    return [hermetica_own, *(taker for taker in peers.values() if taker.name not in skipped)], skipped


def ingest(runs: int, *, smoke: bool) -> None:
    """A tree taken in for the first time, unchanged, and with one file changed; and one large file."""
    sizes = (200, 2_000, 1 << 20) if smoke else (50_000, 8_000, 2 << 30)
    files, file_bytes, large_bytes = sizes
    fresh = Fresh.make()
    try:
        tree, large = fresh.path / "tree", fresh.path / "large"
        make_tree(tree, files, file_bytes)
        large.mkdir()
        make_tree(large, 1, large_bytes // 64)
        with (large / "0000" / "file-0.txt").open("ab") as file:  # the same again and again is fast to make
            block = (large / "0000" / "file-0.txt").read_bytes()
            for _ in range(63):
                file.write(block)
        time.sleep(_CLOCK_S)
        cold, unchanged, changed, big = (dict[str, list[Sample]]() for _ in range(4))
        takers, skipped = _takers()
        for _ in range(runs):
            for taker in takers:
                place = Fresh.make()
                try:
                    taker.begin(place.path)
                    command, environment = taker.command(place.path, tree), taker.environment(place.path)
                    cold.setdefault(taker.name, []).append(run(command, environment, tree))
                    time.sleep(_CLOCK_S)
                    run(command, environment, tree)  # what a second look remembers is remembered then
                    unchanged.setdefault(taker.name, []).append(run(command, environment, tree))
                    with (tree / "0000" / "file-1.txt").open("ab") as file:
                        file.write(b"changed\n")
                    time.sleep(_CLOCK_S)
                    changed.setdefault(taker.name, []).append(run(command, environment, tree))
                    big.setdefault(taker.name, []).append(run(taker.command(place.path, large), environment, large))
                finally:
                    place.remove()
            for source, samples in ((tree, cold), (large, big)):
                _limits(source, samples)
            unchanged.setdefault("find (stat of each file)", []).append(run(["find", str(tree), "-size", "+1G"]))
        facts: dict[str, Any] = {"files": files, "bytes": files * file_bytes, "runs": runs}
        compare("ingest", cold, skipped, **facts)
        compare("ingest-unchanged", unchanged, skipped, **facts)
        compare("ingest-changed", changed, skipped, **facts)
        compare("ingest-large", big, skipped, bytes=large_bytes, runs=runs)
    finally:
        fresh.remove()


def _limits(source: Path, samples: dict[str, list[Sample]]) -> None:
    """What the file system and BLAKE3 alone take for the same bytes."""
    place = Fresh.make()
    try:
        copied = run(["cp", "-a", str(source), str(place.path / "copy")])
        hashed = run([sys.executable, "-c", _LIMIT, str(source)])
        samples.setdefault("cp -a", []).append(copied)
        both = Sample(
            wall_s=copied.wall_s + hashed.wall_s,
            cpu_s=copied.cpu_s + hashed.cpu_s,
            peak_memory_bytes=max(copied.peak_memory_bytes, hashed.peak_memory_bytes),
        )
        samples.setdefault("cp -a and blake3", []).append(both)
    finally:
        place.remove()


_FILL: Final = """
import sys
from pathlib import Path
import hermetica as hm
with hm.Store.open() as store, store.objects.lease() as lease:
    for file in sorted(Path(sys.argv[1]).rglob("*.txt")):
        path = store.objects.add_tree(file, file.name, lease=lease)
        if len(sys.argv) > 2 and int(file.stem[5:]) % 2:
            store.objects.add_root(file.name, path)
        print(path)
"""


def _filled(place: Path, tree: Path, *words: str) -> list[str]:
    """A store with every file of a tree as an object; their paths."""
    environment = {**os.environ, "HERMETICA_STORE": str(place / "store")}
    command = [sys.executable, "-c", _FILL, str(tree), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.split()


def _nix_filled(place: Path, tree: Path) -> list[str]:
    files = [str(each) for each in sorted(tree.rglob("*.txt"))]
    paths: list[str] = []
    for start in range(0, len(files), 1000):
        command = ["nix-store", *nix_options(place / "nix"), "--add", *files[start : start + 1000]]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **_NIX})
        paths += done.stdout.split()
    return paths


def collect(runs: int, *, smoke: bool) -> None:
    """A store of small objects of which every second one is dead."""
    count = 100 if smoke else 10_000
    samples: dict[str, list[Sample]] = {}
    skipped: dict[str, str] = {}
    source = Fresh.make()
    try:
        make_tree(source.path / "tree", count, 200)
        for _ in range(runs):
            collected, removed = collect_own(source.path / "tree")
            samples.setdefault("hermetica", []).append(collected)
            samples.setdefault("rm -rf", []).append(removed)
            if reason := missing("nix-store"):
                skipped["nix"] = reason
            else:
                samples.setdefault("nix", []).append(collect_nix(source.path / "tree"))
        compare("collect", samples, skipped, objects=count, dead=count // 2, runs=runs)
    finally:
        source.remove()


def collect_own(tree: Path) -> tuple[Sample, Sample]:
    """``hermetica gc`` of a store of which half is dead, and ``rm -rf`` of as many files."""
    place = Fresh.make()
    try:
        paths = _filled(place.path, tree, "rooted")
        dead = place.path / "dead"
        dead.mkdir()
        for path in paths[::2]:
            name = path.rpartition("/")[2]
            shutil.copy2(place.path / "store" / "store" / name, dead / name)
        collected = run(hermetica("gc"), {"HERMETICA_STORE": str(place.path / "store")})
        return collected, run(["rm", "-rf", str(dead)])
    finally:
        place.remove()


def collect_nix(tree: Path) -> Sample:
    """``nix-store --gc`` of the same."""
    place = Fresh.make()
    try:
        paths = _nix_filled(place.path, tree)
        roots = place.path / "nix" / "nix" / "var" / "nix" / "gcroots" / "bench"
        roots.mkdir(parents=True)
        for path in paths[1::2]:
            (roots / path.rpartition("/")[2]).symlink_to(path)
        return run(["nix-store", *nix_options(place.path / "nix"), "--gc"], _NIX)
    finally:
        place.remove()


def exchange(runs: int, *, smoke: bool) -> None:
    """Objects written out, and read back into an empty store; against Nix, and tar with zstd of the same level."""
    count, size = (10, 100_000) if smoke else (500, 1_000_000)
    source = Fresh.make()
    out, back = dict[str, list[Sample]](), dict[str, list[Sample]]()
    skipped: dict[str, str] = {}
    try:
        tree = source.path / "tree"
        make_tree(tree, count, size)
        own = _filled(source.path, tree)
        environment = {"HERMETICA_STORE": str(source.path / "store")}
        theirs = [] if missing("nix") else _nix_filled(source.path, tree)
        for _ in range(runs):
            place = Fresh.make()
            try:
                archive, packed = place.path / "archive", place.path / "packed.tar.zst"
                out.setdefault("hermetica", []).append(
                    run(hermetica("store", "export", "--level", "3", "-o", str(archive), *own), environment)
                )
                into = {"HERMETICA_STORE": str(place.path / "store")}
                back.setdefault("hermetica", []).append(run(hermetica("store", "import", str(archive)), into))
                tar = f"tar -C {source.path}/store/store -cf - . | zstd -q -3 -T0 > {packed}"
                out.setdefault("tar | zstd", []).append(run(["sh", "-c", tar]))
                (place.path / "unpacked").mkdir()
                untar = f"zstd -dc {packed} | tar -C {place.path}/unpacked -xf -"
                back.setdefault("tar | zstd", []).append(run(["sh", "-c", untar]))
                if theirs:
                    _exchange_nix(source.path, place.path, theirs, out, back)
                else:
                    skipped["nix"] = str(missing("nix"))
            finally:
                place.remove()
        compare("export", out, skipped, objects=count, bytes=count * size, runs=runs)
        compare("import", back, skipped, objects=count, bytes=count * size, runs=runs)
    finally:
        source.remove()


def _exchange_nix(
    source: Path, place: Path, paths: list[str], out: dict[str, list[Sample]], back: dict[str, list[Sample]]
) -> None:
    cache = f"file://{place}/cache?compression=zstd&compression-level=3&parallel-compression=true"
    nix = ["nix", "--option", "experimental-features", "nix-command", "copy", "--no-check-sigs"]
    out.setdefault("nix", []).append(run([*nix, "--from", f"local?root={source}/nix", "--to", cache, *paths], _NIX))
    back.setdefault("nix", []).append(run([*nix, "--from", cache, "--to", f"local?root={place}/nix", *paths], _NIX))
