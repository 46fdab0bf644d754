"""Any one system call of any operation fails, of anything it can fail of: typed, intact, and to be done again.

What is tried is drawn by a seed: so many faults for each operation as ``HERMETICA_FAULTS`` says (1000000 for all, which
takes minutes), by ``HERMETICA_FAULTS_SEED``.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import hermetica_store
from hermetica_store import (
    DiskFailed,
    LocksUnavailable,
    OutOfMemory,
    StoreFull,
    StoreNotWritable,
    StoreReadOnly,
    SystemRefusal,
    TooManyLinks,
    TooManyOpenFiles,
    TreeError,
)
from tests.faults.calls import AUDIT_ARCH
from tests.faults.operations import OPERATIONS, Unread
from tests.measuring import unmeasured

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT: Final = int(os.environ.get("HERMETICA_FAULTS", "10"))
SEED: Final = int(os.environ.get("HERMETICA_FAULTS_SEED", "20261124"))
#: What may be said of each; reading somebody's source or verifying may say itself what could not be read.
ANSWERS: Final[dict[int, tuple[type[Exception], ...]]] = {
    errno.ENOSPC: (StoreFull,),
    errno.EIO: (DiskFailed, TreeError, Unread),
    errno.EROFS: (StoreReadOnly, StoreNotWritable),
    errno.EMFILE: (TooManyOpenFiles, TreeError, Unread),
    errno.EMLINK: (TooManyLinks,),
    errno.ENOLCK: (LocksUnavailable,),
    errno.ENOMEM: (OutOfMemory,),
}
OF_SOURCES: Final = "UnreadableSource"


def sweep(directory: Path, operation: str) -> Iterator[dict[str, Any]]:
    """The results of a sweep in a process of its own."""
    command = [sys.executable, "-m", "tests.faults.sweep", str(directory), "--operation", operation]
    ended = subprocess.run(
        [*command, "--count", str(COUNT), "--seed", str(SEED)],
        cwd=Path(__file__).parents[2],
        env=unmeasured(),
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode == 77:
        pytest.skip(ended.stderr.strip())
    assert ended.returncode == 0, ended.stderr
    return map(json.loads, ended.stdout.splitlines())


def is_an_answer(said: dict[str, Any], code: int) -> bool:
    """Whether an error is one of those that say what happened, with the way out where it is the system's."""
    allowed = {kind.__name__ for kind in ANSWERS[code]} | {OF_SOURCES}
    kind = getattr(hermetica_store, said.get("class", ""), None)
    has_hint = kind is None or not issubclass(kind, SystemRefusal) or bool(said["hint"])
    return said.get("class") in allowed and has_hint


def defects(found: dict[str, Any]) -> list[str]:
    """What is wrong with how an operation met a fault."""
    if found.get("died"):
        return ["it hung or died"]
    code, wrong = getattr(errno, found["errno"]), list(found["wrong"])
    first, close = found["first"], found["close"]
    wrong += [
        f"{when}: {said}"
        for when, said in (("said", first), ("closing", close))
        if said and not is_an_answer(said, code)
    ]
    if found["again"]:
        wrong.append(f"once more, without the fault: {found['again']}")
    if not first and not close and not found["done"]:
        wrong.append("it said that it was done, and it is not")
    return wrong


@pytest.mark.skipif(AUDIT_ARCH is None, reason="no table of system calls for this machine")
@pytest.mark.parametrize(
    "operation",
    [pytest.param(each.name, marks=[pytest.mark.sandbox] if each.sandbox else []) for each in OPERATIONS.values()],
)
def test_a_call_that_fails_is_told_and_leaves_a_store_that_goes_on(tmp_path: Path, operation: str) -> None:
    results = list(sweep(tmp_path, operation))
    assert results
    bad = {
        f"{each['call']} {each['at']} {each['errno']} {each['lasting']}": defects(each)
        for each in results
        if defects(each)
    }
    assert bad == {}
