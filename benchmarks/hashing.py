"""What it costs to look for references in what is hashed, beside hashing alone on one core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.measure import Fresh, Sample, compare

_CLOCK: Final = """
import json, os, resource, sys, time
cores = sorted(os.sched_getaffinity(0))[: int(sys.argv[2])]
os.sched_setaffinity(0, cores)
path = sys.argv[1]
with open(path, "rb") as file:
    while file.read(1 << 20):
        pass
wall, cpu = time.perf_counter(), time.process_time()
{}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({{"wall_s": wall, "cpu_s": cpu, "peak_memory_bytes": peak}}))
"""
_BLAKE3: Final = """
hasher = blake3()
with open(path, "rb", buffering=0) as file:
    while data := file.read(1 << 20):
        hasher.update(data)
"""
_SCRIPTS: Final = {
    "hermetica": "from hermetica_store.reading import scan_and_hash\n" + _CLOCK.format("scan_and_hash(path)"),
    "blake3": "from blake3 import blake3\n" + _CLOCK.format(_BLAKE3),
}


def scan(runs: int, *, smoke: bool) -> None:
    """Scanning for references while hashing, on one core and on two, against BLAKE3 alone on one thread."""
    size = (8 if smoke else 256) << 20
    fresh = Fresh.make()
    try:
        path = fresh.path / "bytes"
        _real_bytes(path, size)
        for cores in (1, 2):
            if cores > len(os.sched_getaffinity(0)):
                continue
            samples: dict[str, list[Sample]] = {}
            for _ in range(runs):
                for contestant, script in _SCRIPTS.items():
                    samples.setdefault(contestant, []).append(_sample(script, path, cores))
            compare(f"scan-{cores}", samples, {}, bytes=size, cores=cores, runs=runs)
    finally:
        fresh.remove()


def _sample(script: str, path: Path, cores: int) -> Sample:
    command = [sys.executable, "-c", script, str(path), str(cores)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Sample(**json.loads(done.stdout))


def _real_bytes(path: Path, size: int) -> None:
    """Programs and libraries of this machine, repeated up to ``size``: bytes as outputs hold them."""
    sources = sorted(Path("/usr/lib").rglob("*.so*"), key=lambda source: source.name) + sorted(
        Path("/usr/bin").iterdir()
    )
    written = 0
    with path.open("wb") as out:
        while written < size:
            for source in sources:
                if written >= size:
                    break
                if source.is_file() and not source.is_symlink() and os.access(source, os.R_OK):
                    data = source.read_bytes()[: size - written]
                    out.write(data)
                    written += len(data)
