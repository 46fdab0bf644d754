"""What the code says of each error: the messages and the ways out that it is raised with, read from the source."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from importlib import import_module
from pathlib import Path

import attrs

from hermetica_store.errors import HermeticaError

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "hermetica", ROOT / "store/hermetica_store", ROOT / "derivations/hermetica_derivations")
GAP = "…"


@attrs.define
class Texts:
    """What an error is raised with, in the order of the source; ``…`` is where the facts stand."""

    messages: dict[str, None] = attrs.field(factory=dict[str, None])
    hints: dict[str, None] = attrs.field(factory=dict[str, None])


def error_classes() -> list[type[HermeticaError]]:
    """Every class of errors, ascending by code."""
    for package in PACKAGES:
        for path in sorted(package.rglob("*.py")):
            if "templates" not in path.parts and path.stem not in {"__main__", "pytest_plugin", "inside"}:
                import_module(
                    ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
                )
    found: set[type[HermeticaError]] = set()
    waiting = [HermeticaError]
    while waiting:
        kind = waiting.pop()
        if kind not in found and kind.__module__.startswith("hermetica"):
            found.add(kind)
            waiting.extend(kind.__subclasses__())
    return sorted(found, key=lambda kind: (kind.code, kind.__name__))


@cache
def texts() -> dict[str, Texts]:
    """By the name of the class."""
    found: defaultdict[str, Texts] = defaultdict(Texts)
    for package in PACKAGES:
        for path in sorted(package.rglob("*.py")):
            tree = ast.parse(path.read_bytes())
            named = {each.targets[0].id: each.value for each in tree.body if _names_one(each)}  # type: ignore[attr-defined]  # _names_one saw to it
            for owner, call in _calls(tree):
                _add(found[owner], call, named)
    return dict(found)


def _names_one(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name)
    )


def _calls(tree: ast.Module) -> list[tuple[str, ast.Call]]:
    """Calls that make an error, with its class; ``super().__init__`` in one makes that."""
    inside = {
        id(call): owner.name for owner in ast.walk(tree) if isinstance(owner, ast.ClassDef) for call in ast.walk(owner)
    }
    pairs: list[tuple[str, ast.Call]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            pairs.append((inside.get(id(node), "") if name == "super().__init__" else name.rpartition(".")[2], node))
    return pairs


def _add(texts: Texts, call: ast.Call, named: dict[str, ast.expr]) -> None:
    for argument in call.args[:2]:
        if messages := _spelt(argument, named):
            texts.messages |= dict.fromkeys(messages)
            break
    for keyword in call.keywords:
        if keyword.arg == "hint":
            texts.hints |= dict.fromkeys(_spelt(keyword.value, named))


def _spelt(value: ast.expr | None, named: dict[str, ast.expr]) -> list[str]:
    """The texts that an expression can be, as far as they are written out."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return [value.value] if value.value else []
    if isinstance(value, ast.JoinedStr):
        parts = [each.value if isinstance(each, ast.Constant) else GAP for each in value.values]
        text = "".join(str(part) for part in parts)
        return [text] if any(character.isalpha() for character in text) else []
    if isinstance(value, ast.IfExp):
        return [*_spelt(value.body, named), *_spelt(value.orelse, named)]
    if isinstance(value, ast.BoolOp):
        return [text for each in value.values for text in _spelt(each, named)]
    if isinstance(value, ast.Name) and value.id in named:
        return _spelt(named[value.id], {})
    return []
