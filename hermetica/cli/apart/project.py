"""What belongs to a project, and what its evaluation may see beside: ``[tool.hermetica.evaluation]``."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILE: Final = "pyproject.toml"
TABLE: Final = "tool.hermetica.evaluation"
_MARKS: Final = (".git", ".hg", ".jj")
_KEYS: Final = ("environment", "reads")


class InvalidEvaluation(HermeticaError):
    """A ``pyproject.toml`` that says something without meaning about evaluation."""

    code = "HM690"


@attrs.frozen(kw_only=True)
class Project:
    """What an evaluation may see.

    Attributes:
        places: directories and files, absolute: the project, and what it declares beside.
        environment: the names of the variables that it declares.
    """

    places: tuple[str, ...]
    environment: tuple[str, ...] = ()


def find_project(start: Path, files: Iterable[Path] = ()) -> Project:
    """The project that a directory lies in, and those of files that lie outside it.

    A project begins at the nearest directory above with a ``.git`` (or ``.hg``, ``.jj``), else at the nearest with a
    ``pyproject.toml``, else at the directory itself. Of git also the repository is seen, where it lies elsewhere.

    Args:
        start: where the command runs.
        files: of modules that are to be evaluated.

    Raises:
        InvalidEvaluation: its ``pyproject.toml`` cannot be read, or declares what has no meaning.
    """
    roots = [_root(start)]
    for file in files:
        directory = file.resolve().parent
        if not any(directory.is_relative_to(root) for root in roots):
            roots.append(_root(directory))
    places = [str(root) for root in roots]
    environment: list[str] = []
    for root in dict.fromkeys((*roots, *filter(None, (_nearest(start, (FILE,)),)))):
        declared = _declared(root / FILE)
        environment += declared.get("environment", ())
        places += (os.path.abspath(root / each) for each in declared.get("reads", ()))  # noqa: PTH100 -- links stay
    places += (each for root in roots for each in _repository(root / ".git"))
    return Project(places=tuple(dict.fromkeys(places)), environment=tuple(dict.fromkeys(environment)))


def _nearest(start: Path, names: tuple[str, ...]) -> Path | None:
    for directory in (start, *start.parents):
        if any(os.path.lexists(directory / name) for name in names):
            return directory
    return None


def _root(start: Path) -> Path:
    return _nearest(start, _MARKS) or _nearest(start, (FILE,)) or start


def _repository(mark: Path) -> list[str]:
    """Where git keeps a work tree's repository, if that is not below it."""
    try:
        text = mark.read_text(encoding="utf-8") if mark.is_file() else ""
        if not text.startswith("gitdir:"):
            return []
        directory = mark.parent / text.removeprefix("gitdir:").strip()
        common = directory / "commondir"
        shared = directory / common.read_text(encoding="utf-8").strip() if common.is_file() else directory
    except (OSError, UnicodeDecodeError):  # then git cannot read it either, and says so
        return []
    return [os.path.realpath(directory), os.path.realpath(shared)]


def _declared(file: Path) -> dict[str, list[str]]:
    if not file.is_file():
        return {}
    try:
        value: Any = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidEvaluation(f"{file} cannot be read", details=(("cause", str(error)),)) from error
    for part in TABLE.split("."):
        value = cast("dict[str, Any]", value).get(part, {}) if isinstance(value, dict) else None
    hint = f'[{TABLE}]\nenvironment = ["CI"]\nreads = ["../shared"]'
    if not isinstance(value, dict):
        raise InvalidEvaluation(f"{file}: {TABLE} is no table", hint=hint)
    for key, listed in cast("dict[str, Any]", value).items():
        if key not in _KEYS:
            raise InvalidEvaluation(f"{file}: {TABLE} has no {key!r}", details=(("keys", ", ".join(_KEYS)),))
        if not isinstance(listed, list) or not all(map(_is_name, cast("Iterable[object]", listed))):
            raise InvalidEvaluation(f"{file}: {key} of {TABLE} is no list of texts: {listed!r}", hint=hint)
    return cast("dict[str, list[str]]", value)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value
