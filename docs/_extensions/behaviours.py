"""The ``behaviours`` directive: what the tests in ``tests/behaviours`` promise, as sentences that cannot go stale."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from docutils.parsers.rst import Directive

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

TESTS = Path(__file__).parents[2] / "tests/behaviours"
NAME = re.compile(r"test_(?:(b\d+)_)?(.+)")


class Behaviours(Directive):
    """One section a file of tests, one line a test."""

    def run(self) -> list[nodes.Node]:
        """The sections, ascending by file name."""
        sections: list[nodes.Node] = []
        for path in sorted(TESTS.glob("test_*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            promises = [NAME.fullmatch(node.name) for node in tree.body if isinstance(node, ast.FunctionDef)]
            lines = [promise(match[1], match[2]) for match in promises if match]
            if lines:
                sections.append(section(path.stem, ast.get_docstring(tree) or "", lines))
        return sections


def promise(number: str | None, name: str) -> str:
    """The name of a test as a sentence, after its number where it has one."""
    sentence = name.replace("_", " ")
    return f"{number.upper()}: {sentence}" if number else sentence.capitalize()


def section(name: str, introduction: str, lines: list[str]) -> nodes.section:
    """A heading, the docstring of the file, and its promises."""
    items = [nodes.list_item("", nodes.paragraph(text=line)) for line in lines]
    title = name.removeprefix("test_").replace("_", " ").capitalize()
    return nodes.section(
        "",
        nodes.title(text=title),
        nodes.paragraph(text=introduction.partition("\n\n")[0]),
        nodes.bullet_list("", *items),
        ids=[nodes.make_id(name)],
    )


def setup(app: Sphinx) -> ExtensionMetadata:
    """Registers the directive."""
    app.add_directive("behaviours", Behaviours)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
