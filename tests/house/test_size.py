"""Nothing grows beyond what one reads in a sitting."""

from __future__ import annotations

import ast

import pytest

from tests.house.code import Module, functions, modules

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50

EVERYTHING = (*modules(), *modules("benchmarks"), *modules("scripts"), *modules("tests"))
every_module = pytest.mark.parametrize("module", EVERYTHING, ids=[module.where for module in EVERYTHING])


@every_module
def test_a_module_has_at_most_400_lines(module: Module) -> None:
    assert module.lines <= MODULE_LINES_MAX


@every_module
def test_a_function_has_at_most_50_lines(module: Module) -> None:
    long = [
        f"{module.where}:{function.lineno} {function.name}: {lines} lines"
        for function in functions(module)
        if (lines := (function.end_lineno or function.lineno) - function.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert not long


@every_module
def test_a_module_says_what_it_is(module: Module) -> None:
    if not module.tree.body and module.name.startswith("tests"):
        pytest.skip("an empty marker of a test package")
    assert ast.get_docstring(module.tree)
