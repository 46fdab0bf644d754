"""Starts the child and asks it: an evaluator whose modules run apart."""

from __future__ import annotations

import json
import os
import select
import sys
from collections import deque
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import attrs

from hermetica.cli.apart.child import SAID_BYTES_MAX, Child, beginning_of
from hermetica.cli.apart.wire import Receiver, error_of, source_of
from hermetica.cli.members import Unmade
from hermetica.cli.target import Kind, parse
from hermetica.cli.targets import sole
from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from hermetica.cli.apart.early import Early
    from hermetica.cli.apart.otherwise import Otherwise
    from hermetica.cli.apart.project import Project
    from hermetica.cli.apart.surroundings import Surroundings
    from hermetica.cli.recall.reading import Account
    from hermetica.cli.targets import Selected
    from hermetica.model import Source


class EvaluationLost(HermeticaError):
    """The child that evaluates ended, or said what makes no sense."""

    code = "HM691"


class NoChild(Exception):
    """There can be no child here; the text says why."""


@attrs.define(eq=False)
class Apart:
    """Evaluates in a child of this process, in a sandbox.

    Attributes:
        project: what it may see.
        surroundings: all that it sees.
    """

    project: Project
    surroundings: Surroundings
    _child: Child
    _following: deque[str]
    _receiver: Receiver = attrs.field(init=False, factory=Receiver)

    def begin(self) -> None:
        """Waits until the child is there, and tells it what it is to be.

        Raises:
            NoChild: it cannot be.
        """
        child, process = self._child, self._child.process
        try:
            self._line()
            self._write(child.beginning.given)
        except (OSError, ValueError):
            child.kill()
            said = process.stderr.read(SAID_BYTES_MAX) if process.stderr is not None else b""
            self.close()
            lines = said.decode("utf-8", "replace").strip().splitlines()
            raise NoChild(lines[-1] if lines else f"it ended with status {process.returncode}") from None

    def derivations(self, texts: Iterable[str]) -> list[Selected]:
        """The derivations that targets name, each once."""
        return self._selection("derivations", texts=list(texts))

    def one(self, text: str) -> Selected:
        """The one derivation that a target names."""
        return sole(text, self.derivations([text]))

    def checks(self, texts: Iterable[str]) -> list[Selected]:
        """The checks of package sets at targets, or below them."""
        return self._selection("checks", texts=list(texts))

    def names(self, texts: Iterable[str]) -> list[str]:
        """Every name at the places of targets that could be one itself."""
        return cast("list[str]", self._ask("names", texts=list(texts))["names"])

    def beside(self, texts: Iterable[str], unmade: Unmade = Unmade.LEAVE) -> list[Selected]:
        """The derivations of the modules that targets are in."""
        return self._selection("beside", texts=list(texts), unmade=unmade.name)

    def source(self, text: str) -> Source:
        """The source of local files that a target names."""
        return source_of(self._ask("source", text=text)["source"])

    @contextmanager
    def watching(self) -> Generator[None]:
        """The time of an evaluation that gives account of what it reads."""
        self._ask("watch")
        yield
        self._ask("unwatch")

    def account(self, *, code: bool) -> Account:
        """The account of what was read: what lay outside its sight was the same for it as it will be again."""
        from hermetica.cli.recall.reading import Account  # noqa: PLC0415 -- only of what may be remembered
        from hermetica.cli.recall.states import state  # noqa: PLC0415 -- only of what may be remembered

        answer = self._ask("account", code=code)
        rows = [(kind, bytes.fromhex(name), bytes.fromhex(seen)) for kind, name, seen in answer["states"]]
        states = {(kind, name): seen for kind, name, seen in rows if self._counts(kind, name)}
        # of a directory's entries also what links lead to, which may be out of its sight
        states = {read: state(*read) if read[0] == "e" else seen for read, seen in states.items()}
        return Account(states, answer["refusal"])

    def _counts(self, kind: str, name: bytes) -> bool:
        if kind == "v":
            return os.fsdecode(name) in self.project.environment
        return self.surroundings.shows(os.fsdecode(name.partition(b"//")[0]))

    def sees(self, texts: Iterable[str]) -> bool:
        """Whether it can evaluate the modules of these targets too."""
        return all(self.surroundings.shows(os.path.realpath(file)) for file in files_of(texts))

    def close(self) -> None:
        """Ends the child."""
        self._child.end()

    def _write(self, request: Mapping[str, Any]) -> None:
        self._child.requests.write(json.dumps(request).encode() + b"\n")
        self._child.requests.flush()

    def _ask(self, what: str, **more: Any) -> dict[str, Any]:
        try:
            self._write({"ask": what, **more})
            answer: dict[str, Any] = json.loads(self._line())
        except (OSError, ValueError) as error:
            raise self._lost() from error
        if "error" in answer:
            raise self._explained(error_of(answer["error"]), answer["unseen"])
        if "defect" in answer:
            raise EvaluationLost(
                f"evaluation failed within hermetica: {answer['defect']}",
                details=(("at", answer["at"]),),
                hint="please report it; --impure evaluates without a sandbox",
            )
        return answer

    def _selection(self, what: str, **more: Any) -> list[Selected]:
        answer = self._ask(what, **more)
        records = list(islice(self._child.answers, answer["records"]))
        if len(records) < answer["records"]:
            raise self._lost()
        return self._receiver.selection(answer, [record.rstrip(b"\n") for record in records])

    def _line(self) -> bytes:
        while self._following and not select.select([self._child.answers], [], [], 0)[0]:
            import_module(self._following.popleft())
        line: bytes = self._child.answers.readline()
        if not line.endswith(b"\n"):
            raise ValueError("it ended")
        return line

    def _lost(self) -> HermeticaError:
        self._child.kill()
        status = self._child.process.wait()
        cause = f"ended by signal {-status}" if status < 0 else f"ended with status {status}"
        if status > 128:
            cause = f"ended by signal {status - 128}"
        return EvaluationLost("the evaluation ended before it answered", details=(("cause", cause),))

    def _explained(self, error: HermeticaError, unseen: list[tuple[str, str]]) -> HermeticaError:
        """The error, with the reason why what it did not find is not there."""
        for kind, name in unseen:
            if kind == "variable" and name in os.environ:
                error.details += (("why", f"an evaluation sees no variable that its project does not declare: {name}"),)
                error.hint = f'[tool.hermetica.evaluation] environment = ["{name}"] in pyproject.toml, or --impure'
            elif kind == "file" and not self.surroundings.shows(name) and os.path.lexists(name):
                root = self.project.places[0]
                error.details += (("why", f"{name} is outside the project {root}, and an evaluation sees no more"),)
                error.hint = '[tool.hermetica.evaluation] reads = ["PATH"] in pyproject.toml shows it more'
        return error


