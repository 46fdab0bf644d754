"""The graph of what a target is built from: in every form, and laid out so that it can be read."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from hermetica.cli.views.graphs import Graph, Node, dot_lines, mermaid_lines, page_document
from hermetica.report import graph_page
from tests.chromium import chromium, missing_chromium

if TYPE_CHECKING:
    from pathlib import Path

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


def test_the_page_needs_nothing_beside_it_and_no_name_can_break_out_of_it() -> None:
    text = graph_page("a<b>&c", page_document(graph((1, 0), name="</script><b>")))
    assert "<title>a&lt;b&gt;&amp;c</title>" in text
    assert "</script><b>" not in text
    assert not re.search(r"(src|href)\s*=|url\(|@import|https?://", text)
    assert "default-src 'none'" in text
    assert "unsafe-inline" not in text
    data = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["nodes"][0][:3] == ["</script><b>0", "build", False]


@pytest.mark.skipif(bool(missing_chromium()), reason=missing_chromium() or "there is one")
def test_six_thousand_nodes_are_searched_and_clicked_in_a_real_browser(tmp_path: Path) -> None:
    wide = graph(*((user, used) for user in range(100, 6000) for used in {user // 3, user - 97, user // 7 + 1}))
    path = tmp_path / "graph.html"
    path.write_text(graph_page("six thousand", page_document(wide)), encoding="utf-8")
    with chromium() as browser:
        page = browser.page(path)
        page.until("document.documentElement.dataset.ready")
        assert page.text("#about").startswith("6,000 nodes, 1")
        page.key("/")
        page.write("d5999")
        assert "d5999" in page.text("#about b")
        assert "not in the store" not in page.text("#about")
        page.until("page.drawing.picture && !page.drawing.job && !page.drawing.isStale")
        used = page.evaluate("page.drawing.uses[5999]")
        x, y = page.evaluate(
            f"(() => {{ const it = page.drawing; it.view.scale = 0.5; it.bring({used[0]}); it.stale();"
            f" const node = it.nodes[{used[0]}], view = it.view;"
            " return [(node.x - view.left) * view.scale, (node.y - view.top) * view.scale]; })()"
        )
        page.press(x, y)
        assert page.text("#about b") == f"d{used[0]}"
        assert page.text("#about dl").startswith("kind\nbuild, in the store\nneeds\n")
        page.key("Escape")
        assert page.errors == []
        assert page.requests == [path.resolve().as_uri()]
