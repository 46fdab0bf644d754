"""Measuring whole processes, interleaved, each sample in a fresh directory.

The rusage of a child counts what its own children used once they were waited for; what it leaves behind is waited for
here, unless it is a server. Peak memory is read by a small launcher, because a child starts with its parent's pages
between fork and exec.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

FORMAT: Final = "hermetica.benchmark/1"
ON_DISK: Final = "HERMETICA_BENCHMARKS_DISK"
_MEMORY: Final = "/dev/shm"  # noqa: S108 -- a tmpfs on purpose; mkdtemp makes the name
_IMAGE_BYTES: Final = 4 << 30  # sparse
_LAUNCHER: Final = """
import ctypes, json, os, resource, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: the time of orphans counts, too
started = time.perf_counter()
ended = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
wall = time.perf_counter() - started
until = time.monotonic() + 0.2  # a server goes on
try:
    while time.monotonic() < until:
        if os.waitpid(-1, os.WNOHANG)[0] == 0:
            time.sleep(0.005)
except ChildProcessError:  # none is left
    pass
used = resource.getrusage(resource.RUSAGE_CHILDREN)
row = {"wall_s": wall, "cpu_s": used.ru_utime + used.ru_stime, "peak_memory_bytes": used.ru_maxrss * 1024,
       "status": ended.returncode, "stderr": ended.stderr[-2000:].decode(errors="replace")}
open(sys.argv[1], "w").write(json.dumps(row))
"""


# compiled modules are kept between runs, as they are for every installed program
_ENVIRONMENT: Final = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class CommandFailedError(RuntimeError):
    """A measured command did not succeed, so its time means nothing."""


@attrs.frozen(kw_only=True)
class Sample:
    """One run of one command.

    Attributes:
        wall_s: from start to exit.
        cpu_s: user and system time of the whole tree.
        peak_memory_bytes: the largest resident set of one process of it.
    """

    wall_s: float
    cpu_s: float
    peak_memory_bytes: int


@attrs.frozen
class Fresh:
    """A fresh directory for one sample, so that no run pays for what another deleted.

    In memory where the machine has a tmpfs; with ``HERMETICA_BENCHMARKS_DISK`` set, a new ext4 file system on a loop
    device, where being durable costs what it costs.

    Attributes:
        path: the directory.
        image: the file that holds its file system, where it has one of its own.
    """

    path: Path
    image: Path | None = None

    @classmethod
    def make(cls) -> Fresh:
        """A new one; ``remove`` ends it."""
        if ON_DISK not in os.environ:
            memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
            return cls(Path(tempfile.mkdtemp(prefix="hermetica-bench-", dir=memory)))
        path = Path(tempfile.mkdtemp(prefix="hermetica-bench-"))
        image = path.with_suffix(".ext4")
        with image.open("wb") as file:
            file.truncate(_IMAGE_BYTES)
        whole = "lazy_itable_init=0,lazy_journal_init=0"  # else the kernel goes on initialising during the sample
        subprocess.run(["mkfs.ext4", "-q", "-E", whole, os.fspath(image)], check=True)
        subprocess.run(["mount", "-o", "loop", os.fspath(image), os.fspath(path)], check=True)
        return cls(path, image)

    def remove(self) -> None:
        """Deletes it with all it holds, read-only or not."""
        if self.image is not None:
            subprocess.run(["umount", "--lazy", os.fspath(self.path)], check=True)
            self.image.unlink()
        subprocess.run(["chmod", "-R", "u+w", os.fspath(self.path)], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.path, ignore_errors=True)


def run(command: Sequence[str], environment: dict[str, str] | None = None, directory: Path | None = None) -> Sample:
    """Runs ``command`` once.

    Args:
        command: the program and its arguments.
        environment: variables beside those of this process.
        directory: where it runs; here without one.

    Raises:
        CommandFailedError: it ended with another status than 0.
    """
    with tempfile.NamedTemporaryFile("r", suffix=".json") as report:
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, report.name, *command],
            cwd=directory,
            env={**_ENVIRONMENT, **(environment or {})},
            check=True,
        )
        row = json.load(report)
    if row["status"]:
        raise CommandFailedError(f"{' '.join(command)} ended with {row['status']}:\n{row['stderr']}")
    return Sample(wall_s=row["wall_s"], cpu_s=row["cpu_s"], peak_memory_bytes=row["peak_memory_bytes"])


def interleave(contestants: dict[str, Callable[[], Sample]], runs: int) -> dict[str, list[Sample]]:
    """``runs`` samples of each contestant, A B A B, so that a change of the machine's speed meets all."""
    samples: dict[str, list[Sample]] = {name: [] for name in contestants}
    for _ in range(runs):
        for name, once in contestants.items():
            samples[name].append(once())
    return samples


def summary(samples: Sequence[Sample]) -> dict[str, float]:
    """Median, minimum and maximum of the wall time, and medians of the rest."""
    walls = [sample.wall_s for sample in samples]
    return {
        "wall_s": round(statistics.median(walls), 4),
        "wall_min_s": round(min(walls), 4),
        "wall_max_s": round(max(walls), 4),
        "cpu_s": round(statistics.median(sample.cpu_s for sample in samples), 4),
        "peak_memory_bytes": max(sample.peak_memory_bytes for sample in samples),
    }


def compare(name: str, samples: Mapping[str, list[Sample]], skipped: Mapping[str, str], **more: Any) -> None:
    """Reports contestants side by side: hermetica's median over that of each peer."""
    figures = {contestant: summary(taken) for contestant, taken in samples.items()}
    own = figures["hermetica"]["wall_s"]
    ratios = {
        f"hermetica/{peer}": round(own / row["wall_s"], 4) for peer, row in figures.items() if peer != "hermetica"
    }
    report(name, {**more, "figures": figures, "ratios": ratios, "skipped": dict(skipped)})


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "file_system": _file_system(),
    }


def _file_system() -> str:
    if ON_DISK in os.environ:
        return "ext4, new for each sample"
    return "tmpfs" if os.access(_MEMORY, os.W_OK) else "disk"


def report(name: str, figures: dict[str, Any]) -> None:
    """Prints one JSON line."""
    print(json.dumps({"format": FORMAT, "benchmark": name, **figures, "machine": machine()}, sort_keys=False))
