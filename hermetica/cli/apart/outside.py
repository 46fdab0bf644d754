"""Starts the child and asks it: an evaluator whose modules run apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

import hermetica
import hermetica_store
from hermetica.cli.apart.otherwise import AS_EVER
from hermetica.cli.apart.project import find_project
from hermetica.cli.apart.surroundings import FIXED, SYSTEM, Surroundings, command_line
from hermetica.cli.apart.wire import Receiver, error_of, source_of
from hermetica.cli.members import Unmade
from hermetica.cli.target import Kind, parse
from hermetica.cli.targets import sole
from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from hermetica.cli.apart.otherwise import Otherwise
    from hermetica.cli.apart.project import Project
    from hermetica.cli.recall.reading import Account
    from hermetica.cli.targets import Selected
    from hermetica.model import Source

_SAID_BYTES_MAX: Final = 4_000


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
    _child: subprocess.Popen[bytes]
    _requests: Any
    _answers: Any
    _receiver: Receiver = attrs.field(init=False, factory=Receiver)

    def begin(self) -> None:
        """Waits until the child is there.

        Raises:
            NoChild: it cannot be.
        """
        try:
            self._line()
        except (OSError, ValueError):
            self._child.kill()
            said = self._child.stderr.read(_SAID_BYTES_MAX) if self._child.stderr is not None else b""
            self.close()
            lines = said.decode("utf-8", "replace").strip().splitlines()
            raise NoChild(lines[-1] if lines else f"it ended with status {self._child.returncode}") from None

    def derivations(self, texts: Iterable[str]) -> list[Selected]:
        """The derivations that targets name, each once."""
        return self._receiver.selection(self._ask("derivations", texts=list(texts)))

    def one(self, text: str) -> Selected:
        """The one derivation that a target names."""
        return sole(text, self.derivations([text]))

    def checks(self, texts: Iterable[str]) -> list[Selected]:
        """The checks of package sets at targets, or below them."""
        return self._receiver.selection(self._ask("checks", texts=list(texts)))

    def names(self, texts: Iterable[str]) -> list[str]:
        """Every name at the places of targets that could be one itself."""
        return cast("list[str]", self._ask("names", texts=list(texts))["names"])

    def beside(self, texts: Iterable[str], unmade: Unmade = Unmade.LEAVE) -> list[Selected]:
        """The derivations of the modules that targets are in."""
        return self._receiver.selection(self._ask("beside", texts=list(texts), unmade=unmade.name))

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
        from hermetica.cli.recall.states import state  # noqa: PLC0415 -- likewise

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
        for stream in (self._requests, self._answers):
            with suppress(OSError):
                stream.close()
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()
        if self._child.stderr is not None:
            self._child.stderr.close()

    def _ask(self, what: str, **more: Any) -> dict[str, Any]:
        try:
            self._requests.write(json.dumps({"ask": what, **more}).encode() + b"\n")
            self._requests.flush()
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

    def _line(self) -> bytes:
        line: bytes = self._answers.readline()
        if not line.endswith(b"\n"):
            raise ValueError("it ended")
        return line

    def _lost(self) -> HermeticaError:
        self._child.kill()
        status = self._child.wait()
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


def start(texts: Iterable[str], path: Iterable[str] = sys.path, otherwise: Otherwise = AS_EVER) -> Apart:
    """A child that can evaluate the modules of targets.

    Args:
        texts: the targets.
        path: where modules are looked for.
        otherwise: how its surroundings differ from the usual ones.

    Raises:
        NoChild: there can be none.
        InvalidEvaluation: the project declares what makes no sense.
    """
    from hermetica.sandbox.errors import SandboxUnavailable  # noqa: PLC0415 -- only a child needs it
    from hermetica.sandbox.locate import find_bwrap  # noqa: PLC0415 -- likewise

    try:
        bwrap = find_bwrap()
    except SandboxUnavailable as error:
        raise NoChild(error.message) from error
    here = Path.cwd()
    project = find_project(here, files_of(texts))
    modules = [os.path.abspath(each) for each in path]  # noqa: PTH100 -- links stay
    surroundings = otherwise.of(surroundings_of(project, modules, here))
    asked, answers, talk = os.pipe(), os.pipe(), _talk()
    theirs = (asked[0], answers[1], talk)
    command = (sys.executable, "-P", "-s", "-m", "hermetica.cli.apart.inside", *map(str, theirs))
    words = command_line(bwrap, surroundings, (*command, json.dumps({"path": modules, **otherwise.inside})))
    try:
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=theirs)
    except OSError as error:
        os.close(asked[1])
        os.close(answers[0])
        raise NoChild(f"{bwrap}: {error.strerror}") from error
    finally:
        for each in theirs:
            os.close(each)
    return Apart(project, surroundings, child, os.fdopen(asked[1], "wb"), os.fdopen(answers[0], "rb"))


def _talk() -> int:
    """A descriptor for what the modules say: standard error itself is read until the child is there."""
    try:
        return os.dup(2)
    except OSError:  # it is closed
        return os.open(os.devnull, os.O_WRONLY)


def files_of(texts: Iterable[str]) -> list[Path]:
    """The files among the modules that targets are in."""
    places = [target.place for target in map(parse, texts) if target.kind is Kind.MODULE]
    return [Path(place) for place in places if os.path.lexists(place)]


def surroundings_of(project: Project, path: Iterable[str], here: Path) -> Surroundings:
    """What the evaluation of a project sees.

    Args:
        project: it.
        path: where modules are looked for, absolute.
        here: the working directory.
    """
    rooms = [str(Path(str(room.__file__)).parent.parent) for room in (hermetica, hermetica_store)]
    own = (sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(sys.executable))  # noqa: PTH120 -- links stay
    asked = (*own, *rooms, *path, *project.places)
    links = tuple((place, os.readlink(place)) for place in SYSTEM if os.path.islink(place))  # noqa: PTH114, PTH115
    system = [place for place in SYSTEM if not os.path.islink(place)]  # noqa: PTH114 -- as in the line above
    places = [*system, *(form for place in asked for form in (place, os.path.realpath(place)))]
    declared = {name: os.environ[name] for name in project.environment if name in os.environ}
    environment = {**FIXED, "PYTHONPATH": os.pathsep.join(dict.fromkeys(rooms)), **declared}
    return Surroundings(
        places=_outermost(places),
        links=links,
        environment=environment,
        directory=os.path.abspath(here),  # noqa: PTH100
    )


def _outermost(places: Iterable[str]) -> tuple[str, ...]:
    """Those that lie in none of the others."""
    kept: list[str] = []
    for place in sorted(set(places), key=lambda each: (each.count("/"), each)):
        if not any(place.startswith(f"{above.rstrip('/')}/") for above in kept):
            kept.append(place)
    return tuple(kept)
