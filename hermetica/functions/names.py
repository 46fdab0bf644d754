"""Names: what a definition uses from outside itself, told by its text alone.

Annotations count for nothing: inside the sandbox nobody evaluates them, so they may name what only type checkers see.
"""

from __future__ import annotations

import ast
import copy
import symtable
from typing import TYPE_CHECKING, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@attrs.frozen(kw_only=True)
class Use:
    """A name, or a module, and the line of the file that uses it first."""

    name: str
    line: int


@attrs.frozen(kw_only=True)
class Uses:
    """What a definition needs.

    Attributes:
        names: global names that it reads, ascending.
        written: global names that it assigns to, ascending.
        modules: what it imports, in order; a relative import begins with a dot.
    """

    names: tuple[Use, ...]
    written: tuple[Use, ...]
    modules: tuple[Use, ...]


def uses_of(definition: Definition) -> Uses:
    """What ``definition`` needs from outside itself."""
    plain: Definition = _Plain().visit(copy.deepcopy(definition))
    table = symtable.symtable(ast.unparse(plain), "<definition>", "exec")
    read = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    written: set[str] = set()
    for scope in _scopes(table):
        for symbol in scope.get_symbols():
            if symbol.is_global() and symbol.is_referenced():
                read.add(symbol.get_name())
            if symbol.is_declared_global() and symbol.is_assigned():
                written.add(symbol.get_name())
    lines = _lines(plain)
    return Uses(
        names=tuple(Use(name=name, line=lines.get(name, definition.lineno)) for name in sorted(read)),
        written=tuple(Use(name=name, line=lines.get(name, definition.lineno)) for name in sorted(written)),
        modules=tuple(_modules(definition)),
    )


def without_defaults(function: ast.FunctionDef) -> ast.FunctionDef:
    """The same function as the sandbox defines it: its caller has evaluated its defaults and its decorators."""
    changed = copy.deepcopy(function)
    changed.decorator_list = []
    changed.args.defaults = [ast.Constant(None) for _ in changed.args.defaults]
    changed.args.kw_defaults = [None if each is None else ast.Constant(None) for each in changed.args.kw_defaults]
    return changed


def imported(statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str, str]]:
    """For each name that a statement binds: the name, the module, and a statement that binds just that."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            yield alias.asname or alias.name.partition(".")[0], alias.name, f"import {_spelled(alias)}"
    else:
        module = "." * statement.level + (statement.module or "")
        for alias in statement.names:
            yield alias.asname or alias.name, module, f"from {module} import {_spelled(alias)}"


def _spelled(alias: ast.alias) -> str:
    return alias.name if alias.asname is None else f"{alias.name} as {alias.asname}"


def _scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _scopes(child)


def _lines(definition: Definition) -> dict[str, int]:
    """The first line on which each name stands."""
    lines: dict[str, int] = {}
    for node in ast.walk(definition):
        names = [node.id] if isinstance(node, ast.Name) else node.names if isinstance(node, ast.Global) else []
        for name in names:
            lines[name] = min(lines.get(name, node.lineno), node.lineno)  # type: ignore[attr-defined]  # both have it
    return lines


def _modules(definition: Definition) -> Iterator[Use]:
    for node in ast.walk(definition):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for module in dict.fromkeys(module for _, module, _ in imported(node)):
                yield Use(name=module, line=node.lineno)


class _Plain(ast.NodeTransformer):
    """Takes the annotations off; what they declare stays bound."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        value = ast.Constant(None) if node.value is None else node.value
        return self.generic_visit(ast.copy_location(ast.Assign(targets=[node.target], value=value), node))
