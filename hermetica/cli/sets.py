"""Sets of derivations that a project gives names: ``[tool.hermetica.sets]`` of its ``pyproject.toml``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import attrs

from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "pyproject.toml"
TABLE = "tool.hermetica.sets"


class InvalidSets(HermeticaError):
    """A ``pyproject.toml`` whose sets cannot be read."""

    code = "HM490"


@attrs.frozen(kw_only=True)
class Sets:
    """The sets of a project.

    Attributes:
        file: where they stand; None where no ``pyproject.toml`` is above the working directory.
        modules: set -> the dotted name of its module, or its file, relative to the project.
    """

    file: Path | None = None
    modules: Mapping[str, str] = attrs.field(factory=dict[str, str])

    @property
    def root(self) -> Path:
        """The project's directory; from it the names of modules are looked for."""
        return self.file.parent if self.file is not None else Path.cwd()


def find_sets(start: Path) -> Sets:
    """The sets of the project that a directory lies in: those of the nearest ``pyproject.toml`` above it.

    Raises:
        InvalidSets: it cannot be read, or its sets are none.
    """
    for directory in (start, *start.parents):
        file = directory / FILE
        if file.is_file():
            try:
                return Sets(file=file, modules=parse_sets(file.read_text(encoding="utf-8"), str(file)))
            except (OSError, UnicodeDecodeError) as error:
                raise InvalidSets(f"{file} cannot be read", details=(("cause", str(error)),)) from error
    return Sets()


def parse_sets(text: str, file: str) -> dict[str, str]:
    """The sets in the text of a ``pyproject.toml``: set -> module.

    Args:
        text: of it.
        file: its name, for errors.

    Raises:
        InvalidSets: it is no TOML, or its sets are not names of modules.
    """
    import tomllib  # noqa: PLC0415 -- eight milliseconds, and not every project has one

    try:
        value: Any = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidSets(f"{file} is no TOML", details=(("cause", str(error)),)) from error
    for part in TABLE.split("."):
        value = cast("dict[str, Any]", value).get(part, {}) if isinstance(value, dict) else None
    if not isinstance(value, dict):
        raise InvalidSets(f"{file}: {TABLE} is no table", hint=f'[{TABLE}]\nNAME = "package.module" or "./file.py"')
    sets = cast("dict[str, object]", value)
    for name, module in sets.items():
        if not isinstance(module, str) or not module:
            raise InvalidSets(
                f"{file}: the set {name} cannot be {module!r}",
                details=(("expected", "the name of a module, or a file relative to the project"),),
            )
    return {name: str(module) for name, module in sets.items()}
