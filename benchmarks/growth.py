"""How cost grows with size: the same workloads at sizes a decade apart, and the exponent that fits.

An exponent of 1 is a cost in proportion to size. It is fitted over the upper half of the sizes, in logarithms, by least
squares: at small sizes the start of the program is all there is.
"""

from __future__ import annotations

import math
import statistics
import sys
from typing import TYPE_CHECKING, Final

import attrs

from benchmarks import graphs
from benchmarks.building import Built, cold
from benchmarks.measure import Fresh, Sample, report, run
from benchmarks.peers import hermetica, missing, nix_options
from benchmarks.shapes import Shape, independent
from benchmarks.storing import collect_nix, collect_own, make_tree
from benchmarks.tools import Hermetica, MakeBwrap, Nix
from benchmarks.workloads import EVALUATE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.tools import Tool

    Measure = Callable[[int], Sample]

_NIX: Final = {"NIX_REMOTE": ""}
_SMALL_FILES_BYTES: Final = 2_000


@attrs.frozen(kw_only=True)
class Series:
    """One workload at growing sizes.

    Attributes:
        name: of the workload.
        sizes: ascending.
        contestants: name -> (measures a size, the largest that it is asked for).
    """

    name: str
    sizes: Sequence[int]
    contestants: Mapping[str, tuple[Measure, int]]


def exponent(points: Sequence[tuple[int, float]]) -> float | None:
    """The slope of time over size in logarithms, over the upper half of the sizes; None of fewer than two."""
    upper = sorted(points)[len(points) // 2 - (len(points) > 1) :]
    if len(upper) < 2:
        return None
    xs, ys = [math.log(size) for size, _ in upper], [math.log(wall_s) for _, wall_s in upper]
    return round(statistics.linear_regression(xs, ys).slope, 3)


def growth(runs: int, *, smoke: bool) -> None:
    """Measures and reports every series."""
    for series in _series():
        sizes = series.sizes[:2] if smoke else series.sizes
        figures: dict[str, dict[str, object]] = {}
        for name, (measure, largest) in series.contestants.items():
            points: list[tuple[int, float]] = []
            peaks: list[int] = []
            for size in (each for each in sizes if each <= largest):
                samples = [measure(size) for _ in range(1 if size == sizes[-1] else runs)]
                points.append((size, round(statistics.median(each.wall_s for each in samples), 4)))
                peaks.append(max(each.peak_memory_bytes for each in samples))
            figures[name] = {"wall_s": points, "exponent": exponent(points), "peak_memory_bytes": peaks}
        report(f"growth-{series.name}", {"sizes": list(sizes), "runs": runs, "figures": figures})


def _series() -> list[Series]:
    nix = 0 if missing("nix-build") else 1
    return [
        Series(
            name="builds",
            sizes=[10, 100, 1000, 10_000],
            contestants={
                "hermetica": (_cold(Hermetica()), 10_000),
                "nix": (_cold(Nix()), 1000 * nix),
                "make+bwrap": (_cold(MakeBwrap()), 10_000),
            },
        ),
        Series(
            name="noop",
            sizes=[10, 100, 1000, 10_000],
            contestants={"hermetica": (_noop(Hermetica()), 10_000), "nix": (_noop(Nix()), 1000 * nix)},
        ),
        Series(
            name="evaluate",
            sizes=[100, 1000, 10_000, 100_000],
            contestants={"hermetica": (_evaluate, 100_000), "nix": (_evaluate_nix, 10_000 * nix)},
        ),
        Series(
            name="ingest",
            sizes=[100, 1000, 10_000, 50_000],
            contestants={"hermetica": (_ingest, 50_000), "nix": (_ingest_nix, 50_000 * nix)},
        ),
        Series(
            name="collect",
            sizes=[100, 1000, 10_000],
            contestants={"hermetica": (_collect, 10_000), "nix": (_collect_nix, 10_000 * nix)},
        ),
    ]


def _cold(tool: Tool) -> Measure:
    return lambda size: cold(tool, independent(size))()


def _noop(tool: Tool) -> Measure:
    def measure(size: int) -> Sample:
        built = Built.make(tool, Shape(layers=10, width=size // 10, top=True))
        try:
            return built.again()
        finally:
            built.remove()

    return measure


def _in_fresh(work: Callable[[Fresh], Sample]) -> Sample:
    fresh = Fresh.make()
    try:
        return work(fresh)
    finally:
        fresh.remove()


def _evaluate(size: int) -> Sample:
    def work(fresh: Fresh) -> Sample:
        module = fresh.path / "graph.py"
        module.write_text(graphs.wide(size), encoding="utf-8")
        command = [sys.executable, "-c", EVALUATE, str(module)]
        return run(command, {"HERMETICA_STORE": str(fresh.path / "store")})

    return _in_fresh(work)


def _evaluate_nix(size: int) -> Sample:
    def work(fresh: Fresh) -> Sample:
        expression = fresh.path / "graph.nix"
        expression.write_text(graphs.wide_nix(size), encoding="utf-8")
        return run(["nix-instantiate", *nix_options(fresh.path / "nix"), str(expression)], _NIX)

    return _in_fresh(work)


def _ingest(size: int) -> Sample:
    def work(fresh: Fresh) -> Sample:
        make_tree(fresh.path / "tree", size, _SMALL_FILES_BYTES)
        return run(hermetica("store", "add", str(fresh.path / "tree")), {"HERMETICA_STORE": str(fresh.path / "store")})

    return _in_fresh(work)


def _ingest_nix(size: int) -> Sample:
    def work(fresh: Fresh) -> Sample:
        make_tree(fresh.path / "tree", size, _SMALL_FILES_BYTES)
        return run(["nix-store", *nix_options(fresh.path / "nix"), "--add", str(fresh.path / "tree")], _NIX)

    return _in_fresh(work)


def _collect(size: int) -> Sample:
    def work(fresh: Fresh) -> Sample:
        make_tree(fresh.path / "tree", size, 200)
        return collect_own(fresh.path / "tree")[0]

    return _in_fresh(work)


def _collect_nix(size: int) -> Sample:
    def work(fresh: Fresh) -> Sample:
        make_tree(fresh.path / "tree", size, 200)
        return collect_nix(fresh.path / "tree")

    return _in_fresh(work)
