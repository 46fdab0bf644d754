"""Draws the pictures of the page on identity: `python docs/images/draw.py` writes them beside itself.

Each is a list of boxes and arrows on a grid; colours follow the reader's preference for light or dark.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Final

import attrs

CLASS: Final = ' class="small mono"'
STYLE: Final = """
  .panel { fill: #ffffff } text { font: 14px system-ui, sans-serif; fill: #1f2328 }
  .small { font-size: 12px; fill: #57606a } .mono { font-family: ui-monospace, monospace; font-size: 12px }
  .box { fill: #f6f8fa; stroke: #8c959f } .new { fill: #fff1d6; stroke: #bf8700 }
  .same { fill: #dcf5e3; stroke: #2da44e }
  .off { fill: none; stroke: #8c959f; stroke-dasharray: 5 4 } .id { fill: #ddeefe; stroke: #218bff }
  .arrow { stroke: #57606a; fill: none; marker-end: url(#head) } #head path { fill: #57606a }
  @media (prefers-color-scheme: dark) {
    .panel { fill: #131416 } text { fill: #e6edf3 } .small { fill: #9da7b3 }
    .box { fill: #1c2128; stroke: #768390 } .new { fill: #3d2e00; stroke: #d4a72c }
    .same { fill: #12351f; stroke: #3fb950 }
    .off { stroke: #768390 } .id { fill: #0c2d4f; stroke: #539bf5 }
    .arrow { stroke: #9da7b3 } #head path { fill: #9da7b3 }
  }
"""
HEAD: Final = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0 L8 4 L0 8 z"/></marker></defs>'
)


@attrs.frozen(kw_only=True)
class Box:
    """A rounded rectangle with lines of text in it.

    Attributes:
        x: of its left edge; ``y`` of its upper one.
        lines: the first is its title.
        kind: a class of the style.
    """

    x: int
    y: int
    width: int
    height: int
    lines: tuple[str, ...]
    kind: str = "box"

    def draw(self) -> str:
        """Its elements."""
        step = 18
        top = self.y + (self.height - step * len(self.lines)) / 2 + 13
        texts = [
            f'<text x="{self.x + self.width / 2}" y="{top + step * index}" text-anchor="middle"'
            f"{CLASS if index else ''}>{escape(line)}</text>"
            for index, line in enumerate(self.lines)
        ]
        rectangle = (
            f'<rect class="{self.kind}" x="{self.x}" y="{self.y}" width="{self.width}" height="{self.height}" rx="8"/>'
        )
        return "\n".join([rectangle, *texts])


def arrow(x: int, y: int, to_x: int, to_y: int, label: str = "") -> str:
    """A line with a head, and a label above its middle."""
    text = (
        f'<text class="small" x="{(x + to_x) / 2}" y="{(y + to_y) / 2 - 7}" text-anchor="middle">{escape(label)}</text>'
    )
    return f'<path class="arrow" d="M{x} {y} L{to_x} {to_y}"/>' + (f"\n{text}" if label else "")


def note(x: int, y: int, text: str) -> str:
    """A line of small text."""
    return f'<text class="small" x="{x}" y="{y}">{escape(text)}</text>'


def picture(title: str, width: int, height: int, *parts: Box | str) -> str:
    """A whole picture."""
    drawn = [each.draw() if isinstance(each, Box) else each for each in parts]
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    panel = f'<rect class="panel" width="{width}" height="{height}" rx="10"/>'
    return "\n".join(
        [head, f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", HEAD, panel, *drawn, "</svg>", ""]
    )


def declared() -> str:
    """From what is declared to an id, and from what was made to a path."""
    return picture(
        "A derivation has an id from what it declares; an object has a path from what it contains",
        *(760, 250),
        Box(
            x=20,
            y=25,
            width=210,
            height=120,
            lines=("derivation", "name, builder, args", "env, outputs, system", "inputs: ids", "sources: digests"),
        ),
        Box(x=320, y=50, width=170, height=70, lines=("derivation id", "f63f03b84c09…"), kind="id"),
        Box(x=20, y=170, width=210, height=60, lines=("what the builder wrote", "files, links, x bits")),
        Box(x=320, y=165, width=170, height=70, lines=("tree digest", "BLAKE3, of content"), kind="id"),
        Box(x=560, y=165, width=180, height=70, lines=("store path", "hxqhj6nz…-shout"), kind="same"),
        arrow(230, 85, 320, 85, "BLAKE3"),
        arrow(230, 200, 320, 200, "BLAKE3"),
        arrow(490, 200, 560, 200),
        Box(x=560, y=50, width=180, height=70, lines=("the trace", "id -> store path")),
        arrow(490, 85, 560, 85, "look up"),
        arrow(650, 165, 650, 120),
    )


def resolved() -> str:
    """How a derivation is looked up twice."""
    return picture(
        "Before its inputs are made a derivation is looked up by its id; afterwards by its resolved id",
        *(760, 250),
        Box(
            x=20, y=25, width=230, height=80, lines=("shout", "tr a-z A-Z < ${words}", "input: id of words"), kind="box"
        ),
        Box(
            x=20,
            y=150,
            width=230,
            height=80,
            lines=("shout, resolved", "tr a-z A-Z < /hermetica/", "store/hx6xa9y9…-words-1.0"),
            kind="box",
        ),
        arrow(135, 105, 135, 150),
        note(150, 132, "words is realized"),
        Box(x=320, y=30, width=160, height=70, lines=("derivation id", "f63f03b8…"), kind="id"),
        Box(x=320, y=155, width=160, height=70, lines=("resolved id", "eb1c8f02…"), kind="id"),
        arrow(250, 65, 320, 65),
        arrow(250, 190, 320, 190),
        Box(x=560, y=30, width=180, height=70, lines=("known?", "reuse; ask no further"), kind="same"),
        Box(x=560, y=155, width=180, height=70, lines=("known?", "reuse: early cut-off", "else build"), kind="same"),
        arrow(480, 65, 560, 65),
        arrow(480, 190, 560, 190),
    )


def cut_off() -> str:
    """A comment changes; what depends on it is left alone."""
    parts: list[Box | str] = []
    for top, heading, kinds, said in (
        (
            40,
            "A comment in main.c changes",
            ("new", "new", "same", "off", "off"),
            ("other digest", "built again", "same content", "not built", "not built"),
        ),
        (
            160,
            "What main.c prints changes",
            ("new", "new", "new", "new", "new"),
            ("other digest", "built again", "other content", "built again", "built again"),
        ),
    ):
        parts.append(note(20, top - 12, heading))
        names = ("main.c", "tool", "its output", "site", "archive")
        for index, (name, kind, text) in enumerate(zip(names, kinds, said, strict=True)):
            parts.append(Box(x=20 + 148 * index, y=top, width=124, height=64, lines=(name, text), kind=kind))
            if index:
                parts.append(arrow(20 + 148 * index - 24, top + 32, 20 + 148 * index, top + 32))
    return picture("Equal content stops what follows from a change", 760, 245, *parts)


def main() -> None:
    """Writes them all."""
    here = Path(__file__).parent
    for name, drawn in (("identity", declared()), ("resolved", resolved()), ("cut-off", cut_off())):
        (here / f"{name}.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
