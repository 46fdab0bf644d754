"""The child that evaluates: how it is started, planned as a value so that one started on a guess can be recognised.

It is started before anything else is done, so this module leaves alone what is slow to import.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import hermetica
import hermetica_store
from hermetica.cli.apart.project import find_project
from hermetica.cli.apart.surroundings import FIXED, SYSTEM, Surroundings, command_line

TYPE_CHECKING = False  # the module that has it costs five milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from hermetica.cli.apart.project import Project

SAID_BYTES_MAX = 4_000
_SERVE = (  # -m would import runpy, and the package twice
    "from hermetica.cli.generated import Generated, usual_place; Generated(usual_place()).stand_in(); "
    "from hermetica.cli.apart.inside import main; main()"
)


class Beginning:
    """How a child begins: equal ones see the same, and are told the same.

    Attributes:
        bwrap: the program that makes its sandbox.
        project: what it may see.
        surroundings: all that it sees.
        given: the first thing it is told: where modules are looked for, and how its Python is to be strange.
    """

    def __init__(self, bwrap: str, project: Project, surroundings: Surroundings, given: Mapping[str, Any]) -> None:
        self.bwrap = bwrap
        self.project = project
        self.surroundings = surroundings
        self.given = given

    def words(self, descriptors: Iterable[int]) -> list[str]:
        """The command that starts it, with the descriptors that it gets."""
        python = (sys.executable, "-P", "-s", "-c", _SERVE, *map(str, descriptors))
        return command_line(self.bwrap, self.surroundings, python)

    def is_as(self, other: Beginning) -> bool:
        """Whether a child that began so serves for the other."""
        return self.words(()) == other.words(()) and self.given == other.given


class Child:
    """A child that was started.

    Attributes:
        beginning: how.
        process: its sandbox.
        requests: where it is asked, binary.
        answers: where it answers, binary.
    """

    def __init__(self, beginning: Beginning) -> None:
        asked, answers, talk = os.pipe(), os.pipe(), _talk()
        theirs = (asked[0], answers[1], talk)
        try:
            self.process = subprocess.Popen(
                beginning.words(theirs),
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=theirs,
                process_group=0,
            )
        except OSError:
            os.close(asked[1])
            os.close(answers[0])
            raise
        finally:
            for each in theirs:
                os.close(each)
        self.beginning = beginning
        self.requests = os.fdopen(asked[1], "wb")
        self.answers = os.fdopen(answers[0], "rb")

    def kill(self) -> None:
        """Kills it, together with what bubblewrap has just forked and does not die with it yet."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Ends it; once more does nothing."""
        for stream in (self.requests, self.answers):
            try:
                stream.close()
            except OSError:  # it ended before what it was asked had gone out
                continue
        self.kill()
        self.process.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()


def beginning_of(
    bwrap: str,
    files: Iterable[str],
    path: Iterable[str],
    change: Callable[[Surroundings], Surroundings] | None = None,
    **strange: Any,
) -> Beginning:
    """How a child begins that is to evaluate some modules.

    Args:
        bwrap: the program that makes its sandbox.
        files: those of the modules that are files.
        path: where modules are looked for.
        change: makes its surroundings unusual.
        strange: how its own Python is to be.

    Raises:
        InvalidEvaluation: the project declares what makes no sense.
    """
    here = os.getcwd()
    project = find_project(here, files)
    modules = [os.path.abspath(each) for each in path]
    surroundings = _surroundings(project, modules, here)
    given = {"path": modules, "any_variable": False, "clock_shift_s": 0, **strange}
    return Beginning(bwrap, project, surroundings if change is None else change(surroundings), given)


def _talk() -> int:
    """A descriptor for what the modules say: standard error itself is read until the child is there."""
    try:
        return os.dup(2)
    except OSError:  # it is closed
        return os.open(os.devnull, os.O_WRONLY)


def _surroundings(project: Project, path: Iterable[str], here: str) -> Surroundings:
    """What the evaluation of a project sees.

    Args:
        project: it.
        path: where modules are looked for, absolute.
        here: the working directory.
    """
    rooms = [os.path.dirname(os.path.dirname(str(room.__file__))) for room in (hermetica, hermetica_store)]
    own = (sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(sys.executable))
    asked = (*own, *rooms, *path, *project.places)
    links = tuple((place, os.readlink(place)) for place in SYSTEM if os.path.islink(place))
    system = [place for place in SYSTEM if not os.path.islink(place)]
    places = [*system, *(form for place in asked for form in (place, os.path.realpath(place)))]
    declared = {name: os.environ[name] for name in project.environment if name in os.environ}
    environment = {**FIXED, "PYTHONPATH": os.pathsep.join(dict.fromkeys(rooms)), **declared}
    whole = "/" in places  # below it all the same: what the places of the sandbox's own would cover
    return Surroundings(
        places=(*(("/",) if whole else ()), *_outermost(set(places) - {"/"})),
        links=() if whole else links,
        environment=environment,
        directory=os.path.abspath(here),
    )


def _outermost(places: Iterable[str]) -> tuple[str, ...]:
    """Those that lie in none of the others."""
    kept: list[str] = []
    for place in sorted(set(places), key=lambda each: (each.count("/"), each)):
        if not any(place.startswith(f"{above.rstrip('/')}/") for above in kept):
            kept.append(place)
    return tuple(kept)
