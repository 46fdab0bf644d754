"""From a wrong hash to the change of the user's file that mends it."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.cli.fixing.literals import Place, Unclear, Wanted, find
from hermetica.cli.fixing.project import Source
from hermetica.model import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermetica.cli.fixing.project import Project
    from hermetica.model import Derivation
    from hermetica.realize.errors import FixedOutputMismatch

_LOCK: Final = "hermetica.lock"
_BESIDE: Final = ("*.lock", "*.json", "*.toml", "*.txt", "*.sum")
_GROUP: Final = re.compile(r'^\[groups\.("?[\w-]+"?)\]', re.MULTILINE)
_LARGEST_BYTES: Final = 8 << 20


@attrs.frozen(kw_only=True)
class Edit:
    """A change that makes one hash right.

    Attributes:
        path: of the file, links followed.
        place: in it.
        error: the mismatch that it mends.
    """

    path: Path
    place: Place
    error: FixedOutputMismatch


def wanted_of(error: FixedOutputMismatch) -> Wanted:
    """The hash that a mismatch asks for."""
    algorithm, _, got = error.got.partition(" ")
    env = error.derivation.env
    words = (error.derivation.name, *env.get("urls", "").split("\n"), env.get("rev", ""))
    declared = None if error.expected == UNKNOWN else error.expected.partition(" ")[2]
    return Wanted(algorithm=algorithm, declared=declared, got=got, words=tuple(word for word in words if word))


def edit_for(error: FixedOutputMismatch, project: Project) -> Edit | Unclear:
    """The change that makes a hash right, or why there is none."""
    wanted, reasons = wanted_of(error), list[str]()
    found: list[Edit] = []
    for file, lines in _files_of(error.derivation).items():
        path = file.resolve()
        if not project.has(path):
            reasons.append(f"{file} lies outside the project")
            continue
        try:
            place = find(Source.read(path).text, lines, wanted)
        except (OSError, SyntaxError, UnicodeDecodeError) as problem:
            reasons.append(f"{file} cannot be read: {problem}")
            continue
        if isinstance(place, Place):
            found.append(Edit(path=path, place=place, error=error))
        else:
            reasons.append(f"{_shown(file)}: {place.reason}")
    if found:
        return min(found, key=lambda each: each.place.distance)
    elsewhere = None if wanted.declared is None else _in_another_file(error.derivation, wanted.declared)
    return elsewhere or Unclear(reasons[0] if reasons else "nobody knows where it is defined")


def explain_unclear(error: FixedOutputMismatch, unclear: Unclear) -> None:
    """Makes a mismatch say why its hash is not rewritten, and what to write."""
    algorithm, _, digest = error.got.partition(" ")
    error.details = (*error.details, ("not rewritten", unclear.reason))
    later = "" if error.expected == UNKNOWN else "; first ask why upstream changed"
    error.hint = unclear.remedy or f'write {algorithm}="{digest}" yourself{later}'


def _shown(file: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(file.relative_to(Path.cwd()))
    return str(file)


def _files_of(derivation: Derivation) -> dict[Path, frozenset[int]]:
    """The files that define a derivation -> the lines that do; the one that names it first."""
    origin = derivation.origin
    if origin is None:
        return {}
    lines: dict[Path, frozenset[int]] = {Path(origin.file): frozenset({origin.line})}
    for file, line, _ in reversed(origin.calls):
        lines[Path(file)] = lines.get(Path(file), frozenset()) | {line}
    return lines


def _in_another_file(derivation: Derivation, digest: str) -> Unclear | None:
    """Where else a digest is written: in a lock, or in another file beside the module or above it."""
    if derivation.origin is None:
        return None
    for directory in _upwards(Path(derivation.origin.file).resolve().parent):
        for file in _beside(directory):
            if (above := _before(file, digest)) is None:
                continue
            place = f"{_shown(file)}:{above.count(chr(10)) + 1}"
            if file.name == _LOCK:
                groups = _GROUP.findall(above)
                update = f"hermetica update {groups[-1]}" if groups else "hermetica update"
                return Unclear(f"it comes from {place}", f"{update} pins it anew; first ask why upstream changed")
            return Unclear(f"it is written in {place}, which is no Python")
    return None


def _upwards(directory: Path) -> Sequence[Path]:
    """A directory and those above it, up to the one that looks like the top of a project."""
    found: list[Path] = []
    for each in (directory, *directory.parents):
        found.append(each)
        if (each / ".git").exists() or (each / "pyproject.toml").exists():
            return found
    return [directory]


def _beside(directory: Path) -> list[Path]:
    found = {file for pattern in _BESIDE for file in directory.glob(pattern)}
    return sorted(found, key=lambda file: (file.name != _LOCK, file.name))


def _before(file: Path, digest: str) -> str | None:
    """The text of a file up to a digest; None where it is not there."""
    try:
        if not file.is_file() or file.stat().st_size > _LARGEST_BYTES:
            return None
        before, found, _ = file.read_text(encoding="utf-8", errors="replace").partition(digest)
    except OSError:
        return None
    return before if found else None
