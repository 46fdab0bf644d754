"""The runs: cases by hermetica and by others, truths by force, packages twice. Each prints JSON lines as it goes."""

from __future__ import annotations

import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from benchmarks.measure import machine
from benchmarks.reproducibility import asking, identical
from benchmarks.reproducibility import packages as real
from benchmarks.reproducibility.case import CORPORA, Case, named, read_cases
from benchmarks.reproducibility.comparators import Comparator, NixCheck, Reprotest
from benchmarks.reproducibility.derived import derive, tools
from benchmarks.reproducibility.scoring import Mark, mark, score
from benchmarks.reproducibility.truth import write_truth
from benchmarks.reproducibility.trying import discrepancies
from hermetica.realize.in_world import workshop
from hermetica.realize.options import default_jobs
from hermetica_derivations.toolchain import base_c

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import hermetica as hm

FORMAT: Final = "hermetica.reproducibility/1"
SETTINGS: Final = tuple(setting.name for setting in identical.settings())
JOBS: Final = default_jobs()
OWN: Final = "hermetica"
_SMOKE: Final = ("umask", "both-or-nothing", "careful-tar")  # these do with the tools of the smallest tree
_SMOKE_PACKAGES: Final = ("ed",)


@attrs.frozen(kw_only=True)
class Wanted:
    """Which cases, and how often.

    Attributes:
        names: of cases; all of the corpora where there is none.
        corpora: where to look.
        runs: of hermetica.
    """

    names: tuple[str, ...] = ()
    corpora: tuple[str, ...] = CORPORA
    runs: int = 3


def tell(row: str, facts: Mapping[str, Any]) -> None:
    """Prints one line, at once, for a run takes long and may be cut short."""
    print(json.dumps({"format": FORMAT, "row": row, **facts}), flush=True)


def cases(store: hm.Store, wanted: Wanted, *, jobs: int, alone: bool, smoke: bool) -> None:
    """Scores hermetica, run after run, and the other tools in the same run.

    Raises:
        UnknownCase: a name is of no case.
    """
    chosen = named(read_cases(wanted.corpora), wanted.names or (_SMOKE if smoke else ()))
    rootfs = base_c if smoke else tools()
    tree = store.objects.on_disk(store.realize(rootfs)["out"])
    tell("machine", machine())
    with tempfile.TemporaryDirectory(prefix="hermetica-cases-") as place:
        directory = Path(place)
        by_name = {case.name: case for case in chosen}
        derivations = {name: derive(case, rootfs, directory / "sources") for name, case in by_name.items()}
        for run in range(1, 2 if smoke else wanted.runs + 1):
            told = asking.answers(store, derivations, directory / f"run-{run}", jobs=jobs)
            _tell_marks(OWN, run, (mark(by_name[name], answer) for name, answer in told))
        if not alone:
            for comparator in (Reprotest(), NixCheck(tree)):
                _compare(comparator, chosen, directory, jobs)


def _compare(comparator: Comparator, chosen: Sequence[Case], directory: Path, jobs: int) -> None:
    if reason := comparator.absent():
        tell("skipped", {"tool": comparator.name, "reason": reason})
        return

    def ask(case: Case) -> Mark:
        with tempfile.TemporaryDirectory(dir=directory, ignore_cleanup_errors=True) as place:
            return comparator.ask(case, Path(place))

    with ThreadPoolExecutor(jobs) as pool:
        _tell_marks(comparator.name, 1, pool.map(ask, chosen))


def _tell_marks(tool: str, run: int, told: Iterable[Mark]) -> None:
    marks: list[Mark] = []
    for each in told:
        tell("case", {"tool": tool, "run": run, **each.to_json()})
        marks.append(each)
    for corpus in CORPORA:
        if of_corpus := [each for each in marks if each.corpus == corpus]:
            tell("score", {"tool": tool, "run": run, "corpus": corpus, **score(of_corpus).to_json()})
    tell("score", {"tool": tool, "run": run, "corpus": "all", **score(marks).to_json()})


def truths(store: hm.Store, names: Sequence[str]) -> int:
    """Tries each case in the world of each factor; the exit status: 1 where a truth does not hold on this host."""
    rootfs, wrong = tools(), 0
    with tempfile.TemporaryDirectory(prefix="hermetica-cases-") as place:
        for case in named(read_cases(), names):
            with workshop(store, derive(case, rootfs, Path(place))) as made:
                found = discrepancies(made, case)
            tell("truth", {"case": case.name, "holds": not found, "discrepancies": found})
            wrong += bool(found)
    return 1 if wrong else 0


def packages(store: hm.Store, names: Sequence[str], settings: Sequence[str], *, jobs: int, smoke: bool) -> None:
    """Builds packages twice in each setting, as many packages at a time as there are jobs.

    Raises:
        UnknownCase: a name is of no package.
    """
    chosen = named(real.PACKAGES, names or (_SMOKE_PACKAGES if smoke else ()), kind="package")
    wanted = [setting for setting in identical.settings() if setting.name in settings]
    rootfs = base_c if smoke else tools()
    derivations = {package.name: real.derive(package, rootfs) for package in chosen}
    tell("machine", machine())
    with ThreadPoolExecutor(jobs) as pool:
        asked = {pool.submit(identical.compare, store, each, wanted): name for name, each in derivations.items()}
        for compared in as_completed(asked):
            for row in compared.result():
                tell("package", {"package": asked[compared], **row})


def causes(store: hm.Store, names: Sequence[str], *, jobs: int) -> None:
    """Studies packages: what changes their outputs.

    Raises:
        UnknownCase: a name is of no package.
    """
    rootfs = tools()
    derivations = {
        package.name: real.derive(package, rootfs) for package in named(real.PACKAGES, names, kind="package")
    }
    tell("machine", machine())
    with tempfile.TemporaryDirectory(prefix="hermetica-packages-") as place:
        for name, answer in asking.answers(store, derivations, Path(place) / "study", jobs=jobs):
            files = {file: write_truth(truth) for file, truth in sorted(answer.files.items())}
            cost = {"builds": answer.builds, "wall_s": round(answer.wall_s, 1)}
            tell("causes", {"package": name, "files": files, "failed": answer.failed, **cost})
    sys.stdout.flush()
