"""How much memory it takes to plan and build very many derivations."""

from __future__ import annotations

from benchmarks.building import cold
from benchmarks.measure import compare
from benchmarks.shapes import independent
from benchmarks.tools import JOBS, Hermetica


def memory(runs: int, *, smoke: bool) -> None:
    """Independent trivial builds, planned and built in one run: the largest resident set of the processes of it."""
    del runs  # memory hardly spreads, and the large one takes a quarter of an hour
    for count in (20, 200) if smoke else (10_000, 100_000):
        sample = cold(Hermetica(), independent(count))()
        compare(f"memory-{count}", {"hermetica": [sample]}, {}, count=count, jobs=JOBS)
