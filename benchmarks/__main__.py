"""``python -m benchmarks NAME…``: one JSON line each. ``--smoke`` runs small sizes once; ``--list`` names them."""

from __future__ import annotations

import argparse
import os
import sys

from benchmarks.growth import growth
from benchmarks.measure import ON_DISK
from benchmarks.workloads import WORKLOADS


def main() -> int:
    """Runs what the command line names; 1 where a benchmark could not run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(WORKLOADS)}; all without any")
    parser.add_argument("--smoke", action="store_true", help="small sizes, one run: does everything still work?")
    parser.add_argument("--runs", type=int, default=3, help="samples of each contestant")
    parser.add_argument(
        "--disk", action="store_true", help="each sample on a new ext4 file system, not in memory (needs root)"
    )
    parser.add_argument("--list", action="store_true", help="print the names")
    arguments = parser.parse_args()
    workloads = {**WORKLOADS, "growth": growth}
    if arguments.list:
        print("\n".join(workloads))
        return 0
    if unknown := [name for name in arguments.names if name not in workloads]:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(workloads)}")
    if arguments.disk:
        os.environ[ON_DISK] = "1"
    for name in arguments.names or workloads:
        workloads[name](1 if arguments.smoke else arguments.runs, smoke=arguments.smoke)
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
