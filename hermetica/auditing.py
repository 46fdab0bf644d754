"""Embedded evaluation, watched: what a user's code looks at besides its project is recorded, or refused at its line.

Python tells audit hooks of files, directories, sockets and processes. It tells nobody of the environment, so
``os.environ`` is made to tell for as long as somebody listens. Nobody tells of the clock, of chance, of the order of
sets, and of what foreign code does: ``hermetica check --pure`` finds those, by evaluating again in other surroundings.
Source: PEP 578; the Python library's audit event table.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import attrs

from hermetica.errors import EvaluationError
from hermetica.model import evaluation
from hermetica.readings import listener

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence
    from types import FrameType

    from hermetica.model import Evaluation
    from hermetica.readings import Listener

__all__ = ["Audit", "ImpureEvaluation", "Impurity", "audited"]

Kind: TypeAlias = Literal["variable", "file", "write", "network", "process", "native"]

_HINTS: Final[dict[Kind, str]] = {
    "variable": "pass it as an argument, or declare it: env=[…]",
    "file": "keep it in the project, or declare it: reads=[…]",
    "write": "an evaluation only says what is to be built; let a builder write",
    "network": "let a derivation fetch it: hm.fetchurl(…)",
    "process": "let a derivation run it: hm.run(…)",
    "native": "nobody can tell what foreign code looks at; load it before the evaluation",
}
_NETWORK: Final = ("socket.", "urllib.", "http.client.", "ftplib.", "imaplib.", "poplib.", "smtplib.")
_PROCESSES: Final = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn"}
)
_LOOKS: Final = frozenset({"os.listdir", "os.scandir", "os.walk", "os.fwalk", "glob.glob", "sqlite3.connect"})
_WRITES: Final = frozenset(
    {
        *("os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink"),
        *("os.truncate", "os.utime", "tempfile.mkdtemp", "tempfile.mkstemp"),
    }
)
_HARMLESS: Final = frozenset({"socket.__new__"})  # one that is connected to nothing
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_COMPILED: Final = f"{os.sep}__pycache__"
_IMPORTING: Final = "<frozen importlib"
_OURS: Final = f"{Path(__file__).resolve().parent}{os.sep}"
_ALL: Final = "every variable"


@attrs.frozen(kw_only=True)
class Impurity:
    """Something that an evaluation looked at, or did, which its project does not declare.

    Attributes:
        kind: ``variable``, ``file``, ``write``, ``network``, ``process`` or ``native``.
        what: the name of the variable, the path, the audit event.
        origin: the user's line, ``file:line``; None where there is none on the stack.
    """

    kind: Kind
    what: str
    origin: str | None

    def __str__(self) -> str:
        texts: dict[Kind, str] = {
            "variable": f"it looks at {self.what} of the environment",
            "file": f"it reads {self.what}, which is outside of the project",
            "write": f"it writes {self.what}",
            "network": f"it asks the network ({self.what})",
            "process": f"it starts a process ({self.what})",
            "native": f"it loads foreign code ({self.what})",
        }
        return texts[self.kind]


class ImpureEvaluation(EvaluationError):
    """An evaluation that may look at nothing but its project looked at something else.

    Attributes:
        impurity: what.
    """

    code = "HM709"

    def __init__(self, impurity: Impurity, project: Path) -> None:
        super().__init__(
            f"the evaluation is not pure: {impurity}",
            details=(("project", str(project)),),
            hint=_HINTS[impurity.kind],
            origin=impurity.origin,
        )
        self.impurity = impurity


@attrs.define(eq=False)
class Audit:
    """A watched evaluation.

    Attributes:
        project: the directory that it may read.
        is_strict: whether it is refused what it may not.
        variables: names of the environment that it may look at.
        granted: directories and files that it may read, with a separator at the end.
        evaluation: its scope.
    """

    project: Path
    is_strict: bool
    variables: frozenset[str]
    granted: tuple[str, ...]
    evaluation: Evaluation
    _outer: Listener | None
    _found: dict[Impurity, None] = attrs.field(init=False, factory=dict[Impurity, None])
    _paused: int = attrs.field(init=False, default=0)

    @property
    def findings(self) -> tuple[Impurity, ...]:
        """What it looked at and its project does not declare, each once, in order."""
        return tuple(self._found)

    def check(self) -> None:
        """That it was pure.

        Raises:
            ImpureEvaluation: it was not; what came first.
        """
        for first in self._found:
            raise ImpureEvaluation(first, self.project)

    def note(self, kind: Kind, what: str) -> None:
        """Something is looked at, or done, that is not declared.

        Raises:
            ImpureEvaluation: in a strict evaluation.
        """
        if self._paused:
            return
        # documented, and 50 times cheaper than the inspect module: every open file of an evaluation comes by here
        is_import, origin = _user_line(sys._getframe(1))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] -- CPython documents it
        impurity = Impurity(kind=kind, what=what, origin=origin)
        if is_import or Impurity(kind=kind, what=_ALL, origin=origin) in self._found:
            return
        self._found[impurity] = None
        if self.is_strict:
            raise ImpureEvaluation(impurity, self.project)

    def read(self, path: object) -> None:
        """A file or a directory is opened."""
        if isinstance(path, int):
            return  # what a descriptor leads to was opened before
        name = os.path.abspath(os.curdir if path is None else os.fsdecode(path))  # type: ignore[arg-type]  # noqa: PTH100 -- foreign
        if not f"{os.path.realpath(name)}{os.sep}".startswith(self.granted):
            self.note("file", name)

    @contextmanager
    def reading_ourselves(self) -> Generator[None]:
        """A time in which what is read is told of afterwards."""
        self._paused += 1
        try:
            if self._outer is None:
                yield
            else:
                with self._outer.reading_ourselves():
                    yield
        finally:
            self._paused -= 1

    def source(self, root: str, files: Sequence[str] | None) -> None:
        """A source was read."""
        if self._outer is not None:
            self._outer.source(root, files)
        self.read(root)


_current: ContextVar[Audit | None] = ContextVar("hermetica_audit", default=None)
_lock: Final = threading.Lock()
_state: Final = {"hooked": False, "watched": 0}
"""That of the process: an audit hook cannot be taken away, and there is one environment."""


@contextmanager
def audited(
    project: str | os.PathLike[str],
    *,
    strict: bool = False,
    env: Iterable[str] = (),
    reads: Iterable[str | os.PathLike[str]] = (),
) -> Generator[Audit]:
    """A fresh ``evaluation()`` that is watched; ``findings`` says what it looked at besides its project.

    What is watched is the code of this context: of the block, what it calls, and tasks and threads that carry the
    context on; other threads of the process are not. Python, the packages on its search path and what imports read are
    let be.

    Args:
        project: the directory that it may read.
        strict: refuse what is not declared, at the line that asks for it, and leave the block with an error even where
            that line caught it.
        env: names of variables that it may look at.
        reads: files and directories outside of the project that it may read.

    Raises:
        ImpureEvaluation: in a strict evaluation, something else is looked at.
    """
    place = Path(project).absolute()
    with evaluation() as scope:
        audit = Audit(place, strict, frozenset(env), _granted([place, *map(Path, reads)]), scope, listener.get())
        _begin()
        told, current = listener.set(audit), _current.set(audit)
        try:
            yield audit
        finally:
            _current.reset(current)
            listener.reset(told)
            _end()
        if strict:
            audit.check()


def _granted(places: Iterable[Path]) -> tuple[str, ...]:
    here = os.getcwd()  # noqa: PTH109 -- compared as text
    paths = sysconfig.get_paths()
    python = [Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    search = [Path(each) for each in sys.path if each and os.path.abspath(each) != here]  # noqa: PTH100 -- compared as text
    every = [*places, *python, *search, Path(_OURS), Path(os.devnull)]
    found = {f"{spelt}{os.sep}" for each in every for spelt in (each.absolute(), each.resolve())}
    return tuple(sorted(found))


def _begin() -> None:
    with _lock:
        if not _state["hooked"]:
            sys.addaudithook(_hook)
            _state["hooked"] = True
        _state["watched"] += 1
        if _state["watched"] == 1:
            _names.listen()


def _end() -> None:
    with _lock:
        _state["watched"] -= 1
        if not _state["watched"]:
            _names.leave()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    audit = _current.get()
    if audit is None or event in _HARMLESS:
        return
    if event == "open":
        _opened(audit, arguments)
    elif event in _LOOKS:
        audit.read(arguments[0])
    elif event in _WRITES:
        if _COMPILED not in str(arguments[0]):
            audit.note("write", str(arguments[0]))
    elif event in _PROCESSES:
        audit.note("process", str(arguments[0]) if arguments else event)
    elif event == "ctypes.dlopen":
        audit.note("native", str(arguments[0]))
    elif event.startswith(_NETWORK):
        audit.note("network", event)


def _opened(audit: Audit, arguments: tuple[Any, ...]) -> None:
    path, _, flags = arguments[:3]
    if isinstance(flags, int) and flags & _WRITING and not isinstance(path, int):
        if _COMPILED not in str(path) and str(path) != os.devnull:
            audit.note("write", os.fsdecode(path))
        return
    audit.read(path)


class _Names:
    """``os.environ``, made to tell which names are asked for."""

    def __init__(self) -> None:
        self._before: tuple[Callable[[Any], Any], Callable[[Any], Any]] | None = None

    def listen(self) -> None:
        """From now on it tells."""
        variables: Any = os.environ
        encode, decode = self._before = variables.encodekey, variables.decodekey

        def asked(name: Any) -> Any:
            audit = _current.get()
            if audit is not None and name not in audit.variables:
                audit.note("variable", str(name))
            return encode(name)

        def listed(name: Any) -> Any:
            audit = _current.get()
            if audit is not None:
                audit.note("variable", _ALL)
            return decode(name)

        variables.encodekey, variables.decodekey = asked, listed

    def leave(self) -> None:
        """It tells no more."""
        if self._before is not None:
            variables: Any = os.environ
            variables.encodekey, variables.decodekey = self._before


_names: Final = _Names()


def _user_line(frame: FrameType | None) -> tuple[bool, str | None]:
    """Whether an import is what reads, and else the nearest line that is neither Python's, a package's, nor ours."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_IMPORTING):
            return True, None
        if not file.startswith(("<", _OURS)) and not _is_library(file):
            return False, f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return False, None


def _is_library(file: str) -> bool:
    return file.startswith(_LIBRARY) or f"{os.sep}site-packages{os.sep}" in file


_LIBRARY: Final = tuple(
    f"{spelt}{os.sep}"
    for name in ("stdlib", "platstdlib")
    for spelt in (Path(sysconfig.get_paths()[name]), Path(sysconfig.get_paths()[name]).resolve())
)
