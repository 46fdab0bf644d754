"""Lets every system call of every operation fail, and prints what came of it as the table of docs/faults.md.

``python -m tests.faults [--count N] [--seed S]``: N faults for each operation, drawn by S; all of them without.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from tests.faults.operations import OPERATIONS
from tests.faults.test_every_call import defects


def answer(found: dict[str, Any]) -> str:
    """What an operation said."""
    return str(found.get("first", {}).get("class", "done all the same"))


def main() -> int:
    """Prints the table; 1 where anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--count", type=int, default=1 << 30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    total = wrong = 0
    print("| operation | errno | faults | answers |", "| --- | --- | --- | --- |", sep="\n")  # noqa: T201 -- the result
    for operation in OPERATIONS:
        answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
        with tempfile.TemporaryDirectory(prefix="hermetica-faults-") as directory:
            command = [sys.executable, "-m", "tests.faults.sweep", directory, "--operation", operation]
            command += ["--count", str(options.count), "--seed", str(options.seed)]
            ended = subprocess.run(
                command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True, check=True
            )
        for found in map(json.loads, ended.stdout.splitlines()):
            answers[found["errno"]][answer(found)] += 1
            total += 1
            if bad := defects(found):
                wrong += 1
                print(json.dumps({**found, "defects": bad}), file=sys.stderr)  # noqa: T201 -- the result
        for code, counts in sorted(answers.items()):
            said = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
            print(f"| {operation} | {code} | {counts.total()} | {said} |", flush=True)  # noqa: T201 -- the result
    print(f"\n{total} faults, {wrong} not met as they should be")  # noqa: T201 -- the result
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
