"""Projects to begin with, which installed packages offer.

An entry point of the group ``hermetica.templates`` names a package; each directory in it that has a ``template.toml``
is a template, called as the directory is. ``template.toml`` has a ``description``, and ``steps``: command lines that a
user may type next. All other files are the project; ``dot-NAME`` becomes ``.NAME``. Source: entry points of PyPA.
"""

from __future__ import annotations

import os
import tomllib
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GROUP: Final = "hermetica.templates"
_MANIFEST: Final = "template.toml"
_HIDDEN: Final = "dot-"
_LEFT_OUT: Final = frozenset({"__pycache__"})


class ProjectInTheWay(HermeticaError):
    """A directory has files already that a template would write."""

    code = "HM601"

    def __init__(self, directory: Path, files: tuple[str, ...]) -> None:
        super().__init__(
            f"{directory} has {files[0]} already",
            details=(("has", ", ".join(files)),) if len(files) > 1 else (),
            hint="name another directory: hermetica init TEMPLATE DIRECTORY; nothing was written",
        )


class InvalidTemplate(HermeticaError):
    """A package offers as a template what is none."""

    code = "HM602"


@attrs.frozen(kw_only=True)
class Template:
    """A project to begin with.

    Attributes:
        name: of its directory.
        description: one line.
        steps: command lines to go on with.
        root: its directory.
    """

    name: str
    description: str
    steps: tuple[str, ...]
    root: Path

    @classmethod
    def read(cls, root: Path) -> Template:
        """The template in a directory.

        Raises:
            InvalidTemplate: its manifest cannot be read, or lacks something.
        """
        manifest = root / _MANIFEST
        try:
            document = tomllib.loads(manifest.read_text(encoding="utf-8"))
            description, steps = document["description"], tuple(document["steps"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InvalidTemplate(f"{manifest} describes no template", details=(("cause", repr(error)),)) from error
        return cls(name=root.name, description=str(description), steps=tuple(map(str, steps)), root=root)

    def files(self) -> Mapping[str, Path]:
        """Where each file of the project goes, relative to it -> the file; ascending."""
        found: dict[str, Path] = {}
        for directory, below, names in os.walk(self.root):
            below[:] = sorted(set(below) - _LEFT_OUT)
            for name in names:
                file = Path(directory, name)
                parts = [f".{part[len(_HIDDEN) :]}" if part.startswith(_HIDDEN) else part for part in file.parts]
                found[os.path.join(*parts[len(self.root.parts) :])] = file  # noqa: PTH118 -- a relative text
        del found[_MANIFEST]
        return dict(sorted(found.items()))

    def lay_out(self, directory: Path) -> tuple[str, ...]:
        """Write the project; the files, relative to ``directory``.

        Raises:
            ProjectInTheWay: one of them is there already; nothing is written then.
            OSError: the system refuses.
        """
        files = self.files()
        if there := tuple(name for name in files if os.path.lexists(directory / name)):
            raise ProjectInTheWay(directory, there)
        for name, file in files.items():
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as out:
                out.write(file.read_bytes())
            if os.access(file, os.X_OK):
                target.chmod(target.stat().st_mode | 0o111)
        return tuple(files)


def templates() -> tuple[Template, ...]:
    """What is offered, ascending by name; of two with a name, the first package's.

    Raises:
        InvalidTemplate: one of them is none.
    """
    found: dict[str, Template] = {}
    for root in _roots():
        for manifest in sorted(root.glob(f"*/{_MANIFEST}")):
            template = Template.read(manifest.parent)
            found.setdefault(template.name, template)
    return tuple(found[name] for name in sorted(found))


def _roots() -> Iterator[Path]:
    for entry in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        spec = find_spec(entry.module)
        if spec is None or not spec.submodule_search_locations:
            raise InvalidTemplate(f"the package {entry.module}, which offers templates, cannot be found")
        yield from map(Path, spec.submodule_search_locations)
