"""Every system call of an operation fails once; each time the store must stay whole and the operation repeatable.

Run as a program, ``python -m tests.faults.sweep DIRECTORY --operation NAME --count 20 --seed 1`` prints one JSON
object for each fault: what failed, what the operation said, and what was wrong afterwards. It forks, so it has one
thread only.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import random
import shutil
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, Final

from hermetica_store import ObjectStore
from hermetica_store.errors import HermeticaError
from tests.campaign.checker import check
from tests.faults.calls import CAN_FAIL_OF, Kind
from tests.faults.injection import Fault, Switch, run_child
from tests.faults.operations import OPERATIONS, Operation, Unread, furnish, intact

NOT_HERE: Final = 77
_HARMLESS: Final = frozenset({"unregistered"})  # what a crash leaves too; the next collection removes it


def outcome_of(act: Any) -> dict[str, Any]:
    """What came of ``act``: nothing wrong, an error of ours with its parts, or something foreign."""
    try:
        act()
    except HermeticaError as error:
        return {
            "class": type(error).__name__,
            "code": error.code,
            "hint": error.hint,
            "text": str(error),
            "causes": [text for label, text in error.details if label == "cause"],
        }
    except Unread as error:
        return {"class": "Unread", "code": "", "hint": "", "text": str(error), "causes": []}
    except BaseException:  # noqa: BLE001 -- this is what must not come
        return {"foreign": traceback.format_exc()}
    return {}


def _attempt(operation: Operation, root: Path, switch: Switch) -> bytes:
    """In the child: the operation under the fault, then once more without it, in the same process."""

    def opening() -> None:
        with ObjectStore.open(root) as opened:
            operation.act(opened)

    if operation.opens:
        switch.arm()
        first = outcome_of(opening)
        switch.disarm()
        return json.dumps({"first": first, "again": outcome_of(opening) if first else {}, "close": {}}).encode()
    store = ObjectStore.open(root)
    switch.arm()
    first = outcome_of(lambda: operation.act(store))
    switch.disarm()
    again = outcome_of(lambda: operation.act(store)) if first else {}
    return json.dumps({"first": first, "again": again, "close": outcome_of(store.close)}).encode()


def _inspect(operation: Operation, root: Path, _switch: Switch) -> bytes:
    """In another child: what is wrong with the store, by itself and by a checker that shares no code with it."""
    wrong: list[str] = []

    def look() -> None:
        with ObjectStore.open(root) as store:
            wrong.extend(f"{p.kind} {p.path} {p.file}" for p in store.verify().problems if p.kind not in _HARMLESS)
            if not intact(store):
                wrong.append("what was there before is not")
            done = operation.proof(store)
            operation.act(store)
            store.collect()
            wrong.extend(f"after a collection: {p.kind} {p.path} {p.file}" for p in store.verify().problems)
            if not intact(store):
                wrong.append("what was there before is not, after a collection")
            if left := [*(root / "tmp").iterdir()]:
                wrong.append(f"scratch is left: {left}")
            if done:
                proven.append("done")

    proven: list[str] = []
    wrong.extend(f"checker: {problem}" for problem in check(root)[1])
    if said := outcome_of(look):
        wrong.append(f"cannot go on: {said}")
    wrong.extend(f"checker, after a collection: {problem}" for problem in check(root, collected=True)[1])
    return json.dumps({"wrong": wrong, "done": bool(proven)}).encode()


def remove(path: Path) -> None:
    """Removes a store's directory, read-only objects and all."""
    for directory, _, _ in os.walk(path):
        with contextlib.suppress(OSError):
            Path(directory).chmod(0o700)
    shutil.rmtree(path)


class Sweep:
    """One operation, and all the faults it can meet."""

    def __init__(self, directory: Path, operation: Operation) -> None:
        self._directory = directory
        self._operation = operation
        self._template = directory / "template" / "root"
        self._number = 0
        if not self._template.exists():
            self._template.parent.mkdir(parents=True)
            run_child(lambda _: outcome_text(lambda: furnish(self._template)), None)

    def _fresh(self) -> Path:
        self._number += 1
        place = self._directory / f"{self._operation.name}-{self._number}"
        subprocess.run(["cp", "-a", str(self._template.parent), str(place)], check=True)
        return place / "root"

    def warm_up(self) -> None:
        """Does it once in this process, so that no child has modules to load; its threads end with the store."""
        root = self._fresh()
        with ObjectStore.open(root) as store:
            self._operation.act(store)
            store.collect()
        remove(root.parent)

    def run(self, fault: Fault | None) -> tuple[dict[str, Any], tuple[tuple[str, Kind], ...]]:
        """What came of the operation under a fault, and the calls it made."""
        root = self._fresh()
        ran = run_child(lambda switch: _attempt(self._operation, root, switch), fault)
        said: dict[str, Any] = {"died": True} if ran.said is None else json.loads(ran.said)
        looked = run_child(lambda switch: _inspect(self._operation, root, switch), None)
        said |= {"wrong": ["the inspection died"]} if looked.said is None else json.loads(looked.said)
        remove(root.parent)
        return said, ran.calls

    def faults(self, count: int, seed: int) -> list[Fault]:
        """The faults to try, at most so many, drawn by a seed; in the order in which they come."""
        _, calls = self.run(None)
        every = [
            Fault(at=at, errno=code, lasting=lasting)
            for at, (_, kind) in enumerate(calls)
            for code in CAN_FAIL_OF[kind]
            for lasting in (False, True)
        ]
        draw = random.Random(f"{seed} {self._operation.name}")  # noqa: S311 -- reproducible, not secret
        return every if count >= len(every) else sorted(draw.sample(every, count), key=lambda fault: fault.at)


def outcome_text(act: Any) -> bytes:
    """`outcome_of` as JSON."""
    return json.dumps(outcome_of(act)).encode()


def main() -> None:
    """Runs a sweep, one JSON object a line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--operation", choices=sorted(OPERATIONS), action="append")
    parser.add_argument("--count", type=int, default=1 << 30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if run_child(lambda _: b"", None).said is None:
        sys.stderr.write("this system does not let a process filter the system calls of another\n")
        sys.exit(NOT_HERE)
    for name in options.operation or OPERATIONS:
        sweep = Sweep(options.directory, OPERATIONS[name])
        sweep.warm_up()
        for fault in sweep.faults(options.count, options.seed):
            said, calls = sweep.run(fault)
            about = {
                "operation": name,
                "call": calls[fault.at][0] if fault.at < len(calls) else "none",
                "at": fault.at,
                "errno": errno.errorcode[fault.errno],
                "lasting": fault.lasting,
            }
            print(json.dumps({**about, **said}), flush=True)  # noqa: T201 -- the result


if __name__ == "__main__":
    main()
