"""Exceptions from the rules of linters and type checkers: each says its own reason beside it."""

from __future__ import annotations

import io
import re
import tokenize
from typing import TYPE_CHECKING

from tests.house.code import modules

if TYPE_CHECKING:
    from collections.abc import Iterator

EXCEPTION = re.compile(r"#\s*(?:noqa|type: ignore|pyright: ignore)")
REASON = re.compile(r"(?: -- |\]  # )(?!noqa|type: ignore|pyright: ignore)(\S.*)")
POINTS_ELSEWHERE = re.compile(r"likewise|ditto|(?:see|as) (?:above|below)")


def exceptions() -> Iterator[tuple[str, str]]:
    """Where each is, and its comment."""
    for module in (*modules(), *modules("benchmarks"), *modules("scripts"), *modules("tests")):
        source = module.path.read_text(encoding="utf-8")
        if not EXCEPTION.search(source):
            continue
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT and EXCEPTION.match(token.string):
                yield f"{module.where}:{token.start[0]}", token.string


def test_each_exception_from_a_rule_says_its_own_reason_beside_it() -> None:
    found = dict(exceptions())
    reasons = {where: REASON.search(comment) for where, comment in found.items()}
    assert [where for where, reason in reasons.items() if reason is None] == []
    assert [where for where, reason in reasons.items() if reason and POINTS_ELSEWHERE.match(reason[1])] == []
    assert len(found) > 100, "they are looked for in the right places"
