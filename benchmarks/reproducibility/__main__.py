"""``python -m benchmarks.reproducibility``: how well causes are found, and what the fixed world makes the same.

Each line that is printed is a JSON object; ``table`` makes the tables of docs/reproducibility.md from them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import hermetica as hm
from benchmarks.reproducibility import runs
from benchmarks.reproducibility.case import CORPORA
from benchmarks.reproducibility.table import write


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reproducibility", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    cases = commands.add_parser("cases", help="cases of known truth: what hermetica and other tools find")
    cases.add_argument("names", nargs="*", metavar="CASE", help="all of the corpora without any")
    cases.add_argument("--corpus", action="append", choices=CORPORA, help="several times; all of them without any")
    cases.add_argument("--runs", type=int, default=3, help="of hermetica; other tools run once")
    cases.add_argument("--alone", action="store_true", help="leave other tools out")
    truths = commands.add_parser("truths", help="try each case in each world: is its truth true here?")
    truths.add_argument("names", nargs="*", metavar="CASE")
    packages = commands.add_parser("packages", help="real packages: do two builds give the same?")
    packages.add_argument("names", nargs="*", metavar="PACKAGE", help="all of them without any")
    packages.add_argument("--setting", action="append", choices=runs.SETTINGS, help="several times; all without any")
    causes = commands.add_parser("causes", help="real packages: what changes them")
    causes.add_argument("names", nargs="+", metavar="PACKAGE")
    table = commands.add_parser("table", help="write results into docs/reproducibility.md")
    table.add_argument("results", type=Path, nargs="+", metavar="RESULTS.jsonl")
    for command in (cases, packages, causes):
        command.add_argument("-j", "--jobs", type=int, default=runs.JOBS, help="targets at once (%(default)s)")
        command.add_argument("--smoke", action="store_true", help="a few, once: does everything still work?")
    return parser


def main() -> int:
    """Runs what the command line names; 1 where a truth does not hold."""
    arguments = _parser().parse_args()
    if arguments.command == "table":
        write(arguments.results)
        return 0
    with hm.evaluation(), hm.Store.open() as store:
        if arguments.command == "truths":
            return runs.truths(store, arguments.names)
        if arguments.command == "packages":
            settings = arguments.setting or runs.SETTINGS
            runs.packages(store, arguments.names, settings, jobs=arguments.jobs, smoke=arguments.smoke)
        elif arguments.command == "causes":
            runs.causes(store, arguments.names, jobs=arguments.jobs)
        else:
            corpora = tuple(arguments.corpus or CORPORA)
            wanted = runs.Wanted(names=tuple(arguments.names), corpora=corpora, runs=arguments.runs)
            runs.cases(store, wanted, jobs=arguments.jobs, alone=arguments.alone, smoke=arguments.smoke)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except hm.HermeticaError as error:
        sys.exit(f"error[{error.code}] {error}")
