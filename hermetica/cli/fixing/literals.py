"""Where in a Python file a hash is written, and what to write in its place. Pure: text in, a place out.

Only the one literal is replaced; everything around it stays as it is, to the byte. Of several that could be meant, the
one in the call that made the derivation counts, then one bound to a name that the call uses, then one that stands
beside words of the derivation. Where that does not single one out, none is named.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_FETCHERS: Final = frozenset({"fetchurl", "fetchgit", "fetchoci", "fetchnix"})
_CONTAINERS: Final = (ast.Call, ast.Tuple, ast.List, ast.Set, ast.Dict)
_SHORTEST_WORD: Final = 3
IN_CALL: Final = 0
BY_NAME: Final = 1
ELSEWHERE: Final = 2


@attrs.frozen(kw_only=True)
class Wanted:
    """A hash that is to be written.

    Attributes:
        algorithm: of the hash.
        declared: the digest that is written there now; None where it is ``hm.UNKNOWN``.
        got: the right digest.
        words: what tells the derivation from others: addresses, name, commit.
    """

    algorithm: str
    declared: str | None
    got: str
    words: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Place:
    """A piece of a file's text and what belongs there.

    Attributes:
        start: offset in characters.
        end: of the first character after it.
        text: what to write.
        line: of the piece, counted from 1.
        distance: `IN_CALL`, `BY_NAME` or `ELSEWHERE`.
    """

    start: int
    end: int
    text: str
    line: int
    distance: int


@attrs.frozen
class Unclear:
    """Why no place could be named.

    Attributes:
        reason: for people.
        remedy: what to do about it, where that is known.
    """

    reason: str
    remedy: str | None = None


@attrs.frozen
class _Candidate:
    node: ast.expr
    above: tuple[ast.AST, ...]  # nearest first


def find(text: str, lines: frozenset[int], wanted: Wanted) -> Place | Unclear:
    """The place of a hash.

    Args:
        text: of the file.
        lines: on which the derivation is defined, or passed on.
        wanted: the hash.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return Unclear("it is no longer Python that can be read")
    candidates = list(_candidates(tree, wanted.declared))
    if not candidates:
        return Unclear("no literal there is the declared hash: it is computed, or read from elsewhere")
    names = _names_used(tree, lines)
    ranks = [_rank(each, lines, names, wanted) for each in candidates]
    least = min(ranks)
    best = [each for each, rank in zip(candidates, ranks, strict=True) if rank == least]
    if len(best) > 1:
        numbers = sorted({each.node.lineno for each in best})
        where = f"line{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
        return Unclear(f"several could be meant, in {where}")
    distance, _, relation, _ = least
    if distance == ELSEWHERE and wanted.declared is None and not relation:
        return Unclear("no hm.UNKNOWN there belongs to it for certain")
    return _place(text, best[0], wanted, distance)


def _candidates(tree: ast.Module, declared: str | None) -> Iterator[_Candidate]:
    """Every literal that could be the hash; a default of a parameter is none, for other calls use it too."""
    waiting: list[tuple[ast.AST, tuple[ast.AST, ...]]] = [(tree, ())]
    while waiting:
        node, above = waiting.pop()
        if isinstance(node, ast.expr) and _is_declared(node, declared):
            yield _Candidate(node, above)
            continue
        below = [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.arguments)]
        waiting += [(child, (node, *above)) for child in below]


def _is_declared(node: ast.expr, declared: str | None) -> bool:
    if declared is not None:
        return isinstance(node, ast.Constant) and node.value == declared
    if isinstance(node, ast.Attribute):
        return node.attr == "UNKNOWN"
    return isinstance(node, ast.Name) and node.id == "UNKNOWN" and isinstance(node.ctx, ast.Load)


def _is_at(node: ast.AST, lines: frozenset[int]) -> bool:
    if not isinstance(node, ast.Call):
        return False
    return any(node.lineno <= line <= (node.end_lineno or node.lineno) for line in lines)


