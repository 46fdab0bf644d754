"""Expressions over sets of derivations: ``deps(./pkgs.py:app) - deps(./pkgs.py:tool) & kind(fetch, …)``. Pure.

Operators stand between spaces, bind alike and from the left: ``+`` or ``union``, ``&`` or ``intersect``, ``-`` or
``except``. Source: docs/cli.md, "Queries by expression", after the query language of Bazel.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Callable

_OPERATORS: Final = {"+": "+", "union": "+", "&": "&", "intersect": "&", "-": "-", "except": "-"}
_WORDS: Final = re.compile(r"\s*(?:([(),])|((?:[^\s(),\[\]]|\[[^\]]*\])+)|(\S))")
FUNCTIONS: Final = {
    "deps": ("set", "number?"),
    "rdeps": ("set", "set", "number?"),
    "kind": ("word", "set"),
    "name": ("word", "set"),
    "realized": ("set",),
}


class InvalidExpression(HermeticaError):
    """A query's expression that has no meaning."""

    code = "HM650"


@attrs.frozen
class Named:
    """A set by the target that names it."""

    target: str


@attrs.frozen
class Call:
    """A function, and what it is given: sets, then words and numbers as the function has them.

    Attributes:
        function: its name.
        sets: expressions.
        word: of ``kind`` and ``name``.
        number: how far to go; None for any distance.
    """

    function: str
    sets: tuple[Expression, ...]
    word: str = ""
    number: int | None = None


@attrs.frozen
class Combined:
    """Two sets and what is done with them: ``+``, ``&`` or ``-``."""

    operator: str
    left: Expression
    right: Expression


Expression: TypeAlias = "Named | Call | Combined"


def parse_expression(text: str) -> Expression:
    """The expression that a text spells.

    Raises:
        InvalidExpression: it spells none; the error says where.
    """
    reader = _Reader(text, _words(text))
    found = reader.expression()
    if reader.word is not None:
        raise reader.wrong("an operator, or the end")
    return found


def _words(text: str) -> list[tuple[str, int]]:
    """The words, each with its place."""
    return [
        (found[found.lastindex or 0], found.start(found.lastindex or 0)) for found in _WORDS.finditer(text.rstrip())
    ]


@attrs.define
class _Reader:
    """Goes through the words of an expression."""

    text: str
    words: list[tuple[str, int]]
    at: int = 0

    @property
    def word(self) -> str | None:
        return self.words[self.at][0] if self.at < len(self.words) else None

    def wrong(self, expected: str) -> InvalidExpression:
        place = self.words[self.at][1] if self.at < len(self.words) else len(self.text)
        shown = f"not {self.word}" if self.word is not None else "but it ends"
        return InvalidExpression(
            f"character {place + 1} of the expression: expected {expected}, {shown}",
            details=(("expression", self.text), ("", f"{' ' * place}^")),
            hint=f"functions: {', '.join(FUNCTIONS)}; operators, between spaces: + & -",
        )

    def take(self, expected: str) -> str:
        word = self.word
        if word is None or word in {"(", ")", ","} or word in _OPERATORS:
            raise self.wrong(expected)
        self.at += 1
        return word

    def punctuation(self, mark: str) -> None:
        if self.word != mark:
            raise self.wrong(repr(mark))
        self.at += 1

    def expression(self) -> Expression:
        found = self.term()
        while (operator := _OPERATORS.get(self.word or "")) is not None:
            self.at += 1
            found = Combined(operator, found, self.term())
        return found

    def term(self) -> Expression:
        if self.word == "(":
            self.at += 1
            found = self.expression()
            self.punctuation(")")
            return found
        word = self.take("a target, a function or (")
        if self.word != "(":
            return Named(word)
        if word not in FUNCTIONS:
            self.at -= 1
            raise self.wrong("a function")
        return self.call(word)

    def call(self, function: str) -> Call:
        sets: list[Expression] = []
        word, number = "", None
        for position, kind in enumerate(FUNCTIONS[function]):
            if kind == "number?" and self.word != ",":
                break
            self.punctuation("," if position else "(")
            if kind == "set":
                sets.append(self.expression())
            elif kind == "word":
                word = self.take("a word")
            else:
                number = self.number()
        self.punctuation(")")
        return Call(function, tuple(sets), word, number)

    def number(self) -> int:
        word = self.take("a whole number")
        if not word.isdecimal():
            self.at -= 1
            raise self.wrong("a whole number")
        return int(word)


def targets_of(expression: Expression) -> list[str]:
    """The targets that an expression names, in order."""
    if isinstance(expression, Named):
        return [expression.target]
    parts = expression.sets if isinstance(expression, Call) else (expression.left, expression.right)
    return [target for part in parts for target in targets_of(part)]


def evaluate(
    expression: Expression,
    named: Callable[[str], frozenset[str]],
    call: Callable[[Call, tuple[frozenset[str], ...]], frozenset[str]],
) -> frozenset[str]:
    """The set that an expression stands for.

    Args:
        expression: which.
        named: the set that a target names.
        call: what a function makes of sets.
    """
    if isinstance(expression, Named):
        return named(expression.target)
    if isinstance(expression, Call):
        return call(expression, tuple(evaluate(each, named, call) for each in expression.sets))
    left, right = (evaluate(each, named, call) for each in (expression.left, expression.right))
    if expression.operator == "+":
        return left | right
    return left & right if expression.operator == "&" else left - right


def reach(start: frozenset[str], steps: Callable[[str], frozenset[str]], distance: int | None) -> frozenset[str]:
    """What is reached from a set, itself included, in so many steps; in any number where none is given."""
    found, edge, left = set(start), set(start), distance
    while edge and left != 0:
        edge = {other for each in edge for other in steps(each)} - found
        found |= edge
        left = None if left is None else left - 1
    return frozenset(found)
