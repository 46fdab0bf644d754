"""Queries by expression, and what closures weigh."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.cli.closures import needed_alone
from hermetica.cli.expressions import (
    Call,
    Combined,
    InvalidExpression,
    Named,
    evaluate,
    parse_expression,
    reach,
    targets_of,
)
from hermetica_store.digest import Digest
from hermetica_store.path import StorePath, store_path

if TYPE_CHECKING:
    from hermetica.cli.expressions import Expression
    from tests.cli.conftest import CommandLine

STACK = (
    "zlib = sh('zlib-1.3', 'echo > $out')",
    "png = sh('png-1.6', 'echo $zlib > $out', env={'zlib': f'{zlib}'})",
    "app = sh('app', 'echo $png > $out', env={'png': f'{png}'})",
    "tool = sh('tool', 'echo $zlib > $out', env={'zlib': f'{zlib}'})",
    "page = hm.fetchurl('https://example.invalid/page', sha256='0' * 64)",
)
WORDS = st.sampled_from(["./pkgs.py:a", "mod:b.*", "set#c[python=3.12,debug=0]", "d-1", "'e'"])
SETS: st.SearchStrategy[Expression] = st.recursive(
    WORDS.map(Named),
    lambda inner: (
        st.builds(Combined, st.sampled_from("+&-"), inner, inner)
        | st.builds(Call, st.just("realized"), st.tuples(inner))
        | st.builds(Call, st.just("kind"), st.tuples(inner), st.sampled_from(["fetch", "build"]))
        | st.builds(Call, st.just("deps"), st.tuples(inner), st.just(""), st.none() | st.integers(0, 9))
        | st.builds(Call, st.just("rdeps"), st.tuples(inner, inner))
    ),
    max_leaves=8,
)


def spelled(expression: Expression) -> str:
    if isinstance(expression, Named):
        return expression.target
    if isinstance(expression, Combined):
        return f"{spelled(expression.left)} {expression.operator} ({spelled(expression.right)})"
    given = [*([expression.word] if expression.word else []), *map(spelled, expression.sets)]
    given += [] if expression.number is None else [str(expression.number)]
    return f"{expression.function}({', '.join(given)})"


@given(SETS)
def test_an_expression_is_read_as_it_was_meant(expression: Expression) -> None:
    assert parse_expression(spelled(expression)) == expression
    assert all(target in spelled(expression) for target in targets_of(expression))


def test_operators_bind_alike_from_the_left_and_have_names() -> None:
    sets = {"a": frozenset("12"), "b": frozenset("23"), "c": frozenset("3")}

    def value(text: str) -> str:
        found = evaluate(parse_expression(text), sets.__getitem__, lambda _, given: given[0])
        return "".join(sorted(found))

    assert value("a + b - c") == value("a union b except c") == "12"
    assert value("a - b & a") == "1"
    assert value("a + b & c") == value("(a + b) intersect c") == "3"
    assert value("a + (b & c)") == "123"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "character 1 of the expression: expected a target, a function or (, but it ends"),
        ("a b", "character 3 of the expression: expected an operator, or the end, not b"),
        ("(a", "character 3 of the expression: expected ')', but it ends"),
        ("deps(a, x)", "character 9 of the expression: expected a whole number, not x"),
        ("depz(a)", "character 1 of the expression: expected a function, not depz"),
        ("a + ", "character 5 of the expression: expected a target, a function or (, but it ends"),
        ("kind(fetch)", "character 11 of the expression: expected ',', not )"),
        ("a [b", "character 3 of the expression: expected an operator, or the end, not ["),
    ],
)
def test_what_is_no_expression_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(InvalidExpression) as raised:
        parse_expression(text)
    assert raised.value.message == message


def test_reaching_goes_as_far_as_it_is_told() -> None:
    steps = {"a": frozenset("b"), "b": frozenset("c"), "c": frozenset("a")}
    assert [reach(frozenset("a"), steps.__getitem__, distance) for distance in (0, 1, None)] == [
        frozenset("a"),
        frozenset("ab"),
        frozenset("abc"),
    ]


@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7))), st.integers(0, 7))
def test_what_is_needed_alone_is_what_would_be_lost_without_the_root(edges: set[tuple[int, int]], top: int) -> None:
    edges = {(user, used) for user, used in edges if used < user}
    paths = [store_path(f"o{number}", Digest.of(bytes([number]))) for number in range(8)]

    def below(start: set[int], without: int = -1) -> set[int]:
        found = set(start)
        for user, used in sorted(edges, reverse=True):  # users first: they have the larger numbers
            if user in found and user != without:
                found.add(used)
        return found

    closure = below({top})
    kept = below(set(range(8)) - closure, without=top)

    def referrers(path: StorePath) -> list[StorePath]:
        return [paths[user] for user, used in edges if paths[used] == path]

    found = needed_alone(paths[top], {paths[number] for number in closure}, referrers)
    assert found == {paths[number] for number in (closure - kept) | {top}}


@pytest.mark.sandbox
def test_derivations_are_selected_and_closures_weighed(hermetica: CommandLine) -> None:
    hermetica.module(*STACK)
    hermetica("build", "--no-link", "./pkgs.py:app", "./pkgs.py:tool")

    def names(expression: str) -> list[str]:
        return hermetica("query", "select", expression).stdout.split()[1::2]

    assert names("deps(./pkgs.py:app) - deps(./pkgs.py:tool)") == ["app", "png-1.6"]
    assert names("rdeps(./pkgs.py, ./pkgs.py:zlib, 1) & name(*-1.*, ./pkgs.py)") == ["png-1.6", "zlib-1.3"]
    assert names("kind(fetch, ./pkgs.py) + (./pkgs.py - realized(./pkgs.py))") == ["page"]
    assert names("kind(fixed, ./pkgs.py)") == ["page"]
    assert "no kind 'x'" in hermetica("query", "select", "kind(x, ./pkgs.py)", status=2).stderr
    (app, tool) = json.loads(hermetica("size", "--json", "./pkgs.py:app", "./pkgs.py:tool").stdout)["targets"]
    text = len("/hermetica/store/") + 32
    png, own = text + len("-zlib-1.3\n"), text + len("-png-1.6\n")
    assert (app["size_bytes"], app["closure_bytes"], app["unique_bytes"]) == (own, own + png + 1, own + png)
    assert (tool["closure_bytes"], tool["unique_bytes"]) == (png + 1, png)
    weighed = hermetica("size", "--objects", "./pkgs.py:tool")
    assert weighed.stderr.endswith(
        "bytes of the closure, of itself, of what only it needs; together 60 B in 2 objects\n"
    )
    lines = weighed.stdout.splitlines()
    assert [line.split()[:-1] for line in lines] == [["60", "59", "59"], ["59", "alone"], ["1"]]
