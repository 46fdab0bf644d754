"""The graph of what a target is built from: in every form, and laid out so that it can be read."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.cli.views.graphs import Graph, Node, dot_lines, layout, mermaid_lines, page

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

STACK = (
    "zlib = sh('zlib-1.3', 'echo > $out')",
    "png = sh('png-1.6', 'echo $zlib > $out', env={'zlib': f'{zlib}'})",
    "app = sh('app', 'echo $png > $out', env={'png': f'{png}', 'zlib': f'{zlib}'})",
)


def graph(*edges: tuple[int, int], count: int = 0, name: str = "d") -> Graph:
    size = max([count, *(max(edge) + 1 for edge in edges)])
    nodes = [Node(id=f"id{number}", name=f"{name}{number}", kind="build", there=number > 0) for number in range(size)]
    return Graph(nodes=tuple(nodes), edges=tuple((f"id{user}", f"id{used}") for user, used in edges))


@pytest.mark.sandbox
def test_derivations_and_objects_are_drawn_in_every_form(hermetica: CommandLine) -> None:
    hermetica.module(*STACK)
    hermetica("build", "--no-link", "./pkgs.py:zlib")
    document = json.loads(hermetica("graph", "--json", "./pkgs.py:app").stdout)
    assert document["format"] == "hermetica.graph/1"
    names = {node["id"]: node["name"] for node in document["nodes"]}
    assert {(node["name"], node["kind"], node["there"]) for node in document["nodes"]} == {
        ("busybox", "source", True),
        ("zlib-1.3", "build", True),
        ("png-1.6", "build", False),
        ("app", "build", False),
    }
    edges = {(names[edge["from"]], names[edge["to"]]) for edge in document["edges"]}
    assert edges >= {("app", "png-1.6"), ("app", "zlib-1.3"), ("png-1.6", "zlib-1.3"), ("zlib-1.3", "busybox")}
    assert hermetica("graph", "./pkgs.py:app").stdout.startswith("digraph hermetica {\n")
    assert hermetica("graph", "--as", "html", "-o", "graph.html", "./pkgs.py:app").stdout == "graph.html\n"
    assert "<title>./pkgs.py:app: build</title>" in (hermetica.directory / "graph.html").read_text(encoding="utf-8")
    hermetica("build", "--no-link", "./pkgs.py:app")
    runtime = json.loads(hermetica("graph", "--as", "json", "--runtime", "./pkgs.py:app").stdout)
    assert [node["name"] for node in runtime["nodes"]] == ["zlib-1.3", "png-1.6", "app"]
    assert len(runtime["edges"]) == 2
    refused = hermetica("graph", "-o", "no/such/place", "./pkgs.py:app", status=2)
    assert "no/such/place cannot be written: No such file or directory" in refused.stderr


def test_dot_and_mermaid_have_each_node_and_edge_once_and_show_what_is_not_there() -> None:
    found = graph((1, 0))
    assert list(dot_lines(found)) == [
        "digraph hermetica {",
        '  node [shape=box, fontname="sans-serif"];',
        '  "id0" [label="d0", shape=box, style=dashed];',
        '  "id1" [label="d1", shape=box, style=solid];',
        '  "id1" -> "id0";',
        "}",
    ]
    assert list(mermaid_lines(found)) == [
        "flowchart TD",
        '  n0["d0"]:::absent',
        '  n1["d1"]',
        "  n1 --> n0",
        "  classDef absent stroke-dasharray: 4 3",
    ]


@given(
    st.integers(1, 12).flatmap(lambda count: st.tuples(st.just(count), st.sets(st.tuples(*[st.integers(0, 11)] * 2))))
)
def test_what_uses_something_is_above_it_and_no_two_share_a_place(drawn: tuple[int, set[tuple[int, int]]]) -> None:
    count, pairs = drawn
    found = graph(*((user, used) for user, used in pairs if used < user < count), count=count)
    places = layout(found)
    assert set(places) == {node.id for node in found.nodes}
    assert all(places[user][1] < places[used][1] for user, used in found.edges)
    assert len(set(places.values())) == count


def test_the_page_needs_nothing_beside_it_and_no_name_can_break_out_of_it() -> None:
    template = files("hermetica.cli.views").joinpath("graph.html").read_text(encoding="utf-8")
    text = page(graph((1, 0), name="</script><b>"), template, "a<b>&c")
    assert "<title>a&lt;b>&amp;c</title>" in text
    assert "</script><b>" not in text
    assert not re.search(r"(src|href)\s*=|url\(|@import|https?://", text)
    assert "default-src 'none'" in text
    data = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["nodes"][0][:3] == ["</script><b>0", "build", False]
