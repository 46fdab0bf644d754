"""The user's own files: which they are, and replacing one whole or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.cli.modules import project_root
from hermetica.cli.sets import find_sets
from hermetica.cli.target import Kind, parse
from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermetica.cli.fixing.literals import Place

_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_MARK: Final = "\ufeff"


class CannotRewrite(HermeticaError):
    """A file of the user's that cannot be written."""

    code = "HM670"


@attrs.frozen
class Source:
    """A Python file as it is on disk.

    Attributes:
        path: of the file itself, links followed.
        text: its characters, line endings as they are.
        encoding: that its first lines name, else UTF-8.
    """

    path: Path
    text: str
    encoding: str

    @classmethod
    def read(cls, path: Path) -> Source:
        """The file at ``path``.

        Raises:
            OSError: it cannot be read.
            SyntaxError: it is in no known encoding.
        """
        data = path.resolve().read_bytes()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return cls(path.resolve(), data.decode(encoding.removesuffix("-sig")).removeprefix(_MARK), encoding)

    @property
    def data(self) -> bytes:
        """Its bytes."""
        return self.text.encode(self.encoding)

    def with_places(self, places: Iterable[Place]) -> Source:
        """The same file with other text at some places."""
        text = self.text
        for place in sorted(places, key=lambda each: -each.start):
            text = text[: place.start] + place.text + text[place.end :]
        return attrs.evolve(self, text=text)

    def write(self) -> None:
        """Replaces what is on disk, whole or not at all; mode and owner stay.

        Raises:
            CannotRewrite: it cannot be written.
        """
        scratch = ""
        try:
            status = self.path.stat()
            fd, scratch = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
            with os.fdopen(fd, "wb") as file:
                file.write(self.data)
                os.fchmod(fd, status.st_mode & 0o7777)
                if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                    with contextlib.suppress(PermissionError):
                        os.fchown(fd, status.st_uid, status.st_gid)
                file.flush()
                os.fsync(fd)
            Path(scratch).replace(self.path)
        except OSError as error:
            if scratch:
                Path(scratch).unlink(missing_ok=True)
            raise CannotRewrite(
                f"cannot write {self.path}", details=(("cause", error.strerror or str(error)),)
            ) from error


@attrs.frozen
class Project:
    """What belongs to the user, so that it may be written.

    Attributes:
        roots: directories; what lies below one of them is the project's.
    """

    roots: tuple[Path, ...]

    def has(self, file: Path) -> bool:
        """Whether a file is the project's, and nothing that is installed there."""
        return not _INSTALLED & set(file.parts) and any(file.is_relative_to(root) for root in self.roots)


def project_of(targets: Sequence[str]) -> Project:
    """What may be written: what lies below the working directory, the project's own, or that of a target's module."""
    here = Path.cwd()
    roots = {here, find_sets(here).root}
    for target in map(parse, targets):
        if target.kind is Kind.MODULE and Path(target.place).is_file():
            roots.add(project_root(Path(target.place).resolve()))
    return Project(tuple(sorted(root.resolve() for root in roots)))
