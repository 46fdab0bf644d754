"""Debian's control data: stanzas of fields, and the relations between packages that fields write.

Pure. Sources: deb822(5), Debian Policy 7.1.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.errors import HermeticaError
from hermetica.fetch.debian_version import DebianVersion, InvalidDebianVersion, Relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SEPARATOR: Final = re.compile(r"\n[ \t]*(?:\n[ \t]*)*\n")
_FIELD: Final = re.compile(r"([!-9;-~]+):(.*(?:\n[ \t].*)*)(?:\n|\Z)")
_PACKAGE: Final = re.compile(
    r"\s*([A-Za-z0-9][A-Za-z0-9+.-]*)(?::([a-z0-9-]+))?\s*(?:\(\s*(<<|<=|=|>=|>>|<|>)\s*([^)\s]+)\s*\)\s*)?"
)
_OLD_RELATIONS: Final = {"<": "<=", ">": ">="}  # dpkg still reads these, as these


class MalformedControl(HermeticaError, ValueError):
    """Text that is no control data."""

    code = "HM421"


@attrs.frozen(kw_only=True)
class Wanted:
    """One alternative of a relation: a package, perhaps in certain versions.

    Attributes:
        name: of a package or of something that packages provide.
        architecture: the qualifier after the colon; empty where none is given.
        relation: how the version must stand to ``version``; None for any version.
        version: None together with ``relation``.
    """

    name: str
    architecture: str = ""
    relation: Relation | None = None
    version: DebianVersion | None = None

    def takes(self, version: DebianVersion | None) -> bool:
        """Whether this version will do; None is that of an unversioned provision, which no relation takes."""
        if self.relation is None or self.version is None:
            return True
        return version is not None and version.stands(self.relation, self.version)

    def __str__(self) -> str:
        qualified = f"{self.name}:{self.architecture}" if self.architecture else self.name
        return qualified if self.relation is None else f"{qualified} ({self.relation} {self.version})"


def split_stanzas(text: str) -> Iterator[str]:
    """The stanzas of a text, unparsed and in order."""
    for stanza in _SEPARATOR.split(text.strip("\n")):
        if stanza.strip():
            yield stanza.strip("\n")


def parse_stanza(stanza: str) -> Mapping[str, str]:
    """The fields of one stanza, by lower-case name; continuation lines keep their line breaks.

    Raises:
        MalformedControl: a line is no field, or a field comes twice.
    """
    fields: dict[str, str] = {}
    position = 0
    text = "\n".join(line for line in stanza.split("\n") if not line.startswith("#"))
    while position < len(text):
        match = _FIELD.match(text, position)
        if match is None:
            raise MalformedControl(f"not a field: {text[position:].partition(chr(10))[0]!r}")
        name = match[1].lower()
        if name in fields:
            raise MalformedControl(f"the field {match[1]} comes twice", details=(("in", stanza.partition("\n")[0]),))
        fields[name] = match[2].strip()
        position = match.end()
    return fields


def parse_relations(text: str) -> tuple[tuple[Wanted, ...], ...]:
    """What a field such as ``Depends`` asks for: all of these groups, any alternative of each, in order.

    Raises:
        MalformedControl: it cannot be read.
    """
    groups = (group for group in text.split(",") if group.strip())
    return tuple(tuple(_parse_wanted(alternative) for alternative in group.split("|")) for group in groups)


def _parse_wanted(text: str) -> Wanted:
    match = _PACKAGE.fullmatch(text)
    if match is None:
        raise MalformedControl(f"not a relation to a package: {text.strip()!r}")
    name, architecture, relation, version = match.groups()
    if relation is None:
        return Wanted(name=name, architecture=architecture or "")
    try:
        return Wanted(
            name=name,
            architecture=architecture or "",
            relation=Relation(_OLD_RELATIONS.get(relation, relation)),
            version=DebianVersion.parse(version),
        )
    except InvalidDebianVersion as error:
        raise MalformedControl(f"{error.message} in the relation {text.strip()!r}") from error