def _names_used(tree: ast.Module, lines: frozenset[int]) -> frozenset[str]:
    """The names that the calls on these lines mention."""
    calls = [node for node in ast.walk(tree) if _is_at(node, lines)]
    return frozenset(node.id for call in calls for node in ast.walk(call) if isinstance(node, ast.Name))


def _rank(
    candidate: _Candidate, lines: frozenset[int], names: frozenset[str], wanted: Wanted
) -> tuple[int, bool, int, int]:
    """How likely a candidate is the one, the least first."""
    calls = [node for node in candidate.above if isinstance(node, ast.Call) and _is_at(node, lines)]
    relation = -_relation(candidate, wanted.words)
    if calls:
        return IN_CALL, calls[0].lineno not in lines, relation, 0
    if _bound_to(candidate) & names:
        return BY_NAME, False, relation, 0
    in_other_call = wanted.declared is None and any(_is_fetch(node) for node in candidate.above)
    return ELSEWHERE, False, relation, int(in_other_call)


def _bound_to(candidate: _Candidate) -> frozenset[str]:
    """The names that a candidate is bound to."""
    node = candidate.above[0]
    if isinstance(node, ast.Assign):
        return frozenset(target.id for target in node.targets if isinstance(target, ast.Name))
    if isinstance(node, ast.AnnAssign | ast.NamedExpr) and isinstance(node.target, ast.Name):
        return frozenset({node.target.id})
    return frozenset()


def _relation(candidate: _Candidate, words: tuple[str, ...]) -> int:
    """How many characters beside a candidate are those of the derivation's words."""
    for container in candidate.above:
        if isinstance(container, ast.stmt):
            return 0
        if isinstance(container, _CONTAINERS) and (said := list(_beside(container, candidate))):
            found = (len(text) for text in said if any(text in word for word in words))
            return sum(found)
    return 0


def _beside(container: ast.AST, candidate: _Candidate) -> Iterator[str]:
    """The words in a container; of a mapping those of the candidate's own entry."""
    parts: list[ast.AST] = [container]
    if isinstance(container, ast.Dict):
        own = {id(candidate.node), *map(id, candidate.above)}
        pairs = zip(container.keys, container.values, strict=True)
        parts = [part for key, value in pairs if id(value) in own for part in (key, value) if part is not None]
    for part in parts:
        for node in ast.walk(part):
            if node is candidate.node or not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                continue
            if len(node.value) >= _SHORTEST_WORD:
                yield node.value


def _is_fetch(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in _FETCHERS


def _place(text: str, candidate: _Candidate, wanted: Wanted, distance: int) -> Place:
    node, first, *above = candidate.node, *candidate.above
    starts = _line_starts(text)
    start = _offset(text, starts, node.lineno, node.col_offset)
    end = _offset(text, starts, node.end_lineno or node.lineno, node.end_col_offset or 0)
    written = text[start:end]
    quote = written[-1] if written[-1:] in {"'", '"'} else '"'
    new = f"{quote}{wanted.got}{quote}"
    if isinstance(first, ast.keyword) and first.arg == "hash" and above and _is_fetch(above[0]):
        start = _offset(text, starts, first.lineno, first.col_offset)  # the keyword takes hm.UNKNOWN alone
        new = f"{wanted.algorithm}={new}"
    return Place(start=start, end=end, text=new, line=_line_of(starts, start), distance=distance)


def _line_starts(text: str) -> list[int]:
    return [0, *(found.end() for found in _LINE_END.finditer(text))]


def _offset(text: str, starts: list[int], line: int, column_bytes: int) -> int:
    """From a line and a column in bytes of UTF-8, as ``ast`` counts, to an offset in characters."""
    begin = starts[line - 1]
    end = starts[line] if line < len(starts) else len(text)
    return begin + len(text[begin:end].encode("utf-8", "surrogatepass")[:column_bytes].decode("utf-8", "surrogatepass"))


def _line_of(starts: list[int], offset: int) -> int:
    return sum(1 for start in starts if start <= offset)
