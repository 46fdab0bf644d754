"""Every error has a code of its own, and a test that meets it."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from importlib import import_module
from pathlib import Path

from hermetica_store.errors import HermeticaError
from tests.house.code import PACKAGES, ROOT, modules


@cache
def error_classes() -> tuple[type[HermeticaError], ...]:
    """Every error class of the project, ascending by code."""
    for module in modules():
        if not module.name.endswith("__main__"):
            import_module(module.name)
    found: set[type[HermeticaError]] = set()
    waiting = [HermeticaError]
    while waiting:
        kind = waiting.pop()
        found.add(kind)
        waiting.extend(kind.__subclasses__())
    ours = (kind for kind in found if kind.__module__.partition(".")[0] in PACKAGES)
    return tuple(sorted(ours, key=lambda kind: (kind.code, kind.__name__)))


@cache
def words_of_the_tests() -> frozenset[str]:
    """Every identifier that occurs in the tests, these house rules left out."""
    paths = (path for path in (ROOT / "tests").rglob("*.py") if path.parent != Path(__file__).parent)
    return frozenset(word for path in paths for word in re.findall(r"\w+", path.read_text(encoding="utf-8")))


@cache
def calls() -> frozenset[str]:
    """Every name that some module of ours calls."""
    nodes = (node.func for module in modules() for node in module.nodes if isinstance(node, ast.Call))
    return frozenset(ast.unparse(node).rpartition(".")[2] for node in nodes)


def is_raised(kind: type[HermeticaError]) -> bool:
    """Whether some module makes this very class, rather than only its subclasses."""
    return kind.__name__ in calls()


def test_every_error_class_has_a_code_of_its_own() -> None:
    by_code: defaultdict[str, list[str]] = defaultdict(list)
    for kind in error_classes():
        by_code[vars(kind).get("code", "none")].append(kind.__name__)
    assert {code: names for code, names in by_code.items() if len(names) > 1 or code == "none"} == {}


def test_every_code_is_two_letters_and_three_digits() -> None:
    assert not [kind.__name__ for kind in error_classes() if not re.fullmatch(r"HM\d{3}", kind.code)]


def test_every_error_class_is_raised_somewhere_or_is_a_family() -> None:
    assert not [kind.__name__ for kind in error_classes() if not kind.__subclasses__() and not is_raised(kind)]


def test_every_error_that_is_raised_is_met_by_a_test() -> None:
    met = words_of_the_tests()
    raised = [kind for kind in error_classes() if is_raised(kind)]
    assert [f"{kind.__name__} ({kind.code})" for kind in raised if not {kind.__name__, kind.code} & met] == []


def test_every_error_class_says_what_it_stands_for() -> None:
    assert not [kind.__name__ for kind in error_classes() if not vars(kind).get("__doc__")]
