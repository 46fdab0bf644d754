"""What belongs to a project, and what its evaluation may see beside: ``[tool.hermetica.evaluation]``.

It is found before anything else is done, so this module leaves alone what is slow to import.
"""

from __future__ import annotations

import os

from hermetica.errors import HermeticaError

TYPE_CHECKING = False  # the module that has it costs five milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

FILE = "pyproject.toml"
TABLE = "tool.hermetica.evaluation"
_MARKS = (".git", ".hg", ".jj")
_KEYS = ("environment", "reads")


class InvalidEvaluation(HermeticaError):
    """A ``pyproject.toml`` that says something without meaning about evaluation."""

    code = "HM690"


class Project:
    """What an evaluation may see.

    Attributes:
        places: directories and files, absolute: the project, and what it declares beside.
        environment: the names of the variables that it declares.
    """

    def __init__(self, *, places: tuple[str, ...], environment: tuple[str, ...] = ()) -> None:
        self.places = places
        self.environment = environment


def find_project(start: str, files: Iterable[str] = ()) -> Project:
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
        directory = os.path.dirname(os.path.realpath(file))
        if not any(f"{directory}/".startswith(f"{root}/") for root in roots):  # a sandbox has its own below "/"
            roots.append(_root(directory))
    places = list(roots)
    environment: list[str] = []
    for root in dict.fromkeys((*roots, *filter(None, (_nearest(start, (FILE,)),)))):
        declared = _declared(os.path.join(root, FILE))
        environment += declared.get("environment", ())
        places += (os.path.abspath(os.path.join(root, each)) for each in declared.get("reads", ()))
    places += (each for root in roots for each in _repository(root))
    return Project(places=tuple(dict.fromkeys(places)), environment=tuple(dict.fromkeys(environment)))


def _nearest(start: str, names: tuple[str, ...]) -> str | None:
    directory = start
    while True:
        if any(os.path.lexists(os.path.join(directory, name)) for name in names):
            return directory
        above = os.path.dirname(directory)
        if above == directory:
            return None
        directory = above


def _root(start: str) -> str:
    return _nearest(start, _MARKS) or _nearest(start, (FILE,)) or start


def _repository(root: str) -> list[str]:
    """Where git keeps a work tree's repository, if that is not below it."""
    mark = os.path.join(root, ".git")
    try:
        text = _text(mark) if os.path.isfile(mark) else ""
        if not text.startswith("gitdir:"):
            return []
        directory = os.path.join(root, text.removeprefix("gitdir:").strip())
        common = os.path.join(directory, "commondir")
        shared = os.path.join(directory, _text(common).strip()) if os.path.isfile(common) else directory
    except (OSError, UnicodeDecodeError):  # then git cannot read it either, and says so
        return []
    return [os.path.realpath(directory), os.path.realpath(shared)]


def _text(file: str) -> str:
    with open(file, encoding="utf-8") as opened:
        return opened.read()


def _declared(file: str) -> dict[str, list[str]]:
    if not os.path.isfile(file):
        return {}
    import tomllib  # noqa: PLC0415 -- eight milliseconds, and not every project has one

    try:
        value: Any = tomllib.loads(_text(file))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidEvaluation(f"{file} cannot be read", details=(("cause", str(error)),)) from error
    for part in TABLE.split("."):
        value = value.get(part, {}) if _is_table(value) else None
    hint = f'[{TABLE}]\nenvironment = ["CI"]\nreads = ["../shared"]'
    if not _is_table(value):
        raise InvalidEvaluation(f"{file}: {TABLE} is no table", hint=hint)
    table: dict[str, Any] = value
    for key, listed in table.items():
        if key not in _KEYS:
            raise InvalidEvaluation(f"{file}: {TABLE} has no {key!r}", details=(("keys", ", ".join(_KEYS)),))
        if not _is_list_of_names(listed):
            raise InvalidEvaluation(f"{file}: {key} of {TABLE} is no list of texts: {listed!r}", hint=hint)
    return table


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _is_list_of_names(values: object) -> bool:
    return isinstance(values, list) and all(map(_is_name, values))  # pyright: ignore[reportUnknownArgumentType] -- foreign data


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value
