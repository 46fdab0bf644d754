"""Nothing grows beyond what one reads in a sitting."""

from __future__ import annotations

import ast

from tests.house.code import modules

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50

EVERYTHING = (*modules(), *modules("benchmarks"), *modules("scripts"), *modules("tests"))


def test_a_module_has_at_most_400_lines() -> None:
    assert [f"{module.where}: {module.lines}" for module in EVERYTHING if module.lines > MODULE_LINES_MAX] == []


def test_a_function_has_at_most_50_lines() -> None:
    long = [
        f"{module.where}:{function.lineno} {function.name}: {lines} lines"
        for module in EVERYTHING
        for function in module.functions
        if (lines := (function.end_lineno or function.lineno) - function.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert long == []


def test_a_module_says_what_it_is() -> None:
    silent = [module for module in EVERYTHING if not ast.get_docstring(module.tree)]
    empty = [module for module in silent if not module.tree.body and module.name.startswith("tests")]
    assert [module.where for module in silent if module not in empty] == []
