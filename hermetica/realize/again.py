"""Building once more and comparing: nothing of it is registered, and what differs is kept to be looked at."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.realize.errors import NotReproducible, RealizeError, RoundsDiffer
from hermetica.realize.events import RebuildStarted
from hermetica.realize.logs import BuildLog
from hermetica.realize.make import make
from hermetica_store.compare_trees import compare_contents
from hermetica_store.content import tree_digest
from hermetica_store.inspection import inspect
from hermetica_store.rebuilt import keep_trees, take_rebuilt
from hermetica_store.refusals import working_in

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from io import RawIOBase
    from pathlib import Path

    from hermetica.model import Derivation, Resolved
    from hermetica.realize.context import RunContext
    from hermetica_store import Scratch, StorePath
    from hermetica_store.comparison import Comparison
    from hermetica_store.digest import Digest
    from hermetica_store.rebuilt import Rebuilt

DIFFERENCES_FORMAT: Final = "hermetica.differences/1"
_SHOWN: Final = 8
_FILE: Final = "differences.json"
_LOG: Final = ".log"  # no output is called so: names do not begin with a dot
_FIRST: Final = "round-1"


@attrs.frozen(kw_only=True)
class First:
    """An output of an earlier build, to be compared with.

    Attributes:
        path: its name.
        tree: its true tree digest.
        on_disk: where it lies.
    """

    path: StorePath
    tree: Digest
    on_disk: Path


@attrs.frozen(kw_only=True)
class Turn:
    """One of the builds that are compared.

    Attributes:
        number: counted from 1.
        total: how many there are to be.
        is_round: whether it is a round of a build whose first one is not registered yet; else a check of what is.
    """

    number: int
    total: int
    is_round: bool

    @property
    def directory(self) -> str:
        """What the tree of this build is kept under."""
        return f"round-{self.number}" if self.is_round else "rebuilt"

    @property
    def said(self) -> str:
        """Which build this is, for people."""
        return f"round {self.number} of {self.total}" if self.is_round else f"rebuild {self.number} of {self.total}"


def build_again(resolved: Resolved, context: RunContext, first: Mapping[str, First], turn: Turn) -> None:
    """Builds ``resolved`` once more; returns where every output is what it was.

    Args:
        resolved: what to build.
        context: the run.
        first: output -> what it was.
        turn: which build this is.

    Raises:
        NotReproducible: an output differs; both trees are kept.
        RealizeError: it could not be built this time.
    """
    derivation = resolved.derivation
    context.emit(
        RebuildStarted(
            time_s=time.time(),
            drv=derivation.id.hex,
            name=derivation.name,
            number=turn.number,
            total=turn.total,
            against="round 1" if turn.is_round else "store",
        )
    )
    with context.store.scratch() as scratch, _writer(context, scratch) as writer:
        log = BuildLog(writer, lambda text: context.log(derivation, text))
        try:
            candidates = make(resolved, context, scratch, log).candidates
        except RealizeError as error:
            error.details = (*error.details, ("while", f"building it again, {turn.said}"))
            raise
        rebuilt = take_rebuilt(context.store.root, candidates, {output: each.path for output, each in first.items()})
        if any(each.tree != first[each.output].tree for each in rebuilt):
            with working_in(context.store.root):
                raise _tell_apart(derivation, scratch, first, rebuilt, turn)


@attrs.frozen(eq=False)
class _Writer:
    """Keeps a log in a scratch directory, for as long as that is there."""

    root: Path
    file: RawIOBase

    def write(self, data: bytes, /) -> object:
        """Takes the next bytes."""
        with working_in(self.root):
            return self.file.write(data)


@contextmanager
def _writer(context: RunContext, scratch: Scratch) -> Generator[_Writer]:
    root = context.store.root
    with working_in(root):
        file = (scratch.path / _LOG).open("wb", buffering=0)
    with file:
        yield _Writer(root, file)


def _tell_apart(
    derivation: Derivation, scratch: Scratch, first: Mapping[str, First], rebuilt: Sequence[Rebuilt], turn: Turn
) -> NotReproducible:
    """Keeps both trees and says in what they differ."""
    kept, places, again = _keep(scratch, first, rebuilt, turn)
    comparisons: dict[str, Comparison] = {}
    details: list[tuple[str, str]] = []
    for each in rebuilt:
        before, place = first[each.output], places[each.output]
        if each.tree == before.tree:
            continue
        found = inspect(place).content
        comparison = comparisons[each.output] = compare_contents(place, found, again[each.output], each.content)
        details += [
            (each.output, _described(comparison)),
            ("first", str(place)),
            ("second", str(again[each.output])),
        ]
        if tree_digest(found) != before.tree:
            details.append(("damaged", f"{place} is not what was registered: see hermetica store verify"))
    document = _document(derivation, comparisons, places, again, turn)
    (kept / _FILE).write_text(json.dumps(document, indent=1), encoding="utf-8")
    names = ", ".join(comparisons)
    facts: dict[str, Any] = {"comparisons": comparisons, "differences": document, "details": tuple(details)}
    if turn.is_round:
        message = f"round {turn.number} of {turn.total} differs from round 1 in output {names}"
        return RoundsDiffer(derivation, message, **facts)
    return NotReproducible(derivation, f"not reproducible: built again, it has another output {names}", **facts)


def _described(comparison: Comparison) -> str:
    lines = [comparison.summary, *(str(each) for each in comparison.differences[:_SHOWN])]
    if (more := len(comparison.differences) - _SHOWN) > 0:
        lines.append(f"and {more:,} more, all of them in {_FILE} beside the second tree")
    return "\n".join(lines)


def _keep(
    scratch: Scratch, first: Mapping[str, First], rebuilt: Sequence[Rebuilt], turn: Turn
) -> tuple[Path, dict[str, Path], dict[str, Path]]:
    """Keeps the trees and the log; the place, and the first and the second trees by output."""
    trees = {turn.directory: {each.path.base: each.tree_on_disk for each in rebuilt}}
    places = {output: each.on_disk for output, each in first.items()}
    if turn.is_round:
        trees[_FIRST] = {each.path.base: each.on_disk for each in first.values()}
    kept = keep_trees(scratch, trees)
    if turn.is_round:
        places = {output: kept / _FIRST / each.path.base for output, each in first.items()}
    (kept / _LOG).rename(kept / "log")
    return kept, places, {each.output: kept / turn.directory / each.path.base for each in rebuilt}


def _document(
    derivation: Derivation,
    comparisons: Mapping[str, Comparison],
    first: Mapping[str, Path],
    second: Mapping[str, Path],
    turn: Turn,
) -> dict[str, Any]:
    return {
        "format": DIFFERENCES_FORMAT,
        "drv": derivation.id.hex,
        "name": derivation.name,
        "number": turn.number,
        "total": turn.total,
        "against": "round 1" if turn.is_round else "store",
        "outputs": {
            output: {
                "first": str(first[output]),
                "second": str(second[output]),
                "entries": comparison.entries,
                "differences": [each.to_json() for each in comparison.differences],
            }
            for output, comparison in comparisons.items()
        },
    }
