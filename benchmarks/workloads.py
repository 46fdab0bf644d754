"""What is measured, against whom."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from benchmarks import graphs
from benchmarks.building import builds, chained, cutoff, layered, many_inputs, noop
from benchmarks.explaining import explain
from benchmarks.hashing import scan
from benchmarks.live import live
from benchmarks.measure import Fresh, Sample, compare, interleave, report, run
from benchmarks.memory import memory
from benchmarks.pages import pages
from benchmarks.peers import hermetica, missing, nix_options
from benchmarks.rootfs import rootfs
from benchmarks.shapes import independent
from benchmarks.storing import collect, exchange, ingest
from benchmarks.tools import JOBS, Hermetica, lay_out

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Workload = Callable[..., None]


def _write(fresh: Fresh, name: str, text: str) -> Path:
    path = fresh.path / name
    path.write_text(text, encoding="utf-8")
    return path


def _cold(prepare: Callable[[Fresh], tuple[list[str], dict[str, str]]]) -> Callable[[], Sample]:
    def once() -> Sample:
        fresh = Fresh.make()
        try:
            command, environment = prepare(fresh)
            return run(command, environment)
        finally:
            fresh.remove()

    return once


def _store(fresh: Fresh) -> dict[str, str]:
    return {"HERMETICA_STORE": str(fresh.path / "store")}


_UNDURABLE: Final = """
import functools, sys
import lmdb
from hermetica_store import writer
writer.sync_file_system = lambda fd: None
lmdb.open = functools.partial(lmdb.open, sync=False, metasync=False)
from hermetica.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def durability(runs: int, *, smoke: bool) -> None:
    """What it costs that a thousand trivial builds survive a power loss, against the same with every sync left out."""
    count = 20 if smoke else 1000

    def prepare(fresh: Fresh) -> tuple[list[str], dict[str, str]]:
        lay_out(fresh.path)
        tool = Hermetica()
        tool.write(fresh.path, independent(count))
        command = tool.build(fresh.path, independent(count))
        return command.words, command.environment

    def undurable(fresh: Fresh) -> tuple[list[str], dict[str, str]]:
        command, environment = prepare(fresh)
        return [command[0], "-c", _UNDURABLE, *command[3:]], environment

    samples = interleave({"hermetica": _cold(prepare), "undurable": _cold(undurable)}, runs)
    compare("durability", samples, {}, count=count, runs=runs, jobs=JOBS)


EVALUATE: Final = """
import runpy, sys
import hermetica as hm
with hm.evaluation(), hm.Store.open() as store:
    store.add_derivations(runpy.run_path(sys.argv[1])["targets"].values())
"""


def evaluate(runs: int, *, smoke: bool) -> None:
    """Derivations with five dependencies each, evaluated and stored, nothing built."""
    count = 50 if smoke else 10_000

    def own(fresh: Fresh) -> tuple[list[str], dict[str, str]]:
        module = _write(fresh, "graph.py", graphs.wide(count))
        return [sys.executable, "-c", EVALUATE, str(module)], _store(fresh)

    def nix(fresh: Fresh) -> tuple[list[str], dict[str, str]]:
        expression = _write(fresh, "graph.nix", graphs.wide_nix(count))
        return ["nix-instantiate", *nix_options(fresh.path / "nix"), str(expression)], {"NIX_REMOTE": ""}

    cold, again, skipped = dict[str, list[Sample]](), dict[str, list[Sample]](), dict[str, str]()
    contestants = {"hermetica": own, "nix": nix}
    if reason := missing("nix-instantiate"):
        skipped["nix"] = reason
        del contestants["nix"]
    for _ in range(runs):
        for name, prepare in contestants.items():
            fresh = Fresh.make()
            try:
                command, environment = prepare(fresh)
                cold.setdefault(name, []).append(run(command, environment))
                again.setdefault(name, []).append(run(command, environment))
            finally:
                fresh.remove()
    compare("evaluate", cold, skipped, derivations=count, inputs=5, runs=runs)
    compare("evaluate-again", again, skipped, derivations=count, inputs=5, runs=runs)


def startup(runs: int, *, smoke: bool) -> None:
    """What the command costs before it does anything, against the interpreter that runs it."""
    contestants = {
        "hermetica": lambda: run(hermetica("version")),
        "python": lambda: run([sys.executable, "-c", "pass"]),
    }
    times = runs if smoke else runs + 12
    compare("startup", interleave(contestants, times), {}, runs=times)


def lua(runs: int, *, smoke: bool) -> None:
    """A real compile, in one build and in one for each file, against build tools with the same compiler."""
    from benchmarks import compiling  # noqa: PLC0415 -- evaluates recipes, which the others do without

    compiling.lua(runs, smoke=smoke)


def stdenv(runs: int, *, smoke: bool) -> None:
    """Real packages from their tarballs, against the same commands by hand in a plain bwrap with the same tools."""
    from benchmarks import packages  # noqa: PLC0415 -- evaluates recipes, which the others do without

    samples, skipped = packages.measure(runs, smoke=smoke)
    if samples:
        compare("stdenv", samples, skipped, runs=runs, jobs=1, place="the disk of the store")
    else:
        report("stdenv", {"figures": {}, "ratios": {}, "skipped": skipped})


def clock(runs: int, *, smoke: bool) -> None:
    """Real packages and trivial builds by a clock that stands still, against one that runs, libfaketime and strace."""
    from benchmarks import clock as standing  # noqa: PLC0415 -- evaluates recipes, which the others do without

    standing.clock(runs, smoke=smoke)


WORKLOADS: Final[dict[str, Workload]] = {
    "builds": builds,
    "layered": layered,
    "chain": chained,
    "durability": durability,
    "noop": noop,
    "cutoff": cutoff,
    "evaluate": evaluate,
    "explain": explain,
    "many-inputs": many_inputs,
    "ingest": ingest,
    "exchange": exchange,
    "collect": collect,
    "startup": startup,
    "scan": scan,
    "memory": memory,
    "stdenv": stdenv,
    "clock": clock,
    "lua": lua,
    "rootfs": rootfs,
    "pages": pages,
    "live": live,
}
