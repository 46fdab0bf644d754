"""A graph of derivations or of objects, as dot, Mermaid, JSON, or what a page shows of it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.report.layout import layered

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT: Final = "hermetica.graph/1"
_SHAPES: Final = {"source": "folder", "fetch": "cylinder", "builtin": "component"}
_MERMAID: Final = {"source": ("[/", "/]"), "fetch": ("[(", ")]"), "builtin": ("([", "])")}


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


def page_document(graph: Graph, base: str = ".") -> dict[str, Any]:
    """The graph as the page of one graph reads it: rows of nodes with their places, and edges between their numbers.

    Args:
        graph: what is shown.
        base: a directory: what is defined below it is told by its path from there.
    """
    numbers = {node.id: number for number, node in enumerate(graph.nodes)}
    edges = [(numbers[user], numbers[used]) for user, used in graph.edges]
    places = layered(len(graph.nodes), edges)
    return {
        "nodes": [
            [node.name, node.kind, node.there, node.size_bytes, (node.origin or "").removeprefix(f"{base}/"), *place]
            for node, place in zip(graph.nodes, places, strict=True)
        ],
        "edges": [list(edge) for edge in edges],
    }
