"""``build --fix-hashes``: makes what has a fixed content, writes the hashes that were found out, until all are right.

What came is in the store under its true address by then, so nothing is fetched twice.
"""

from __future__ import annotations

import importlib
import linecache
import os
import sys
from collections import defaultdict
from contextlib import contextmanager
from difflib import unified_diff
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.cli.fixing.edits import Edit, edit_for, explain_unclear
from hermetica.cli.fixing.literals import Unclear
from hermetica.cli.fixing.project import Source, project_of
from hermetica.cli.modules import is_users
from hermetica.cli.realizing import realize, tell_failures
from hermetica.cli.status import HOOK_FAILED, OK, ExitStatus
from hermetica.errors import HermeticaError
from hermetica.model import UNKNOWN, evaluation
from hermetica.realize.errors import FixedOutputMismatch

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from pathlib import Path

    from hermetica.cli.session import Session
    from hermetica.model import Derivation
    from hermetica.realize import Realizations

_ROUNDS: Final = 8
_SHOWN_LINES: Final = 1


class StillWrong(HermeticaError):
    """Hashes came out wrong again after they were written, time after time."""

    code = "HM671"


class FixTakenBack(HermeticaError):
    """With the right hashes written the module cannot be evaluated any more, so they were taken back."""

    code = "HM672"


@attrs.define
class Fixer:
    """One run of one command that mends hashes.

    Attributes:
        session: the command's.
        written: every change that was made and stays.
    """

    session: Session
    written: list[Edit] = attrs.field(init=False, factory=list[Edit])

    def run(self) -> int:
        """Mends what can be; the exit status where something cannot be and nothing shall go on, else 0.

        Raises:
            StillWrong: a hash is wrong again and again.
            FixTakenBack: what was written is not what the module can use.
            HermeticaError: a target cannot be evaluated.
        """
        undo: list[Source] = []
        for _ in range(_ROUNDS):
            with _forgotten_afterwards(), self.session.evaluating_anew(), evaluation():
                fixed = self._unrealized(undo)
                if not fixed:
                    return 0
                results, status = realize(self.session, fixed, tell=False, keep_going=True)
                undo, unclear = self._mend(results)
            if not undo:
                return self._leave(results, status, unclear)
        raise StillWrong(
            f"hashes are wrong again after {_ROUNDS} rounds",
            hint="what is made depends on more than it declares: on the time, say, or on chance",
        )

    def _unrealized(self, undo: Sequence[Source]) -> list[Derivation]:
        """What of fixed content the targets still need; ``undo`` is put back where they cannot be evaluated."""
        try:
            chosen = self.session.evaluator(self.session.options.targets).derivations(self.session.options.targets)
        except HermeticaError as error:
            _take_back(undo, error)
            raise
        plan = self.session.store.plan([each.derivation for each in chosen])
        return [step.derivation for step in plan.steps if step.derivation.fixed is not None]

    def _leave(self, results: Realizations, status: int, unclear: Iterable[tuple[FixedOutputMismatch, Unclear]]) -> int:
        if status in {OK, HOOK_FAILED} or (self.session.options.keep_going and status < ExitStatus.HANGUP):
            return OK  # what failed is tried, and told, by the build that follows
        for error, reason in unclear:
            explain_unclear(error, reason)
        return tell_failures(self.session, results, status)

    def _mend(self, results: Realizations) -> tuple[list[Source], list[tuple[FixedOutputMismatch, Unclear]]]:
        """Writes what can be: the files as they were, and the mismatches that remain."""
        project = project_of(self.session.options.targets)
        edits, unclear = list[Edit](), list[tuple[FixedOutputMismatch, Unclear]]()
        for failure in results.failures:
            if isinstance(failure.error, FixedOutputMismatch):
                found = edit_for(failure.error, project)
                if isinstance(found, Unclear):
                    unclear.append((failure.error, found))
                else:
                    edits.append(found)
        clear, rivals = _without_rivals(edits)
        before = [self._write(path, own) for path, own in _by_file(clear).items()]
        self.written += clear
        return before, [*unclear, *rivals]

    def _write(self, path: Path, edits: Sequence[Edit]) -> Source:
        """Changes one file and shows how; the file as it was."""
        before = Source.read(path)
        after = before.with_places({edit.place for edit in edits})
        after.write()
        linecache.checkcache(str(path))
        console, shown = self.session.console, os.path.relpath(path)
        for edit in sorted(edits, key=lambda each: each.place.start):
            why = "was not known" if edit.error.expected == UNKNOWN else "was another"
            console.say(
                f"{console.paint.good('fixed')}     {shown}:{edit.place.line}  {edit.error.derivation.name}"
                f"  (its hash {why})"
            )
        console.say("\n".join(_diff(before, after, shown, console.paint)))
        return before


def _by_file(edits: Iterable[Edit]) -> dict[Path, list[Edit]]:
    files: defaultdict[Path, list[Edit]] = defaultdict(list)
    for edit in edits:
        files[edit.path].append(edit)
    return dict(files)


def _without_rivals(edits: Sequence[Edit]) -> tuple[list[Edit], list[tuple[FixedOutputMismatch, Unclear]]]:
    """The changes that do not contradict each other, and the mismatches of those that do."""
    texts: defaultdict[tuple[Path, int], set[str]] = defaultdict(set)
    for edit in edits:
        texts[edit.path, edit.place.start].add(edit.place.text)
    clear = [edit for edit in edits if len(texts[edit.path, edit.place.start]) == 1]
    rivals = [
        (edit.error, Unclear(f"line {edit.place.line} has the hash of several derivations with different content"))
        for edit in edits
        if edit not in clear
    ]
    return clear, rivals


def _take_back(undo: Sequence[Source], error: HermeticaError) -> None:
    """Puts files back that a module cannot be evaluated with.

    Raises:
        FixTakenBack: there were any.
    """
    for source in undo:
        source.write()
    if undo:
        files = ", ".join(os.path.relpath(source.path) for source in undo)
        raise FixTakenBack(
            f"with the hashes written, {error.message}",
            details=(*error.details, ("taken back", files)),
            hint="the diff above shows what belongs there; write it as the function that takes it wants it",
            origin=error.origin,
        ) from error


def _diff(before: Source, after: Source, shown: str, paint: Any) -> list[str]:
    lines = unified_diff(before.text.splitlines(), after.text.splitlines(), shown, shown, lineterm="", n=_SHOWN_LINES)
    colors = {"-": paint.bad, "+": paint.good}
    return [colors.get(line[:1], paint.dim)(line) for line in lines]


@contextmanager
def _forgotten_afterwards() -> Generator[None]:
    """What is imported meanwhile from the user's files is imported anew the next time: it may be changed by then."""
    before = set(sys.modules)
    try:
        yield
    finally:
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if isinstance(file, str) and is_users(file):
                del sys.modules[name]
        importlib.invalidate_caches()
