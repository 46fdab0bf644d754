"""Targets as text: what kind each is, before anything is looked up. Pure.

``./pkgs.py:attr.sub^dev,out`` and ``package.module:attr`` name derivations of a module, ``set#attr`` those of a set
that the project names, ``hx…`` and store paths name objects, 8 to 64 hexadecimal digits name a derivation by its id.
Source: docs/cli.md, "Targets".
"""

from __future__ import annotations

import re
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

_OBJECT: Final = re.compile(r"hx[0-9abcdfghijklmnpqrsvwxyz]{1,30}(-[0-9A-Za-z+\-._?=]*)?")
_ID: Final = re.compile(r"[0-9a-f]{8,64}")
_IN_PATH: Final = re.compile(r"/(hx[0-9abcdfghijklmnpqrsvwxyz]{30}-[0-9A-Za-z+\-._?=]+)(?:/|$)")
_SET: Final = re.compile(r"([A-Za-z_][\w-]*)#(.*)", re.DOTALL)
_DOT: Final = re.compile(r"\.(?![^\[\]]*\])")  # those in brackets belong to a label
_VARIANT: Final = re.compile(r"([^\[\]]*)\[([^\[\]]*=[^\[\]]*)\]")
_STORE: Final = "/hermetica/store/"


class Kind(StrEnum):
    """What a target names."""

    MODULE = "module"
    SET = "set"
    OBJECT = "object"
    DERIVATION = "derivation"


@attrs.frozen(kw_only=True)
class Target:
    """One target of a command line.

    Attributes:
        text: as it was typed.
        kind: what it names.
        place: the module's file or dotted name; the set's name; the digest prefix or ``hx…-name``; the id's prefix.
        attribute: dotted, patterns allowed; empty for everything public in the module or set.
        outputs: after ``^``; empty where none are named, ``*`` for all.
    """

    text: str
    kind: Kind
    place: str
    attribute: str = ""
    outputs: tuple[str, ...] = ()

    @property
    def everything(self) -> str:
        """The target that names all that is at the same place."""
        return self.named("*") if self.kind is Kind.SET else self.place

    def named(self, attribute: str) -> str:
        """The target that names one attribute at the same place."""
        return f"{self.place}{'#' if self.kind is Kind.SET else ':'}{attribute}"


@attrs.frozen
class Step:
    """One part of a dotted name.

    Attributes:
        pattern: of the name.
        variant: of a matrix: axis -> pattern; empty where none is named.
    """

    pattern: str
    variant: Mapping[str, str]


def steps(attribute: str) -> list[Step]:
    """The parts of a dotted name; ``wheel[python=3.12]`` is one part."""
    return [_step(part) for part in parts(attribute)]


def parts(attribute: str) -> list[str]:
    """The same as text."""
    return _DOT.split(attribute)


def _step(text: str) -> Step:
    found = _VARIANT.fullmatch(text)
    if found is None:
        return Step(text, {})
    pairs = (pair.partition("=") for pair in found[2].split(","))
    return Step(found[1], {axis.strip(): label.strip() for axis, _, label in pairs})


def narrowed(attribute: str, name: str) -> str | None:
    """The part of what a dotted name leads to that ``attribute`` names, or lies below it; None where they differ.

    Args:
        attribute: with patterns; empty for everything.
        name: without.
    """
    wanted, way = steps(attribute) if attribute else [], parts(name)
    if len(wanted) > len(way) or not all(map(fnmatchcase, way, (step.pattern for step in wanted))):
        return None
    if len(wanted) < len(way) or not wanted[-1].variant:
        return name
    return f"{name}[{','.join(f'{axis}={label}' for axis, label in wanted[-1].variant.items())}]"


def object_in_path(path: str) -> str | None:
    """The name of the store object that a path of the file system lies in; None where it is in none."""
    found = _IN_PATH.search(path)
    return found[1] if found else None


def parse(text: str) -> Target:
    """The target that ``text`` spells; any text is one, whether or not it leads to anything."""
    if text.startswith(_STORE):
        base = text.removeprefix(_STORE).partition("/")[0]
        return Target(text=text, kind=Kind.OBJECT, place=base)
    if _OBJECT.fullmatch(text):
        return Target(text=text, kind=Kind.OBJECT, place=text)
    if _ID.fullmatch(text):
        return Target(text=text, kind=Kind.DERIVATION, place=text)
    name, caret, outputs = text.partition("^")
    wanted = tuple(output for output in outputs.split(",") if output) if caret else ()
    if found := _SET.fullmatch(name):
        return Target(text=text, kind=Kind.SET, place=found[1], attribute=found[2], outputs=wanted)
    place, _, attribute = name.rpartition(":") if ":" in name else (name, "", "")
    return Target(text=text, kind=Kind.MODULE, place=place, attribute=attribute, outputs=wanted)
