"""A graph of derivations or of objects, as dot, Mermaid, JSON, or one page that needs nothing beside it. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

FORMAT: Final = "hermetica.graph/1"
_SHAPES: Final = {"source": "folder", "fetch": "cylinder", "builtin": "component"}
_MERMAID: Final = {"source": ("[/", "/]"), "fetch": ("[(", ")]"), "builtin": ("([", "])")}
_ROUNDS: Final = 4
_DATA: Final = "@DATA@"
_TITLE: Final = "@TITLE@"


@attrs.frozen(kw_only=True)
class Node:
    """One derivation, source or object.

    Attributes:
        id: what names it, different for each.
        name: for people.
        kind: ``build``, ``builtin``, ``fetch``, ``source`` or ``object``.
        there: whether it is in the store.
        size_bytes: of what is there, if that is known.
        origin: the line that defines it, if any.
    """

    id: str
    name: str
    kind: str
    there: bool
    size_bytes: int | None = None
    origin: str | None = None


@attrs.frozen(kw_only=True)
class Graph:
    """Nodes, and who uses what.

    Attributes:
        nodes: each once; what is used before what uses it.
        edges: (id of the user, id of what it uses), each once.
    """

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """As ``hermetica.graph/1``."""
        return {
            "format": FORMAT,
            "nodes": [attrs.asdict(node) for node in self.nodes],
            "edges": [{"from": user, "to": used} for user, used in self.edges],
        }


def dot_lines(graph: Graph) -> Iterator[str]:
    """As Graphviz reads it; what is not in the store is dashed."""
    yield "digraph hermetica {"
    yield '  node [shape=box, fontname="sans-serif"];'
    for node in graph.nodes:
        shape = _SHAPES.get(node.kind, "box")
        style = "solid" if node.there else "dashed"
        yield f'  "{node.id}" [label="{node.name}", shape={shape}, style={style}];'
    for user, used in graph.edges:
        yield f'  "{user}" -> "{used}";'
    yield "}"


def mermaid_lines(graph: Graph) -> Iterator[str]:
    """As Mermaid reads it; what is not in the store is dashed."""
    names = {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}
    yield "flowchart TD"
    for node in graph.nodes:
        left, right = _MERMAID.get(node.kind, ("[", "]"))
        yield f'  {names[node.id]}{left}"{node.name}"{right}{"" if node.there else ":::absent"}'
    for user, used in graph.edges:
        yield f"  {names[user]} --> {names[used]}"
    yield "  classDef absent stroke-dasharray: 4 3"


def page(graph: Graph, template: str, title: str) -> str:
    """One page of HTML with the graph in it.

    Args:
        graph: what to show.
        template: the page, with places for the title and the data.
        title: of the page.
    """
    places = layout(graph)
    numbers = {node.id: number for number, node in enumerate(graph.nodes)}
    data = {
        "nodes": [
            [node.name, node.kind, node.there, node.size_bytes, node.origin, *places[node.id]] for node in graph.nodes
        ],
        "edges": [[numbers[user], numbers[used]] for user, used in graph.edges],
    }
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    shown = title.replace("&", "&amp;").replace("<", "&lt;")
    return template.replace(_TITLE, shown).replace(_DATA, text)


def layout(graph: Graph) -> dict[str, tuple[int, int]]:
    """A place for each node, (column, row): what uses something is in a row above it, and near it where it can be."""
    used: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    users: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    for one, other in graph.edges:
        used[one].append(other)
        users[other].append(one)
    row: dict[str, int] = {}
    for node in reversed(graph.nodes):  # users first
        row[node.id] = max((row[user] + 1 for user in users[node.id]), default=0)
    rows: list[list[str]] = [[] for _ in range(max(row.values(), default=-1) + 1)]
    for node in graph.nodes:
        rows[row[node.id]].append(node.id)
    place = _centred(rows)
    for turn in range(_ROUNDS):
        neighbours = users if turn % 2 == 0 else used
        for each in rows if turn % 2 == 0 else reversed(rows):
            each.sort(key=lambda name: _middle(neighbours[name], place, place[name]))
            place |= _centred([each])
    return {name: (round(place[name]), row[name]) for name in place}


def _centred(rows: Iterable[Sequence[str]]) -> dict[str, float]:
    """Columns for what is in each row, in its order, around the same middle; two apart, so that middles are whole."""
    return {name: float(2 * number - len(row) + 1) for row in rows for number, name in enumerate(row)}


def _middle(names: Sequence[str], place: Mapping[str, float], own: float) -> float:
    return sum(place[name] for name in names) / len(names) if names else own