def start(
    texts: Iterable[str],
    path: Iterable[str] = sys.path,
    otherwise: Otherwise | None = None,
    *,
    following: Iterable[str] = (),
    early: Early | None = None,
) -> Apart:
    """A child that can evaluate the modules of targets.

    Args:
        texts: the targets.
        path: where modules are looked for.
        otherwise: how its surroundings differ from the usual ones.
        following: modules to import while there is nothing to do but wait for it.
        early: a child that may be there already.

    Raises:
        NoChild: there can be none.
        InvalidEvaluation: the project declares what makes no sense.
    """
    from hermetica.sandbox.errors import SandboxUnavailable  # noqa: PLC0415 -- only a child needs it
    from hermetica.sandbox.locate import find_bwrap  # noqa: PLC0415 -- only a child needs it

    try:
        bwrap = find_bwrap()
    except SandboxUnavailable as error:
        raise NoChild(error.message) from error
    change, strange = (None, {}) if otherwise is None else (otherwise.of, otherwise.inside)
    beginning = beginning_of(bwrap, files_of(texts), path, change, **strange)
    try:
        child = (None if early is None else early.take(beginning)) or Child(beginning)
    except OSError as error:
        raise NoChild(f"{bwrap}: {error.strerror}") from error
    return Apart(beginning.project, beginning.surroundings, child, deque(following))


def files_of(texts: Iterable[str]) -> list[str]:
    """The files among the modules that targets are in."""
    places = [target.place for target in map(parse, texts) if target.kind is Kind.MODULE]
    return [place for place in places if os.path.lexists(place)]
