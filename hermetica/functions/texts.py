"""The text of a module: its definitions as they stand there, and what its names are bound by.

Text, and neither bytecode nor syntax trees, is what is hashed: it is the same for every version of Python.
"""

from __future__ import annotations

import ast
import functools
import linecache
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from hermetica.functions.errors import SourceUnavailable
from hermetica.functions.names import Definition, imported

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import FunctionType

_LATER: Final = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
_TEXT: Final = (ast.Constant, ast.JoinedStr)


@attrs.frozen(kw_only=True)
class Import:
    """An import at the top of a module.

    Attributes:
        module: dotted; a relative one begins with a dot.
        statement: binds one name and nothing else.
        line: where it stands.
    """

    module: str
    statement: str
    line: int


Binding: TypeAlias = "Import | Definition | None"  # None: by assignment, or in a loop


@attrs.frozen(kw_only=True, eq=False)
class ModuleText:
    """A module as text.

    Attributes:
        file: as the interpreter names it.
        lines: with their ends.
        tree: parsed.
        bindings: of each name at the top of the module, what binds it, in order.
    """

    file: str
    lines: tuple[str, ...]
    tree: ast.Module
    bindings: Mapping[str, tuple[Binding, ...]]

    def text_of(self, definition: Definition, *, decorated: bool = True) -> tuple[str, int]:
        """The dedented text of a definition, and the line on which it begins.

        Args:
            definition: a part of ``tree``.
            decorated: whether its decorators belong to it.
        """
        first = min([definition.lineno, *(each.lineno for each in definition.decorator_list if decorated)])
        last = definition.end_lineno or definition.lineno
        kept = _continued(definition)
        lines = [
            line if number in kept else _dedent(line, definition.col_offset)
            for number, line in enumerate(self.lines[first - 1 : last], start=first)
        ]
        return "".join(lines).rstrip() + "\n", first


def module_of(function: FunctionType) -> ModuleText:
    """The text of the module that ``function`` stands in, as it is now.

    Raises:
        SourceUnavailable: there is none, as for what was typed or made by ``exec``.
    """
    file = function.__code__.co_filename
    linecache.checkcache(file)
    lines = linecache.getlines(file, function.__globals__)
    try:
        return _parsed(file, "".join(lines))
    except SyntaxError as error:
        raise _unavailable(function, f"{file} is no Python any more") from error


def definition_of(function: FunctionType, module: ModuleText) -> ast.FunctionDef:
    """Where ``function`` is defined.

    Raises:
        SourceUnavailable: not there.
    """
    code = function.__code__
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name and starts_at(node, code.co_firstlineno):
            return node
    cause = f"line {code.co_firstlineno} of {module.file} does not define it" if module.lines else "no file has it"
    raise _unavailable(function, cause)


def starts_at(definition: Definition, line: int) -> bool:
    """Whether the interpreter says that a definition begins on ``line``: on that of its first decorator."""
    return line == min([definition.lineno, *(each.lineno for each in definition.decorator_list)])


def _unavailable(function: FunctionType, cause: str) -> SourceUnavailable:
    code = function.__code__
    return SourceUnavailable(
        f"the text of {function.__name__}() cannot be read",
        details=(("cause", cause),),
        hint="define it in a file, and evaluate again if the file changed meanwhile",
        origin=f"{code.co_filename}:{code.co_firstlineno}",
    )


@functools.lru_cache(maxsize=16)
def _parsed(file: str, text: str) -> ModuleText:
    tree = ast.parse(text)
    bindings: dict[str, tuple[Binding, ...]] = {}
    for name, binding in _bindings(tree.body):
        bindings[name] = (*bindings.get(name, ()), binding)
    return ModuleText(file=file, lines=tuple(f"{line}\n" for line in text.split("\n")), tree=tree, bindings=bindings)


def _bindings(statements: Iterable[ast.stmt]) -> Iterator[tuple[str, Binding]]:
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield statement.name, statement
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            for name, module, text in imported(statement):
                yield name, Import(module=module, statement=text, line=statement.lineno)
        else:
            if not (isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING")):
                yield from _bindings(_below(statement))
            elif statement.orelse:
                yield from _bindings(statement.orelse)
            yield from ((name, None) for name in _assigned(statement))


def _below(statement: ast.stmt) -> Iterator[ast.stmt]:
    """The statements directly in a compound one."""
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, ast.ExceptHandler | ast.match_case):
            yield from child.body


def _assigned(node: ast.AST) -> Iterator[str]:
    """The names that a statement itself assigns to; those of statements in it come with them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id
        elif not isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case | _LATER):
            yield from _assigned(child)


def _continued(definition: Definition) -> set[int]:
    """The lines that begin inside a string, whose first characters belong to it."""
    return {
        line
        for node in ast.walk(definition)
        if isinstance(node, _TEXT) and node.end_lineno is not None
        for line in range(node.lineno + 1, node.end_lineno + 1)
    }


def _dedent(line: str, columns: int) -> str:
    head = line[:columns]
    return line[columns:] if head.strip(" \t") == "" else line.lstrip(" \t")
