"""The project's own Python files, parsed: what the house's rules are checked against."""

from __future__ import annotations

import ast
import subprocess
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = {
    "hermetica": ROOT / "hermetica",
    "hermetica_store": ROOT / "store/hermetica_store",
    "hermetica_derivations": ROOT / "derivations/hermetica_derivations",
}


@attrs.frozen(kw_only=True, slots=False)
class Module:
    """One source file.

    Attributes:
        name: dotted, as it is imported.
        path: where it lies.
    """

    name: str
    path: Path

    @cached_property
    def lines(self) -> int:
        """How many lines it has."""
        return len(self.path.read_text(encoding="utf-8").splitlines())

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.path.read_bytes(), filename=str(self.path))

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of that tree."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """What it imports when it runs, at its top or later; what only type checkers see is left out."""
        hidden = {id(node) for node in _only_for_type_checkers(self.nodes)}
        return tuple(found for node in self.nodes if id(node) not in hidden for found in _imported(node))

    @property
    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Its functions and methods, nested ones included."""
        return (node for node in self.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))

    @property
    def where(self) -> str:
        """Its path below the root, for messages."""
        return self.path.relative_to(ROOT).as_posix()


@attrs.frozen(kw_only=True)
class Import:
    """One imported module, or one name taken from it.

    Attributes:
        module: dotted name of the module.
        name: what is taken from it; None when the module itself is bound.
        line: line number.
    """

    module: str
    name: str | None
    line: int

    @property
    def top(self) -> str:
        """The first component of the module's name."""
        return self.module.partition(".")[0]


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """Every module below ``folders`` (default: the three packages), ascending by path; templates are users' modules."""
    found: list[Module] = []
    for folder in folders or [path.relative_to(ROOT).as_posix() for path in PACKAGES.values()]:
        base = (ROOT / folder).parent
        for path in sorted((ROOT / folder).rglob("*.py")):
            if any((above / "template.toml").exists() for above in path.parents):
                continue
            parts = path.relative_to(base).with_suffix("").parts
            found.append(Module(name=".".join(parts).removesuffix(".__init__"), path=path))
    return tuple(found)


def _imported(node: ast.AST) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(module=alias.name, name=None, line=node.lineno)
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield Import(module="." * node.level + (node.module or ""), name=alias.name, line=node.lineno)


def _only_for_type_checkers(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    for node in nodes:
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for statement in node.body:
                yield from ast.walk(statement)


@cache
def tracked_files() -> tuple[Path, ...]:
    """Every file that git tracks in this clone."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return tuple(path for path in paths if path.is_file())
