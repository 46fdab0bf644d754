"""The samples of a page: its fenced blocks, and what comments beside them say about running them.

A block says what it is by its language. ``python`` is a module where its first line is ``# NAME.py``, else statements.
``console`` has commands after ``$ ``, and what they print. ``toml``, ``json`` and files of other languages are written
where their first line names them. ``text`` is no sample. Comments of Markdown, which readers do not see, say the rest.
Above a block::

    <!-- sample: not run: it compiles CPython, which takes minutes -->
    <!-- sample: more of pkgs.py -->                     the block goes on in that file
    <!-- sample: status 3 -->                            its commands end with that

Anywhere, in order with the blocks::

    <!-- sample: fetches c -->                           the page needs mirrors, and that `c` or `python` is there
    <!-- sample: lock tools gcc=deb -->                  hermetica.lock gets a group with a pin of that kind
    <!-- sample: file rows.csv                           a file, up to the end of the comment
    <!-- sample: python                                  statements, likewise; or `console`

Sybil and its kind run the Python of a page, not its commands, and know no project directory: as an extension of one
this would be as long.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FENCE: Final = re.compile(
    r"^<!-- sample: (?P<mark>.*?)\s*-->$"
    r"|^(?P<indent> *)(?P<fence>```+)(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=indent)(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
NAME: Final = re.compile(r"(?:#|//|;) (?P<name>[\w./-]+\.\w+|Makefile)(?:\s.*)?$")
MARKS: Final = re.compile(r"not run: \w|status \d+$|more of [\w./]+$")
NOT_RUN: Final = "not run: "


@attrs.frozen(kw_only=True)
class Block:
    """One sample.

    Attributes:
        line: of the fence, or of the comment, in the page.
        language: of the fence; of a comment with content its first word.
        text: the content; empty for a mark.
        marks: what the comments directly above say.
        hidden: whether it stands in a comment.
    """

    line: int
    language: str
    text: str
    marks: tuple[str, ...] = ()
    hidden: bool = False

    @property
    def not_run(self) -> str | None:
        """Why it is not run, if it is not."""
        return next((mark.removeprefix(NOT_RUN) for mark in self.marks if mark.startswith(NOT_RUN)), None)

    @property
    def status(self) -> int | None:
        """What its commands end with; None where it does not say."""
        return next((int(mark.split()[1]) for mark in self.marks if mark.startswith("status ")), None)

    @property
    def continues(self) -> str | None:
        """The file that it goes on with."""
        return next((mark.removeprefix("more of ") for mark in self.marks if mark.startswith("more of ")), None)

    @property
    def file(self) -> str | None:
        """The name of the file that it is, from its first line."""
        found = NAME.match(self.text.partition("\n")[0])
        return found["name"] if found else None


@attrs.frozen
class Command:
    """A command line and what it prints.

    Attributes:
        line: within its block, from 0.
        words: what is typed.
        expected: lines that follow, up to the next command.
    """

    line: int
    words: str
    expected: tuple[str, ...]


def blocks(page: str) -> Iterator[Block]:
    """The samples of a page, in order."""
    marks: list[str] = []
    for found in FENCE.finditer(page):
        line = page.count("\n", 0, found.start()) + 1
        if found["mark"] is None and found["language"].startswith("{"):
            continue  # a directive of the page itself
        if found["mark"] is None:
            indent = found["indent"]
            text = "".join(each.removeprefix(indent) for each in found["text"].splitlines(keepends=True))
            yield Block(line=line, language=found["language"], text=text, marks=tuple(marks))
            marks = []
            continue
        first, _, content = found["mark"].partition("\n")
        if content or first.startswith(("lock ", "fetches")):
            yield Block(line=line, language=first, text=f"{content}\n" if content else "", hidden=True)
        else:
            marks.append(first)


def commands(text: str) -> tuple[Command, ...]:
    """The commands of a console block; a line that ends with a backslash goes on.

    Raises:
        ValueError: there is something before the first command.
    """
    found: list[Command] = []
    lines = iter(enumerate(text.splitlines()))
    for number, line in lines:
        if line.startswith("$ "):
            words = line.removeprefix("$ ")
            while words.endswith("\\"):
                words = f"{words}\n{next(lines)[1].removeprefix('> ')}"
            found.append(Command(number, words, ()))
        elif found:
            found[-1] = attrs.evolve(found[-1], expected=(*found[-1].expected, line))
        else:
            raise ValueError(f"a console block begins with a command after `$ `, not with {line!r}")
    return tuple(found)


def fits(expected: tuple[str, ...], printed: str) -> bool:
    """Whether a command printed what the page shows; ``…`` stands for anything in a line, alone for any lines."""
    parts = [
        r"(?:.*\n)*"
        if line.strip() in {"…", "..."}
        else re.sub(r"(?:…|\\\.\\\.\\\.)+", ".*", re.escape(line)) + r"[ ]*\n"
        for line in expected
    ]
    return re.fullmatch("".join(parts), printed.rstrip("\n") + "\n" if printed else "") is not None


def pages(root: Path) -> list[Path]:
    """Every page with samples, ascending; plans and what Sphinx made are none."""
    docs = (page for page in (root / "docs").rglob("*.md") if not {"plans", "_build"} & set(page.parts))
    return [root / "README.md", *sorted(docs)]
