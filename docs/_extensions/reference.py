"""Directives that make the reference from the code: ``error-codes``, ``event-kinds`` and ``settings``."""

from __future__ import annotations

import inspect
import json
import re
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import error_texts
from docutils import nodes
from docutils.parsers.rst import Directive

from hermetica.config import Config
from hermetica.config.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

    from hermetica_store.errors import HermeticaError

SCHEMA = Path(__file__).parents[1] / "events.schema.json"
FAMILIES = {
    "0": "All errors",
    "1": "Building and fetching",
    "2": "Writing and evaluating",
    "3": "The sandbox",
    "4": "The store, archives, settings, sources of packages",
    "5": "Studies of reproducibility",
    "6": "The command line",
    "7": "Plug-ins",
}
SHOWN = 6
_ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


class ErrorCodes(Directive):
    """A section a family, an entry a code."""

    def run(self) -> list[nodes.Node]:
        """The sections, ascending by code."""
        families = groupby(error_texts.error_classes(), key=lambda kind: kind.code[2])
        return [
            _section(f"HM{digit}xx: {FAMILIES.get(digit, 'Others')}", f"hm{digit}xx", [_error(kind) for kind in kinds])
            for digit, kinds in families
        ]


def _error(kind: type[HermeticaError]) -> nodes.Node:
    texts = error_texts.texts().get(kind.__name__, error_texts.Texts())
    entry = nodes.section("", nodes.title("", "", nodes.Text(f"{kind.code} "), nodes.literal(text=kind.__name__)))
    entry["ids"] = [kind.code.lower()]
    entry += nodes.paragraph("", "", *_inline((kind.__doc__ or "").partition("\n\n")[0]))
    for label, found in (("Says", texts.messages), ("Fix", texts.hints)):
        if found:
            entry += _labelled(label, list(found))
    if not texts.messages and kind.__subclasses__():
        codes = ", ".join(sorted(each.code for each in kind.__subclasses__()))
        entry += nodes.paragraph(text=f"A family: it is raised as {codes}.")
    return entry


def _labelled(label: str, texts: list[str]) -> nodes.Node:
    items = [nodes.list_item("", nodes.paragraph("", "", nodes.literal(text=text))) for text in texts[:SHOWN]]
    if len(texts) > SHOWN:
        items.append(nodes.list_item("", nodes.paragraph(text=f"and {len(texts) - SHOWN} more")))
    term = nodes.definition_list_item("", nodes.term(text=label), nodes.definition("", nodes.bullet_list("", *items)))
    return nodes.definition_list("", term)


class EventKinds(Directive):
    """A section a kind of event, with its fields."""

    def run(self) -> list[nodes.Node]:
        """The sections, in the order of the schema."""
        kinds: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
        return [_event(name, form) for name, form in kinds.items()]


def _event(name: str, form: dict[str, Any]) -> nodes.Node:
    rows = [
        (field, _type(facts), facts.get("description", ""))
        for field, facts in form["properties"].items()
        if field != "format"
    ]
    said = nodes.paragraph("", "", *_inline(form.get("description", "")))
    return _section(name, f"event-{name}", [said, _table(("field", "type", "is"), rows)])


def _type(facts: dict[str, Any]) -> str:
    if "const" in facts:
        return json.dumps(facts["const"])
    if "enum" in facts:
        return " or ".join(json.dumps(each) for each in facts["enum"])
    if "anyOf" in facts or "oneOf" in facts:
        return " or ".join(_type(each) for each in facts.get("anyOf", facts.get("oneOf", [])))
    if "$ref" in facts:
        return str(facts["$ref"]).rpartition("/")[2]
    kind: str | list[str] = facts.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else kind


class Settings(Directive):
    """A table of everything that can be set."""

    def run(self) -> list[nodes.Node]:
        """One row a setting, in the order of ``config show``."""
        said = {
            name: re.sub(r"\bNone\b", "unset", " ".join(text.split()))
            for name, text in _ATTRIBUTE.findall(inspect.getdoc(Config) or "")
        }
        defaults = Config()
        rows: list[tuple[str, ...]] = []
        for key, setting in SETTINGS.items():
            default = _default(getattr(defaults, key))
            takes = f"{setting.expected}; ``{default}`` where not set" if default else setting.expected
            rows.append((_spelling(key), said.get(key, ""), takes))
        return [_table(("setting", "is", "takes"), rows)]


def _spelling(key: str) -> str:
    return f"[gc] {key.removeprefix('gc_')}" if key.startswith("gc_") else key


def _default(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None or value == () else str(value)


def _inline(text: str) -> list[nodes.Node]:
    """Text in which ``code`` stands between two backquotes."""
    parts = re.split(r"``(.+?)``|`(.+?)`", " ".join(text.split()))
    return [
        nodes.Text(part) if index % 3 == 0 else nodes.literal(text=part) for index, part in enumerate(parts) if part
    ]


def _section(title: str, name: str, content: Iterable[nodes.Node]) -> nodes.section:
    return nodes.section("", nodes.title(text=title), *content, ids=[nodes.make_id(name)])


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> nodes.table:
    def row(cells: tuple[str, ...], *, literal: int = 0) -> nodes.row:
        entries = [
            nodes.entry(
                "",
                nodes.paragraph("", "", *([nodes.literal(text=cell)] if index < literal and cell else _inline(cell))),
            )
            for index, cell in enumerate(cells)
        ]
        return nodes.row("", *entries)

    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in head), cols=len(head))
    group += nodes.thead("", row(head))
    group += nodes.tbody("", *(row(each, literal=1) for each in rows))
    return nodes.table("", group)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Registers the directives."""
    app.add_directive("error-codes", ErrorCodes)
    app.add_directive("event-kinds", EventKinds)
    app.add_directive("settings", Settings)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
