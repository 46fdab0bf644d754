"""Modules of derivations: found, imported, and when that fails, blamed on the user's own lines."""

from __future__ import annotations

import importlib
import importlib.util
import linecache
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import ModuleType, TracebackType

_R = TypeVar("_R")
_OWN: Final = f"{Path(__file__).resolve().parent.parent}/"
_STANDARD: Final = f"{Path(os.__file__).resolve().parent}/"
_SHOWN_FRAMES: Final = 12


class ModuleFailed(HermeticaError):
    """A module of derivations cannot be imported, or something in it cannot be evaluated."""

    code = "HM220"


def is_users(file: str) -> bool:
    """Whether a file is neither Python's own nor hermetica's."""
    in_standard = file.startswith(_STANDARD) and f"{os.sep}site-packages{os.sep}" not in file
    return not file.startswith(("<", _OWN)) and not in_standard


def users_frames(trace: TracebackType | None) -> list[tuple[str, int, str]]:
    """The lines of the user's own files that led to an exception, outermost first: (file, line, function)."""
    frames: list[tuple[str, int, str]] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if is_users(code.co_filename):
            frames.append((code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    return frames


def failed(what: str, error: BaseException) -> ModuleFailed:
    """The error that says where in the user's files ``what`` failed."""
    frames = users_frames(error.__traceback__)
    cause = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    details = [("cause", cause)]
    origin = f"{frames[-1][0]}:{frames[-1][1]}" if frames else None
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        details = [("cause", f"{type(error).__name__}: {error.msg}")]
        origin = f"{error.filename}:{error.lineno}"
        if error.text:
            details.append(("line", error.text.strip()))
        frames = [frame for frame in frames if frame[0] != error.filename]
    details += _way(frames)
    return ModuleFailed(f"{what} cannot be evaluated", details=tuple(details), origin=origin)


def _way(frames: list[tuple[str, int, str]]) -> list[tuple[str, str]]:
    """The calls that led to an error, as details; outermost first."""
    rows: list[tuple[str, str]] = []
    for file, line, function in frames[-_SHOWN_FRAMES:]:
        shown = os.path.relpath(file) if file.startswith(f"{Path.cwd()}/") else file
        source = linecache.getline(file, line).strip()
        rows.append(("at", f"{shown}:{line}, {function}: {source}".rstrip(": ")))
    return rows


def project_root(file: Path) -> Path:
    """The directory from which a file's absolute imports work: the nearest above that is no package."""
    root = file.parent
    while (root / "__init__.py").exists() and root.parent != root:
        root = root.parent
    return root


def _after_the_standard_library() -> int:
    """Where in ``sys.path`` a project goes: before what is installed, but no file of it replaces a standard module."""
    standard = [index for index, place in enumerate(sys.path) if f"{place}/".startswith(_STANDARD)]
    inside = [index for index in standard if "site-packages" not in sys.path[index]]
    return inside[-1] + 1 if inside else 0


@contextmanager
def _importing_from(root: Path) -> Generator[None]:
    """The project's root on the path, and nothing written beside the user's files, for the time of an import."""
    before = sys.dont_write_bytecode
    sys.path.insert(_after_the_standard_library(), str(root))
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
        if str(root) in sys.path:
            sys.path.remove(str(root))


def _name_of(file: Path, root: Path) -> str:
    parts = list(file.relative_to(root).with_suffix("").parts)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    name = ".".join(parts)
    taken = name in sys.stdlib_module_names or name in sys.modules or not all(part.isidentifier() for part in parts)
    return f"hermetica_target_{abs(hash(file)):x}" if taken else name


def _execute(file: Path) -> ModuleType:
    root = project_root(file)
    name = _name_of(file, root)
    with _importing_from(root):
        if "." in name:
            return importlib.import_module(name)
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise ImportError(f"not a Python file: {file}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            sys.modules.pop(name, None)
            raise
        return module


def load_file(file: Path) -> ModuleType:
    """The module in a file.

    Raises:
        ModuleFailed: it does not import; its own frames are in the details.
        HermeticaError: a derivation in it is none; that error says where.
    """
    return blaming(str(file), lambda: _execute(file.resolve()))


def load_name(name: str, root: Path | None = None) -> ModuleType:
    """The module with this dotted name, found from a project's root first; the working directory where none is given.

    Raises:
        ModuleFailed: likewise.
        ModuleNotFoundError: there is no such module; what it imports is another matter.
    """

    def load() -> ModuleType:
        with _importing_from(root or Path.cwd()):
            return importlib.import_module(name)

    return blaming(name, load, missing=name)


def blaming(what: str, load: Callable[[], _R], missing: str = "") -> _R:
    """What ``load`` gives, its failures told as those of the user's own lines.

    Args:
        what: is evaluated.
        load: evaluates it.
        missing: the module whose own absence the caller tells of.

    Raises:
        ModuleFailed: it cannot be evaluated; the user's frames are in the details.
        HermeticaError: a derivation in it is none; that error says where.
    """
    try:
        return load()
    except HermeticaError as error:
        frames = users_frames(error.__traceback__)
        error.origin = error.origin or (f"{frames[-1][0]}:{frames[-1][1]}" if frames else None)
        if len(frames) > 1:  # the line of a helper alone does not say who called it
            error.details = (*error.details, *_way(frames))
        raise
    except ModuleNotFoundError as error:
        if error.name and (missing == error.name or missing.startswith(f"{error.name}.")):
            raise
        raise failed(what, error) from error
    except (Exception, SystemExit) as error:
        raise failed(what, error) from error
